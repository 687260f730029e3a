-- Keeps a node alive, and takes away what nodes that are gone have left of their members.
--
-- KEYS: the nodes that are alive (a sorted set)
-- ARGV: the prefix of all names, the node, for how many milliseconds it lives on
-- Returns 1 where the node was not known to be alive: its members may be gone and have to be entered again.

local nodes, prefix, node, ttl = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local known = redis.call('ZSCORE', nodes, node)
redis.call('ZADD', nodes, now + ttl, node)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', nodes, '-inf', now, 'LIMIT', 0, 10)) do
  local topics = redis.call('SPOP', prefix .. 'n:' .. gone, 100)
  for _, topic in ipairs(topics) do
    redis.call('DEL', prefix .. 'm:' .. gone .. ':' .. topic)
    -- Where something else has written this key, it has nothing of the node.
    redis.pcall('SREM', prefix .. 'm:' .. topic, gone)
  end
  if #topics < 100 then redis.call('ZREM', nodes, gone) end
end
if known and tonumber(known) > now then return 0 end
return 1
