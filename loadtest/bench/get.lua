-- wrk: gets some paths again and again, in turn, as one user.
--   arguments: TOKENS PATHS   a file whose first line is a bearer token, and a file with a path a line
-- Why there is no response(): see create.lua.

local requests, turn = {}, 0

function init(arguments)
  local token = io.lines(arguments[1])()
  for path in io.lines(arguments[2]) do
    requests[#requests + 1] = "GET " .. path .. " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port
      .. "\r\nAuthorization: Bearer " .. token .. "\r\n\r\n"
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p95_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3))
end
