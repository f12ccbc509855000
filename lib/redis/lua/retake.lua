-- KEYS stream; ARGV group, consumer, then id and number of the next attempt in pairs → {id, fields | false} of the
-- entries that this consumer still owns. The number is set, not incremented: a call that is repeated after its answer
-- was lost counts once.
local taken = {}
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'RETRYCOUNT', ARGV[i + 1])[1]
    local fields = claimed and claimed[2]
    if not fields then redis.call('XACK', KEYS[1], ARGV[1], id) end
    taken[#taken + 1] = {id, fields or false}
  end
end
return taken
