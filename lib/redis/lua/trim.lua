-- KEYS stream; ARGV maximum length, oldest id to keep by age ('' = any age) → by how much it is still too long. Never
-- touches what some group has not settled: the bound is the smallest id that is pending, or was delivered last, in any
-- group. LIMIT keeps the newest entries although MINID alone would not.
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
