-- The other consumer that was seen last; the giver itself when there is no other. Before Redis 7.2 a consumer that waits for
-- new entries is not seen, so a long absence says nothing; and whoever gets them, the next sweep of any instance takes them.
-- include pairs.lua
local function successor_of(key, group, giver)
  local successor, seen = giver, math.huge
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    local about = pairs_of(info)
    if about.name ~= giver and about.idle < seen then successor, seen = about.name, about.idle end
  end
  return successor
end
