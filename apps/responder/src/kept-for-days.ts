const KEPT_SECONDS = 7 * 24 * 3_600;
/** More than one, so that what has piled up while nothing was added disappears, too. */
const MAX_DROPPED = 100;

/**
 * Start of a script: the function `keep` adds a field to a hash unless it exists, returns whether it did, and drops
 * fields that were added a week ago. The age of the fields is in a sorted set beside the hash: only Redis 7.4 and newer
 * let a field of a hash expire.
 */
export const KEEP = `
local function keep(hash, ages, field, value)
  if redis.call('HSETNX', hash, field, value) == 0 then return false end
  local now = tonumber(redis.call('TIME')[1])
  redis.call('ZADD', ages, now, field)
  local old = redis.call('ZRANGEBYSCORE', ages, '-inf', now - ${KEPT_SECONDS}, 'LIMIT', 0, ${MAX_DROPPED})
  if #old > 0 then
    redis.call('HDEL', hash, unpack(old))
    redis.call('ZREM', ages, unpack(old))
  end
  for _, key in ipairs({hash, ages}) do redis.call('EXPIRE', key, ${KEPT_SECONDS}) end
  return true
end`;

/** Key of the ages of the fields of a hash. Both share a hash slot if the name of the hash has a hash tag. */
export const agesOf = (hash: string): string => `${hash}:ages`;
