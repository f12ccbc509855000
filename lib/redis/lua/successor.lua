-- The consumer that was seen last, within a minute; the giver itself when there is no other.
local function successor_of(key, group, giver)
  local successor, seen = giver, 60000
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    local about = {}
    for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
    if about.name ~= giver and about.idle < seen then successor, seen = about.name, about.idle end
  end
  return successor
end
