-- Moves a record that cannot be read out of the way, if it is still the one that was read.
-- KEYS[1] the record, KEYS[2] where it goes; ARGV: 1 what was read, 2 how long it stays there
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
