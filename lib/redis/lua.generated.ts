// Made by `npm run lua` from lib/redis/lua/*.lua; change those.
import { script } from './script.js';

export const BATCH = script(`
local templates, replies, at = {}, {}, 2
for t = 1, tonumber(ARGV[1]) do
  local size, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local holes, words = {}, {}
  for i = 1, count do holes[i] = tonumber(ARGV[at + 1 + i]) end
  for i = 1, size do words[i] = ARGV[at + 1 + count + i] end
  templates[t] = {words, holes, size}
  at = at + 2 + count + size
end
while at <= #ARGV do
  local words, holes, size = unpack(templates[tonumber(ARGV[at])])
  for i = 1, #holes do words[holes[i]] = ARGV[at + i] end
  local reply = redis.pcall(unpack(words, 1, size))
  if type(reply) == 'table' and reply.err then reply = '!' .. reply.err end
  replies[#replies + 1] = reply
  at = at + #holes + 1
end
return replies
`);

export const DEAD_LETTER = script(`
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
`);

export const HAND_BACK = script(`
local function successor_of(key, group, giver)
  local successor, seen = giver, 60000
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    local about = {}
    for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
    if about.name ~= giver and about.idle < seen then successor, seen = about.name, about.idle end
  end
  return successor
end
local successor = successor_of(KEYS[1], ARGV[1], ARGV[2])
local gone = {}
for i = 5, #ARGV do
  local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if owned and #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) == 0 then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    gone[#gone + 1] = ARGV[i]
  elseif owned then
    local attempt = math.max(0, owned[4] - tonumber(ARGV[4]))
    redis.call('XCLAIM', KEYS[1], ARGV[1], successor, 0, ARGV[i], 'IDLE', ARGV[3], 'RETRYCOUNT', attempt, 'JUSTID')
  end
end
return gone
`);

export const REDRIVE = script(`
local function successor_of(key, group, giver)
  local successor, seen = giver, 60000
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    local about = {}
    for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
    if about.name ~= giver and about.idle < seen then successor, seen = about.name, about.idle end
  end
  return successor
end
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
if #redis.call('XRANGE', KEYS[1], id, id) == 1 then
  local pending = redis.pcall('XPENDING', KEYS[1], group, id, id, 1)
  if pending.err then return pending.err:find('NOGROUP', 1, true) and 'homeless' or pending end
  if #pending == 0 then
    local successor = successor_of(KEYS[1], group, 'redriven')
    redis.call('XCLAIM', KEYS[1], group, successor, 0, id, 'IDLE', ARGV[2], 'RETRYCOUNT', 0, 'FORCE', 'JUSTID')
  end
else
  if about['x-packed'] then
    own = {['x-only-group'] = 1, ['x-redriven'] = 1}
    fields = {}
    sort(cmsgpack.unpack(about['x-packed']), false)
  end
  if #fields > 7900 then return 'too-wide' end
  local args = {'XADD', KEYS[1], '*', 'x-only-group', group, 'x-redriven', about['x-redriven'] or id}
  for i = 1, #fields do args[#args + 1] = fields[i] end
  redis.call(unpack(args))
end
redis.call('XDEL', KEYS[2], ARGV[1])
return 'redriven'
`);

export const RENEW = script(`
local lost = {}
for i = 3, #ARGV do
  local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if #owned == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`);

export const RETIRE = script(`
local retired = 0
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local about = {}
  for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
  local own = about.name == ARGV[2]
  local due = ARGV[3] == '' and own or ARGV[3] ~= '' and not own and about.idle >= tonumber(ARGV[3])
  if due and about.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], about.name)
    retired = retired + 1
  end
end
return retired
`);

export const TAKE = script(`
local least, below = tonumber(ARGV[4]), tonumber(ARGV[5]) or math.huge
local taken = {}
for i = 7, #ARGV do
  local found = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
  if found and (ARGV[3] == '' or found[2] == ARGV[3]) and found[3] >= least and found[3] < below then
    local attempt = math.max(1, found[4] + tonumber(ARGV[6]))
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'RETRYCOUNT', attempt)[1]
    if claimed and claimed[2] then
      taken[#taken + 1] = {ARGV[i], attempt, claimed[2], found[2]}
    else
      redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
      taken[#taken + 1] = {ARGV[i], attempt, false, found[2]}
    end
  end
end
return taken
`);

export const TRIM = script(`
local function before(a, b)
  local ams, aseq = a:match('^(%d+)-(%d+)$')
  local bms, bseq = b:match('^(%d+)-(%d+)$')
  if ams ~= bms then return #ams < #bms or #ams == #bms and ams < bms end
  return #aseq < #bseq or #aseq == #bseq and aseq < bseq
end
local bound
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local about = {}
  for i = 1, #info, 2 do about[info[i]] = info[i + 1] end
  local settled = about['last-delivered-id']
  if about.pending > 0 then
    local oldest = redis.call('XPENDING', KEYS[1], about.name)[2]
    if oldest and before(oldest, settled) then settled = oldest end
  end
  if not bound or before(settled, bound) then bound = settled end
end
bound = bound or '0-0'
if ARGV[2] ~= '' then redis.call('XTRIM', KEYS[1], 'MINID', '=', before(ARGV[2], bound) and ARGV[2] or bound) end
local excess = redis.call('XLEN', KEYS[1]) - tonumber(ARGV[1])
if excess > 0 then excess = excess - redis.call('XTRIM', KEYS[1], 'MINID', '~', bound, 'LIMIT', excess) end
return math.max(0, excess)
`);
