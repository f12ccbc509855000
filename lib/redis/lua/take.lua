-- KEYS stream; ARGV group, consumer, expected owner ('' = any), minimum idle, upper bound of idle ('' = none), step,
-- ids … → {id, attempt, fields, from}.
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
