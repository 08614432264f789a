-- Moves the last use of a live login forwards, never back. Its life is its token's.
-- KEYS[1] the login; ARGV: 1 newest record version, 2 the moment
local old = redis.call('GETRANGE', KEYS[1], 0, 17)
if string.byte(old, 1) ~= 49 or string.sub(old, 2, 2) ~= '0'
  or (string.byte(old, 18) or 0) > tonumber(ARGV[1]) then return 0 end
if tonumber(ARGV[2]) <= tonumber(string.sub(old, 3, 17)) then return 0 end
redis.call('SETRANGE', KEYS[1], 2, ARGV[2])
return 1
