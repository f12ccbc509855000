-- KEYS stream; ARGV group, consumer, number of requests, ids of requests …, other ids …
-- → {ids that this consumer no longer owns, ids of requests that were deleted}. A deleted request has no caller any more.
local lost, deleted = {}, {}
local requests = tonumber(ARGV[3])
for i = 4, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 0 then
    lost[#lost + 1] = ARGV[i]
  elseif i - 3 <= requests and #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 0 then
    deleted[#deleted + 1] = ARGV[i]
  else
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  end
end
return {lost, deleted}
