-- ARGV number of templates, each as number of words, number of holes, the positions of the holes and the words; then
-- for each command the number of its template and the values for the holes → the reply of each command, errors as text
-- after a mark.
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
