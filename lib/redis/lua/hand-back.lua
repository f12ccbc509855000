-- KEYS stream; ARGV group, consumer, idle, attempts to take off, ids … Gives entries to the consumer that was seen last,
-- with an idle time that makes the next sweep of any instance take them, so that the giver leaves nothing
-- behind. → ids of entries that were deleted.
-- include successor.lua
local successor = successor_of(KEYS[1], ARGV[1], ARGV[2])
local gone = {}
for i = 5, #ARGV do
  local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if owned and #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 0 then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    gone[#gone + 1] = ARGV[i]
  elseif owned then
    local attempt = math.max(0, owned[4] - tonumber(ARGV[4]))
    redis.call('XCLAIM', KEYS[1], ARGV[1], successor, 0, ARGV[i], 'IDLE', ARGV[3], 'RETRYCOUNT', attempt, 'JUSTID')
  end
end
return gone
