-- Gives the members of a topic that nodes which are alive have entered, one after the other.
--
-- KEYS: the nodes that have members in the topic (a set), the nodes that are alive (a sorted set)
-- ARGV: the prefix of all names, the topic

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local found = {}
for _, node in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local until_ms = redis.call('ZSCORE', KEYS[2], node)
  if until_ms and tonumber(until_ms) > now then
    for _, member in ipairs(redis.call('HVALS', ARGV[1] .. 'm:' .. node .. ':' .. ARGV[2])) do
      found[#found + 1] = member
    end
  end
end
return found
