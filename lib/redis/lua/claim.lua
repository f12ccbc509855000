-- Only its fields show that an entry exists, and they may be large: a script that reads them for a hundred entries
-- holds up Redis. From 7.0 on, XCLAIM also shows it, and drops entries that were deleted.
local function has(id) return #redis.call('XRANGE', KEYS[1], id, id) > 0 end

-- Gives an entry to a consumer → whether the entry exists, if that matters.
local function claim(matters, consumer, id, ...)
  if matters and not redis.REDIS_VERSION_NUM and not has(id) then return false end
  return #redis.call('XCLAIM', KEYS[1], ARGV[1], consumer, 0, id, ...) > 0
end
