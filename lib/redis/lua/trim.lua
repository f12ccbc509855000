-- KEYS stream, shape (absent: all groups have the same settings); ARGV default length, default oldest id by age ('' =
-- any), now in ms, own group, number of entries that counts as many → {by how many entries it is still too long, then
-- for each group that no consumer seems to read: name, how many entries it holds back, '1' if it was left out}.
-- Retention belongs to the stream: the largest of its groups' settings counts. Never trims entries that some group has
-- not settled: the bound is the smallest id that is pending, or was delivered last, in any group that is not left out.
-- LIMIT keeps the newest entries, which MINID alone would not keep.
local function before(a, b)
  local ams, aseq = a:match('^(%d+)-(%d+)$')
  local bms, bseq = b:match('^(%d+)-(%d+)$')
  if ams ~= bms then return #ams < #bms or #ams == #bms and ams < bms end
  return #aseq < #bseq or #aseq == #bseq and aseq < bseq
end
-- include pairs.lua
local length, now = redis.call('XLEN', KEYS[1]), tonumber(ARGV[3])
local shape = KEYS[2] and pairs_of(redis.call('HGETALL', KEYS[2])) or {}

-- Lower bound of the time since a consumer last used a group.
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
  -- Whole nodes first, up to a number that does not hold up Redis; trimming the rest of a node is exact and small.
  if redis.call('XTRIM', KEYS[1], 'MINID', '~', from, 'LIMIT', 10000) == 0 then
    redis.call('XTRIM', KEYS[1], 'MINID', '=', from)
  end
end
local excess = redis.call('XLEN', KEYS[1]) - keep
if excess > 0 then excess = excess - redis.call('XTRIM', KEYS[1], 'MINID', '~', bound, 'LIMIT', excess) end
return {math.max(0, excess), unpack(abandoned)}
