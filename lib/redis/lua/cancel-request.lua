-- KEYS stream; ARGV control channel, then pairs of entry id and request id. Deletes the entries, and announces those
-- that a server has read. → what Redis refused after the deletion, '' if nothing. The commands after the deletion use
-- pcall: a user without the permissions for them still deletes.
for i = 2, #ARGV, 2 do redis.call('XDEL', KEYS[1], ARGV[i]) end
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return groups.err end
-- include pairs.lua
local function is_held(id)
  for _, info in ipairs(groups) do
    local about = pairs_of(info)
    local found = redis.pcall('XPENDING', KEYS[1], about.name, id, id, 1)
    if found.err then return false, found.err end
    if #found > 0 then return true end
  end
  return false
end
for i = 2, #ARGV, 2 do
  local held, refused = is_held(ARGV[i])
  if held then
    local told = redis.pcall('PUBLISH', ARGV[1], '{"kind":"cancel","id":"' .. ARGV[i + 1] .. '"}')
    refused = type(told) == 'table' and told.err
  end
  if refused then return refused end
end
return ''
