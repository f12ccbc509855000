// Made by `npm run lua` from lib/redis/lua/*.lua; change those.
import { script } from './script.js';

export const ACK_OWNED = script(`
local lost = {}
local requests = tonumber(ARGV[3])
for i = 4, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    if i - 3 <= requests then redis.call('XDEL', KEYS[1], ARGV[i]) end
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
`);

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

export const CANCEL_REQUEST = script(`
for i = 2, #ARGV, 2 do redis.call('XDEL', KEYS[1], ARGV[i]) end
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
if groups.err then return groups.err end
local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end
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
local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end
local function successor_of(key, group, giver)
  local successor, seen = giver, math.huge
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    local about = pairs_of(info)
    if about.name ~= giver and about.idle < seen then successor, seen = about.name, about.idle end
  end
  return successor
end
local function has(id) return #redis.call('XRANGE', KEYS[1], id, id) > 0 end

local function claim(matters, consumer, id, ...)
  if matters and not redis.REDIS_VERSION_NUM and not has(id) then return false end
  return #redis.call('XCLAIM', KEYS[1], ARGV[1], consumer, 0, id, ...) > 0
end
local successor = successor_of(KEYS[1], ARGV[1], ARGV[2])
local gone = {}
for i = 5, #ARGV do
  local owned = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
  if owned then
    local attempt = math.max(0, owned[4] - tonumber(ARGV[4]))
    if not claim(true, successor, ARGV[i], 'IDLE', ARGV[3], 'RETRYCOUNT', attempt, 'JUSTID') then
      redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
      gone[#gone + 1] = ARGV[i]
    end
  end
end
return gone
`);

export const REDRIVE = script(`
local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end
local function successor_of(key, group, giver)
  local successor, seen = giver, math.huge
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', key, group)) do
    local about = pairs_of(info)
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
local from = about['x-stream'] or KEYS[1]
if from ~= KEYS[1] and (from .. ':dead' == KEYS[2] or '{' .. from .. '}:dead' == KEYS[2]) then return 'elsewhere' end
local pending = redis.pcall('XPENDING', KEYS[1], group, id, id, 1)
if pending.err then
  if pending.err:find('NOGROUP', 1, true) then return 'homeless' end
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
`);

export const RENEW = script(`
local function has(id) return #redis.call('XRANGE', KEYS[1], id, id) > 0 end

local function claim(matters, consumer, id, ...)
  if matters and not redis.REDIS_VERSION_NUM and not has(id) then return false end
  return #redis.call('XCLAIM', KEYS[1], ARGV[1], consumer, 0, id, ...) > 0
end
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
`);

export const RETAKE = script(`
local taken = {}
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1 then
    local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'RETRYCOUNT', ARGV[i + 1])[1]
    local fields = claimed and claimed[2]
    if not fields then redis.call('XACK', KEYS[1], ARGV[1], id) end
    taken[#taken + 1] = {id, fields or false}
  end
end
return taken
`);

export const RETIRE = script(`
local retired = 0
local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end
local function signature_of(name) return 'seen:' .. ARGV[1] .. ':' .. name end
local consumers = redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
local signs = KEYS[2] and #consumers > 0 and not pairs_of(consumers[1]).inactive
if signs and ARGV[3] ~= '' then redis.call('HSET', KEYS[2], signature_of(ARGV[2]), ARGV[4]) end
for _, info in ipairs(consumers) do
  local about = pairs_of(info)
  local own = about.name == ARGV[2]
  local due = own
  if ARGV[3] ~= '' then
    local ttl = tonumber(ARGV[3])
    due = not own and about.idle >= ttl
    if due and signs then due = tonumber(ARGV[4]) - tonumber(redis.call('HGET', KEYS[2], signature_of(about.name)) or 0) >= ttl end
  end
  if due and about.pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], about.name)
    if signs then redis.call('HDEL', KEYS[2], signature_of(about.name)) end
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
local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end
local length, now = redis.call('XLEN', KEYS[1]), tonumber(ARGV[3])
local shape = KEYS[2] and pairs_of(redis.call('HGETALL', KEYS[2])) or {}

local function idle_of(group, last)
  local idle = math.huge
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
    idle = math.min(idle, pairs_of(info).idle)
  end
  return idle < math.huge and idle or now - tonumber(last:match('^(%d+)'))
end

local bound, keep, oldest, hasOldest
local abandoned = {}
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local about = pairs_of(info)
  local settled = about['last-delivered-id']
  local holds = about.pending > 0 or #redis.call('XRANGE', KEYS[1], '(' .. settled, '+', 'COUNT', 1) > 0
  if about.pending > 0 then
    local first = redis.call('XPENDING', KEYS[1], about.name)[2]
    if first and before(first, settled) then settled = first end
  end
  local ttl = tonumber(shape['ttl:' .. about.name] or 0)
  local isLeftOut = false
  if holds and about.name ~= ARGV[4] then
    local lag = about.lag or (settled == '0-0' and length or 0)
    local back = lag + about.pending
    if ttl > 0 or back > tonumber(ARGV[5]) then
      local idle = idle_of(about.name, about['last-delivered-id'])
      isLeftOut = ttl > 0 and idle > ttl
      if isLeftOut or (back > tonumber(ARGV[5]) and idle > 60000) then
        abandoned[#abandoned + 1] = about.name
        abandoned[#abandoned + 1] = back
        abandoned[#abandoned + 1] = isLeftOut and '1' or '0'
      end
    end
  end
  if not isLeftOut then
    if not bound or before(settled, bound) then bound = settled end
    local size, age = (shape['keep:' .. about.name] or ''):match('^(%d+) ?(%d*)$')
    size = tonumber(size or ARGV[1])
    local since = ARGV[2]
    if age then since = age ~= '' and string.format('%.0f-0', math.max(0, now - tonumber(age))) or '' end
    keep = math.max(keep or 0, size)
    if not hasOldest then oldest = since
    elseif since == '' then oldest = ''
    elseif oldest ~= '' and before(since, oldest) then oldest = since end
    hasOldest = true
  end
end
bound, keep, oldest = bound or '0-0', keep or tonumber(ARGV[1]), hasOldest and oldest or ARGV[2]
if oldest ~= '' then
  local from = before(oldest, bound) and oldest or bound
  if redis.call('XTRIM', KEYS[1], 'MINID', '~', from, 'LIMIT', 10000) == 0 then
    redis.call('XTRIM', KEYS[1], 'MINID', '=', from)
  end
end
local excess = redis.call('XLEN', KEYS[1]) - keep
if excess > 0 then excess = excess - redis.call('XTRIM', KEYS[1], 'MINID', '~', bound, 'LIMIT', excess) end
return {math.max(0, excess), unpack(abandoned)}
`);
