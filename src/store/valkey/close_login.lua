-- Ends a login, once.
-- KEYS[1] the login; ARGV: 1 newest record version, 2 channel, 3 message, 4 how it ended
local old = redis.call('GETRANGE', KEYS[1], 0, 17)
if old == '' then return 0 end
if string.byte(old, 1) > 49 or (string.byte(old, 18) or 0) > tonumber(ARGV[1]) then return -1 end
if string.sub(old, 2, 2) ~= '0' then return 0 end
redis.call('PUBLISH', ARGV[2], ARGV[3])
redis.call('SETRANGE', KEYS[1], 1, ARGV[4])
return 1
