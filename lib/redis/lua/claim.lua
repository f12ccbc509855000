-- Only the fields of an entry say that it is there, and they may be large: a script that reads them for each of a hundred
-- entries holds up Redis. From 7.0 on XCLAIM says so as well, and forgets what was deleted.
local function has(id) return #redis.call('XRANGE', KEYS[1], id, id) > 0 end

-- Gives an entry to a consumer → whether it is there, where that matters.
local function claim(matters, consumer, id, ...)
  if matters and not redis.REDIS_VERSION_NUM and not has(id) then return false end
  return #redis.call('XCLAIM', KEYS[1], ARGV[1], consumer, 0, id, ...) > 0
end
