-- Reads a topic's history after a position, and where its publishers stand at the same moment.
--
-- KEYS: the history (a stream), the facts of the topic (a hash)
-- ARGV: epoch and offset after which to read, how many messages at most (0: only the facts), about how many bytes;
--       the run of this server to begin the topic where there is none, or "", and for how many milliseconds
-- Returns {the facts (empty: there is no such topic), the entries, 1: there may be more}.

local history, facts = KEYS[1], KEYS[2]
local asked, offset, count, size = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local run, ttl = ARGV[5], ARGV[6]
local together = 5

local epoch
if run == '' then
  epoch = redis.call('HGET', facts, 'epoch')
else
  epoch = topic_now(history, facts, run)
  if redis.call('PTTL', facts) < 0 then redis.call('PEXPIRE', facts, ttl) end
end
if not epoch then return {{}, {}, 0} end

local entries, more = {}, 0
if count > 0 then
  local from = 0
  if asked == epoch then
    from = offset
  else
    local before = redis.call('HMGET', facts, 'before', 'base')
    if asked == before[1] then from = math.min(offset, tonumber(before[2])) end
  end
  repeat
    local some = redis.call('XRANGE', history, string.format('0-%d', from + 1), '+', 'COUNT', together)
    for _, entry in ipairs(some) do
      entries[#entries + 1] = entry
      size = size - #entry[2][6]
      from = tonumber(string.match(entry[1], '-(%d+)$'))
    end
    more = #some == together and 1 or 0
  until more == 0 or #entries >= count or size <= 0
end
return {redis.call('HGETALL', facts), entries, more}
