-- A session for each request in Envoy's Lua filter. The filter offers no HMAC and no store that
-- workers share, so SHA-256 is written in Lua (FIPS 180-4) and sessions are a table.
local bit = require "bit"
local band, bnot, bor, bxor = bit.band, bit.bnot, bit.bor, bit.bxor
local lshift, rshift, ror, tobit = bit.lshift, bit.rshift, bit.ror, bit.tobit

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local HEADERS = {
  "x-session-id", "x-session-authenticated", "x-session-user-id", "x-session-user-email",
  "x-session-channel", "x-session-currency", "x-session-price-tables", "x-vtex-segment",
}

-- The first 32 bits of the fractional part.
local function fraction(number)
  return tobit(math.floor((number - math.floor(number)) * 2 ^ 32))
end

local ROUNDS, START = {}, {}
do
  local candidate = 2
  while #ROUNDS < 64 do
    local prime = true
    for _, below in ipairs(ROUNDS) do
      prime = prime and candidate % below.prime ~= 0
    end
    if prime then
      ROUNDS[#ROUNDS + 1] = {prime = candidate, constant = fraction(candidate ^ (1 / 3))}
      if #START < 8 then START[#START + 1] = fraction(math.sqrt(candidate)) end
    end
    candidate = candidate + 1
  end
  for at, round in ipairs(ROUNDS) do ROUNDS[at] = round.constant end
end

local words = {}

-- The state after one more block of 64 bytes.
local function compress(state, text, from)
  for at = 1, 16 do
    local a, b, c, d = text:byte(from + at * 4 - 4, from + at * 4 - 1)
    words[at] = bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d)
  end
  for at = 17, 64 do
    local old, new = words[at - 15], words[at - 2]
    local small = bxor(ror(old, 7), ror(old, 18), rshift(old, 3))
    local large = bxor(ror(new, 17), ror(new, 19), rshift(new, 10))
    words[at] = tobit(words[at - 16] + small + words[at - 7] + large)
  end
  local a, b, c, d, e, f, g, h = unpack(state)
  for at = 1, 64 do
    local choice = bxor(band(e, f), band(bnot(e), g))
    local majority = bxor(band(a, b), band(a, c), band(b, c))
    local first = tobit(h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + choice + ROUNDS[at] + words[at])
    local second = tobit(bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + majority)
    h, g, f, e, d, c, b, a = g, f, e, tobit(d + first), c, b, a, tobit(first + second)
  end
  return {
    tobit(state[1] + a), tobit(state[2] + b), tobit(state[3] + c), tobit(state[4] + d),
    tobit(state[5] + e), tobit(state[6] + f), tobit(state[7] + g), tobit(state[8] + h),
  }
end

local function bytes(word)
  return string.char(rshift(word, 24), band(rshift(word, 16), 255), band(rshift(word, 8), 255), band(word, 255))
end

-- The hash of what led to `state`, one block, and `text` behind it.
local function finish(state, text)
  local length = bytes((64 + #text) * 8)
  text = text .. "\128" .. ("\0"):rep((55 - #text) % 64) .. "\0\0\0\0" .. length
  for from = 1, #text, 64 do state = compress(state, text, from) end
  local parts = {}
  for at = 1, 8 do parts[at] = bytes(state[at]) end
  return table.concat(parts)
end

local encode, decode = {}, {}
for at = 1, 64 do
  local letter = ALPHABET:sub(at, at)
  encode[at - 1], decode[letter] = letter, at - 1
end

local function base64(text)
  local parts = {}
  for from = 1, #text, 3 do
    local a, b, c = text:byte(from, from + 2)
    local group = a * 65536 + (b or 0) * 256 + (c or 0)
    parts[#parts + 1] = encode[rshift(group, 18)] .. encode[band(rshift(group, 12), 63)]
      .. (b and encode[band(rshift(group, 6), 63)] or "") .. (c and encode[band(group, 63)] or "")
  end
  return table.concat(parts)
end

local function unbase64(text)
  local parts, group, bits = {}, 0, 0
  for letter in text:gmatch(".") do
    group, bits = group * 64 + decode[letter], bits + 6
    if bits >= 8 then
      bits = bits - 8
      parts[#parts + 1] = string.char(math.floor(group / 2 ^ bits) % 256)
      group = group % 2 ^ bits
    end
  end
  return table.concat(parts)
end

-- HMAC (RFC 2104): what the key alone decides is worked out once.
local inner, outer
do
  local file = assert(io.open("@data@/key"))
  local key = unbase64(file:read("*l"))
  file:close()
  key = key .. ("\0"):rep(64 - #key)
  local function padded(with)
    return key:gsub(".", function(letter) return string.char(bxor(letter:byte(), with)) end)
  end
  inner, outer = compress(START, padded(0x36), 1), compress(START, padded(0x5c), 1)
end

local sessions = {}
for line in io.lines("@data@/sessions.map") do
  local id, session = line:match("^(%S+) (.+)$")
  sessions[id] = session
end

local function find(cookie)
  local signed, id, given = cookie:match("^(([%w_-]+)%.%x+)%.([%w_-]+)$")
  if signed and base64(finish(outer, finish(inner, signed))) == given then
    return sessions[id]
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local cookies, query = {}, {}
  for name, value in (headers:get("cookie") or ""):gmatch("([^=; ]+)=([^;]*)") do
    cookies[name] = value
  end
  for name, value in headers:get(":path"):gmatch("[?&]([^&=]+)=([^&]*)") do
    query[name] = value
  end
  local session = cookies.vtex_session and find(cookies.vtex_session)
  if not session then
    for _, name in ipairs(HEADERS) do headers:remove(name) end
    return
  end
  local at = 0
  for value in session:gmatch("[^|]+") do
    at = at + 1
    headers:replace(HEADERS[at], value)
  end
end
