-- Notes that a person acts in a session; the newest sessions are remembered.
-- KEYS[1] the person; ARGV: 1 now, 2 session, 3 life in milliseconds, 4 how many
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[4]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
