-- KEYS stream; ARGV group, consumer, number of requests, ids of requests …, other ids … → {ids that another consumer
-- owns by now, or that are settled, ids of requests that were deleted}. A deleted request has no caller any more. A
-- deleted event is in neither list: it is no longer pending, so no other consumer owns it.
-- include claim.lua
local lost, deleted = {}, {}
local requests = tonumber(ARGV[3])
for i = 4, #ARGV do
  local is_request = i - 3 <= requests
  local is_owned = #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1
  local is_there
  if is_owned then is_there = claim(is_request, ARGV[2], ARGV[i], 'JUSTID') else is_there = has(ARGV[i]) end
  if not is_there then
    if is_request then deleted[#deleted + 1] = ARGV[i] end
  elseif not is_owned then
    lost[#lost + 1] = ARGV[i]
  end
end
return {lost, deleted}
