-- Sends GET, or with the argument `POST` a form of 80 bytes. The second argument is how many
-- milliseconds a connection pauses before each request.
function init(args)
  local pause = tonumber(args[2]) or 0
  if pause > 0 then
    function delay() return pause end
  end
  if args[1] == "POST" then
    wrk.method = "POST"
    wrk.body = "text=" .. ("x"):rep(75)
  end
end

-- Tells what wrk has measured as one JSON line; times in microseconds.
function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"bytes":%d,"microseconds":%d,"p50":%d,"p99":%d,"max":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.bytes, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
