-- KEYS stream, dead-letter stream; ARGV id of the letter, idle → 'missing' | 'redriven'. An entry that is still in its
-- stream becomes pending again for its group alone, under its old id; one that is not is added anew, marked for that
-- group.
-- include successor.lua
local letter = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if not letter then return 'missing' end
local own = {['x-stream'] = 1, ['x-group'] = 1, ['x-id'] = 1, ['x-attempts'] = 1, ['x-reason'] = 1, ['x-error'] = 1,
  ['x-failed-at'] = 1, ['x-packed'] = 1, ['x-only-group'] = 1}
local about, fields = {}, {}
for i = 1, #letter[2], 2 do
  local name, value = letter[2][i], letter[2][i + 1]
  if own[name] then
    about[name] = value
  else
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
end
local group, id = about['x-group'], about['x-id']
if #redis.call('XRANGE', KEYS[1], id, id) == 1 then
  if #redis.call('XPENDING', KEYS[1], group, id, id, 1) == 0 then
    local successor = successor_of(KEYS[1], group, 'redriven')
    redis.call('XCLAIM', KEYS[1], group, successor, 0, id, 'IDLE', ARGV[2], 'RETRYCOUNT', 0, 'FORCE', 'JUSTID')
  end
else
  if about['x-packed'] then fields = cmsgpack.unpack(about['x-packed']) end
  local args = {'XADD', KEYS[1], '*', 'x-only-group', group}
  for i = 1, #fields do args[#args + 1] = fields[i] end
  redis.call(unpack(args))
end
redis.call('XDEL', KEYS[2], ARGV[1])
return 'redriven'
