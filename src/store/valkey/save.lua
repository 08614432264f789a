-- Keeps a changed session where the one that is kept has the version it was based on.
-- KEYS[1] the session; ARGV: 1 now, 2 newest record version, 3 channel, 4 message,
-- 5 version it was based on, 6 last use, 7 keep, 8 version, 9 record
local old = redis.call('GETRANGE', KEYS[1], 0, 99)
if old == '' then return false end
if string.byte(old, 1) > 49 or (string.byte(old, 100) or 0) > tonumber(ARGV[2]) then return -1 end
local seen = tonumber(string.sub(old, 3, 17))
if string.sub(old, 2, 2) ~= 'L' or string.sub(old, 33, 52) ~= ARGV[5]
  or tonumber(ARGV[1]) > seen + tonumber(string.sub(old, 18, 32)) then return false end
seen = math.max(seen, tonumber(ARGV[6]))
local head = '1L' .. string.format('%015d', seen) .. ARGV[7] .. ARGV[8] .. string.sub(old, 53, 99)
redis.call('PUBLISH', ARGV[3], ARGV[4])
redis.call('SET', KEYS[1], head .. ARGV[9], 'PX',
  string.format('%d', math.max(1, seen + tonumber(ARGV[7]) - tonumber(ARGV[1]))))
return head
