-- KEYS stream, dead-letter stream; ARGV group, consumer, id, '1' to delete the entry, then names and values to add →
-- {'stored', id of the dead letter} | {'not-owned'} | {'gone'}. A field of the entry with the name of a dead-letter
-- field keeps its value as `x-own:<name>`. Lua passes at most about 8,000 values to a call, so an entry with more than
-- 2,000 fields is kept whole as MessagePack in one field.
local group, consumer, id = ARGV[1], ARGV[2], ARGV[3]
if #redis.call('XPENDING', KEYS[1], group, id, id, 1, consumer) == 0 then return {'not-owned'} end
local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
if not entry then
  redis.call('XACK', KEYS[1], group, id)
  return {'gone'}
end
local taken = {['x-packed'] = true}
for i = 5, #ARGV, 2 do taken[ARGV[i]] = true end
local args = {'XADD', KEYS[2], '*'}
if #entry[2] > 4000 then
  args[#args + 1] = 'x-packed'
  args[#args + 1] = cmsgpack.pack(entry[2])
else
  for i = 1, #entry[2], 2 do
    local name = entry[2][i]
    if taken[name] or name:sub(1, 6) == 'x-own:' then name = 'x-own:' .. name end
    args[#args + 1] = name
    args[#args + 1] = entry[2][i + 1]
  end
end
for i = 5, #ARGV do args[#args + 1] = ARGV[i] end
local letter = redis.call(unpack(args))
redis.call('XACK', KEYS[1], group, id)
if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], id) end
return {'stored', letter}
