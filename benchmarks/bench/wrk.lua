-- Sends the requests of a file in turn, each as often as the third argument says, from a place that the second says.
-- At the end it prints what was measured.
local requests, index, times, sent = {}, 0, 1, 0

function init(arguments)
  for request in io.open(arguments[1], "rb"):read("*a"):gmatch("[^\1]+") do
    requests[#requests + 1] = request
  end
  index = tonumber(arguments[2]) % #requests
  times = tonumber(arguments[3])
end

function request()
  sent = sent + 1
  if sent > times then
    index, sent = (index + 1) % #requests, 1
  end
  return requests[index + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "bytes": %d, "refused": %d, "broken": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
