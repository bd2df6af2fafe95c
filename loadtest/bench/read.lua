-- wrk: reads random tasks of random users.
--   arguments: TOKENS TASKS [PAUSE]   a file with a bearer token a line, how many tasks each of their users has, and the mean
--                                     pause of a connection between two requests, in milliseconds (none: no pause)
-- Ids are those that start.sql gave. Why there is no response(): see create.lua.

local heads, tasks = {}, 0

function init(arguments)
  for token in io.lines(arguments[1]) do
    heads[#heads + 1] = " HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\nAuthorization: Bearer " .. token
      .. "\r\n\r\n"
  end
  tasks = tonumber(arguments[2])
  local pause = tonumber(arguments[3])
  if pause then
    delay = function() return math.random(0, 2 * pause) end
  end
end

function request()
  local user = math.random(#heads)
  local task = 100000000000 + user * 1000 + math.random(tasks)
  return string.format("GET /api/v1/tasks/0193a7c1-0000-7000-8000-%.0f", task) .. heads[user]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"refused":%d,"broken":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
