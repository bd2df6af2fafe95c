-- wrk: creates tasks for random users, each request with a key of its own.
--   arguments: TOKENS RUN [PAUSE]   a file with a bearer token a line; eight digits that no other run has; the mean
--                                   pause of a connection between two requests, in milliseconds (none: no pause)
--
-- There is no response() here: wrk would make a table of each answer's headers, at the cost of the machine that is being
-- measured. Whether every answer had the right status is told by the service's own counts: see load.sh.

local heads, run, n = {}, "", 0

-- A task as a person would write it, the same size each time.
local title = "Call the landlord about the heating, %08d"
local body = '{"title":"' .. title .. '","description":"The radiator in the bedroom stays cold since Monday. '
  .. 'Ask for an appointment before the weekend; the number is on the lease, third page.",'
  .. '"priority":"medium","dueDate":"2026-12-01"}'

function init(arguments)
  for token in io.lines(arguments[1]) do
    heads[#heads + 1] = "POST /api/v1/tasks HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
      .. "\r\nAuthorization: Bearer " .. token .. "\r\nContent-Type: application/json\r\nIdempotency-Key: "
  end
  run = arguments[2]
  math.randomseed(tonumber(run))
  local pause = tonumber(arguments[3])
  if pause then
    delay = function() return math.random(0, 2 * pause) end
  end
end

function request()
  n = n + 1
  local text = string.format(body, n)
  return heads[math.random(#heads)] .. string.format("%s-0000-4000-8000-%012d\r\nContent-Length: %d\r\n\r\n", run, n, #text)
    .. text
end

-- One line of JSON for the caller.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
