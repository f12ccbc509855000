-- KEYS stream, dead-letter stream; ARGV id of the dead letter, idle → 'redriven' | 'missing' | 'foreign' | 'elsewhere'
-- | 'no-group' | 'too-wide'. An entry that is still in its stream becomes pending again, only for its group and under
-- its old id. Otherwise a copy is added, marked with the group and the original id. Either way the group has to exist:
-- all other groups would ack an entry that is marked for a missing group.
-- include successor.lua
local letter = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if not letter then return 'missing' end
local own = {['x-stream'] = 1, ['x-group'] = 1, ['x-id'] = 1, ['x-attempts'] = 1, ['x-reason'] = 1, ['x-error'] = 1,
  ['x-failed-at'] = 1, ['x-packed'] = 1, ['x-only-group'] = 1, ['x-redriven'] = 1}
local about, fields = {}, {}
local function sort(flat, restore)
  for i = 1, #flat, 2 do
    local name, value = flat[i], flat[i + 1]
    if own[name] then
      about[name] = value
    else
      fields[#fields + 1] = restore and name:match('^x%-own:(.*)$') or name
      fields[#fields + 1] = value
    end
  end
end
sort(letter[2], true)
local group, id = about['x-group'], about['x-id']
if not group or not id or not id:match('^%d+%-%d+$') then return 'foreign' end
-- `q` and `{q}` have the same dead-letter stream.
local from = about['x-stream'] or KEYS[1]
if from ~= KEYS[1] and (from .. ':dead' == KEYS[2] or '{' .. from .. '}:dead' == KEYS[2]) then return 'elsewhere' end
local pending = redis.pcall('XPENDING', KEYS[1], group, id, id, 1)
if pending.err then
  if pending.err:find('NOGROUP', 1, true) then return 'no-group' end
  return pending.err:find('Invalid stream ID', 1, true) and 'foreign' or pending
end
if #redis.call('XRANGE', KEYS[1], id, id) == 1 then
  if #pending == 0 then
    local successor = successor_of(KEYS[1], group, 'redriven')
    redis.call('XCLAIM', KEYS[1], group, successor, 0, id, 'IDLE', ARGV[2], 'RETRYCOUNT', 0, 'FORCE', 'JUSTID')
  end
else
  if about['x-packed'] then
    local is_packed, packed = pcall(cmsgpack.unpack, about['x-packed'])
    if not is_packed or type(packed) ~= 'table' then return 'foreign' end
    own = {['x-only-group'] = 1, ['x-redriven'] = 1}
    fields = {}
    sort(packed, false)
  end
  if #fields > 7900 then return 'too-wide' end
  local args = {'XADD', KEYS[1], '*', 'x-only-group', group, 'x-redriven', about['x-redriven'] or id}
  for i = 1, #fields do args[#args + 1] = fields[i] end
  redis.call(unpack(args))
end
redis.call('XDEL', KEYS[2], ARGV[1])
return 'redriven'
