-- Moves the last use of a live session forwards, never back, and its life with it.
-- KEYS[1] the session; ARGV: 1 now, 2 newest record version, 3 the moment
local old = redis.call('GETRANGE', KEYS[1], 0, 99)
if string.byte(old, 1) ~= 49 or string.sub(old, 2, 2) ~= 'L'
  or (string.byte(old, 100) or 0) > tonumber(ARGV[2]) then return 0 end
if tonumber(ARGV[3]) <= tonumber(string.sub(old, 3, 17)) then return 0 end
redis.call('SETRANGE', KEYS[1], 2, ARGV[3])
redis.call('PEXPIRE', KEYS[1], string.format('%d',
  math.max(1, tonumber(ARGV[3]) + tonumber(string.sub(old, 18, 32)) - tonumber(ARGV[1]))))
return 1
