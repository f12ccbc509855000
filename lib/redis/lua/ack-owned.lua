-- KEYS stream; ARGV group, consumer, number of requests, ids of requests …, other ids … Acks the entries that this
-- consumer still owns, and deletes the requests among them. → ids that it no longer owns.
local lost = {}
local requests = tonumber(ARGV[3])
for i = 4, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    if i - 3 <= requests then redis.call('XDEL', KEYS[1], ARGV[i]) end
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
