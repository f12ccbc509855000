-- KEYS stream; ARGV group, own name, minimum idle. Removes consumers with nothing pending: itself when the idle time
-- is '', else the others that were not seen for so long. Check and removal are one step: a consumer that got an entry
-- in between would take it with it.
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
