-- Notes the cookie that was issued last on a live session.
-- KEYS[1] the session; ARGV: 1 now, 2 newest record version, 3 channel, 4 message,
-- 5 issue and cookie
local old = redis.call('GETRANGE', KEYS[1], 0, 99)
if old == '' then return 0 end
if string.byte(old, 1) > 49 or (string.byte(old, 100) or 0) > tonumber(ARGV[2]) then return -1 end
if string.sub(old, 2, 2) ~= 'L' or tonumber(ARGV[1])
  > tonumber(string.sub(old, 3, 17)) + tonumber(string.sub(old, 18, 32)) then return 0 end
redis.call('PUBLISH', ARGV[3], ARGV[4])
redis.call('SETRANGE', KEYS[1], 52, ARGV[5])
return 1
