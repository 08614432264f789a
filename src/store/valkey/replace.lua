-- Puts a marker or a tombstone in a session's place.
-- KEYS[1] the session; ARGV: 1 now, 2 newest record version, 3 channel, 4 message,
-- 5 head and record, 6 its life in milliseconds, 7 whether a live session has to be there
local old = redis.call('GETRANGE', KEYS[1], 0, 99)
if old ~= '' and
  (string.byte(old, 1) > 49 or (string.byte(old, 100) or 0) > tonumber(ARGV[2])) then return -1 end
if ARGV[7] == '1' and (string.sub(old, 2, 2) ~= 'L' or tonumber(ARGV[1])
  > tonumber(string.sub(old, 3, 17)) + tonumber(string.sub(old, 18, 32))) then return 0 end
redis.call('PUBLISH', ARGV[3], ARGV[4])
redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[6])
return 1
