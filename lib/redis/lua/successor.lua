-- The other consumer that was seen last; the giver itself if there is no other. Before Redis 7.2, Redis does not see a
-- consumer that waits for new entries, so a long absence means nothing. Whichever consumer gets the entries, the next
-- sweep of any instance takes them.
-- include pairs.lua
local function successor_of(key, group, giver)
  local successor, seen = giver, math.huge
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    local about = pairs_of(info)
    if about.name ~= giver and about.idle < seen then successor, seen = about.name, about.idle end
  end
  return successor
end
