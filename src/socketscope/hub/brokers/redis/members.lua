-- Gives the members of a topic that nodes which are alive have entered, one after the other.
--
-- KEYS: the nodes that have members in the topic (a set), the nodes that are alive (a sorted set)
-- ARGV: the prefix of all names, the topic
-- Where a key can't be used, the error names it: the others are in order.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local found = {}

local function refused(answer, key)
  return redis.error_reply(answer.err .. ' (' .. key .. ')')
end

local nodes = redis.pcall('SMEMBERS', KEYS[1])
if nodes.err then return refused(nodes, KEYS[1]) end
for _, node in ipairs(nodes) do
  local until_ms = redis.call('ZSCORE', KEYS[2], node)
  if until_ms and tonumber(until_ms) > now then
    local key = ARGV[1] .. 'm:' .. node .. ':' .. ARGV[2]
    local members = redis.pcall('HVALS', key)
    if members.err then return refused(members, key) end
    for _, member in ipairs(members) do
      found[#found + 1] = member
    end
  end
end
return found
