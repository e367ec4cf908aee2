-- The requests of one run, for wrk: `wrk ... -s wrk.lua URL -- DIRECTORY KIND FIRST COUNT`
--
--   pool     the texts of DIRECTORY/texts in turn
--   unique   texts that no run has sent before: numbers from FIRST on, spelled in words, before each of the texts
--   batch    64 of those in one request
--   zipf     COUNT texts in the order of DIRECTORY/draws, made this run's own by the words for FIRST; then the end
--
-- Texts are lines, escaped for JSON already. The last line printed is JSON.
local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int, int);")

local BATCH, SIGINT = 64, 2
local texts, words, draws, requests = {}, {}, {}, {}
local kind, number, left, at = "", 0, 0, 0

local function lines(path)
  local all = {}
  for line in io.lines(path) do all[#all + 1] = line end
  return all
end

local function request_of(body)
  return table.concat({
    "POST ", wrk.path, " HTTP/1.1\r\nHost: ", wrk.host,
    "\r\nContent-Type: application/json\r\nContent-Length: ", #body, "\r\n\r\n", body,
  })
end

-- Four digits to the base of 100, each with a hundred words of its own, and a fifth for what is left.
local function spell(n)
  local said = {}
  for place = 0, 4 do
    said[place + 1] = words[place * 100 + n % 100 + 1]
    n = math.floor(n / 100)
  end
  return table.concat(said, " ") .. " "
end

local function fresh()
  number, at = number + 1, at % #texts + 1
  return '"' .. spell(number) .. texts[at] .. '"'
end

local makers = {
  pool = function()
    at = at % #requests + 1
    return requests[at]
  end,
  unique = function() return request_of('{"text":' .. fresh() .. "}") end,
  batch = function()
    local all = {}
    for i = 1, BATCH do all[i] = fresh() end
    return request_of('{"texts":[' .. table.concat(all, ",") .. "]}")
  end,
  zipf = function()
    left, at = left - 1, at % #draws + 1
    if left < 0 then
      wrk.thread:stop()
      ffi.C.kill(ffi.C.getpid(), SIGINT) -- wrk's main thread sleeps for the whole duration otherwise
    end
    return requests[draws[at]]
  end,
}

function init(args)
  local directory = args[1]
  kind, number, left = args[2], tonumber(args[3]), tonumber(args[4])
  texts = lines(directory .. "/texts")
  if kind ~= "pool" then words = lines(directory .. "/words") end
  local own = kind == "zipf" and spell(number) or ""
  if kind == "pool" or kind == "zipf" then
    for i, text in ipairs(texts) do requests[i] = request_of('{"text":"' .. own .. text .. '"}') end
  end
  if kind == "zipf" then
    for i, draw in ipairs(lines(directory .. "/draws")) do draws[i] = tonumber(draw) end
  end
end

function request() return makers[kind]() end

function done(summary, latency)
  local e = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f, "worst_ms": %.4f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout
  ))
end
