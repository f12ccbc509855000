-- KEYS stream; ARGV group, consumer, idle, attempts to take off, ids … Gives entries to the other consumer that was
-- seen last, with an idle time that makes the next sweep of any instance take them, so that this consumer leaves
-- nothing behind. → ids of entries that were deleted.
-- include successor.lua
-- include claim.lua
local successor = successor_of(KEYS[1], ARGV[1], ARGV[2])
local gone = {}
for i = 5, #ARGV do
  local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if owned then
    local attempt = math.max(0, owned[4] - tonumber(ARGV[4]))
    if not claim(true, successor, ARGV[i], 'IDLE', ARGV[3], 'RETRYCOUNT', attempt, 'JUSTID') then
      redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
      gone[#gone + 1] = ARGV[i]
    end
  end
end
return gone
