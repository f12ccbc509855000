-- KEYS stream, shape (absent: not to be used); ARGV group, own name, minimum idle, now in ms. Removes consumers with
-- nothing pending: this consumer if the idle time is '', otherwise the others that were not seen for that long. Check
-- and removal are one step: removing a consumer that got an entry in between would lose the entry.
-- Before Redis 7.2, which added `inactive`, Redis does not see a consumer that waits for new entries, so there each
-- consumer records in the shape that it is alive.
local retired = 0
-- include pairs.lua
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
