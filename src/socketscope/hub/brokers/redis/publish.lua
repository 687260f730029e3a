-- Adds a message to its topic's history and publishes it, or only tells where its publisher stands.
--
-- KEYS: the history (a stream), the facts of the topic (a hash), the nodes that are alive (a sorted set)
-- ARGV: the channel, the run of this server, the publisher, the message's number, where the publisher stands (the
--       number of its last message that was acknowledged, and EPOCH:FIRST of the epochs in which it published, the
--       latest first, with the number of its first message there; or ""), how many messages are kept, for how many
--       milliseconds, the message ("": only tell)
-- Returns {"added" or "again", epoch, offset}, {"told"}, or {"gap"}: an earlier message of it is missing here. Where a
-- key is of another type it fails before the message is added.

local history, facts, nodes = KEYS[1], KEYS[2], KEYS[3]
local channel, run, publisher, number, stands, kept, ttl, message =
  ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local field = 'p:' .. publisher

-- Of publishers that are gone nothing more is to come.
local function forget_the_gone()
  local fields = redis.call('HKEYS', facts)
  for _, name in ipairs(fields) do
    local node = string.match(name, '^p:(%x+)')
    if node and not redis.pcall('ZSCORE', nodes, node) then redis.call('HDEL', facts, name) end
  end
end

local epoch, top = topic_now(history, facts, run)
local own = redis.call('HGET', facts, field)
local first, last, earlier = 0, 0, ''
local stood_last, stood_epoch, stood_first = string.match(stands, '^(%d+) (%x+):(%d+)')
stood_first, stood_last = tonumber(stood_first), tonumber(stood_last or '0')
if own then
  first, last, earlier = string.match(own, '^(%d+) (%d+) %x+ ?(.*)$')
  first, last = tonumber(first), tonumber(last)
elseif stood_epoch == epoch then
  first = stood_first
else
  first, earlier = stood_last + 1, stands
end

if message ~= '' then
  if own and number <= last then
    -- It is there, whatever has become of the history: an error would say that it is not.
    local entries = redis.pcall('XREVRANGE', history, '+', '-', 'COUNT', 1000)
    local place = top
    for _, entry in ipairs(entries) do
      if entry[2][2] == publisher and tonumber(entry[2][4]) == number then
        place = tonumber(string.match(entry[1], '-(%d+)$'))
        break
      end
    end
    return {'again', epoch, place}
  end
  if number ~= math.max(last, stood_last) + 1 then return {'gap'} end
  top = top + 1
  redis.call('XADD', history, 'MAXLEN', '~', kept, string.format('0-%d', top), 'p', publisher, 'n', number, 'm', message)
end
last = math.max(last, number)
if not own and redis.call('HLEN', facts) > 1000 then forget_the_gone() end
-- What a publisher tells of an epoch that is gone is older than whoever has subscribed since.
local standing = string.format('%d %d %s', first, last, message == '' and stood_epoch or epoch)
if earlier ~= '' then standing = standing .. ' ' .. earlier end
redis.call('HSET', facts, 'top', top, field, standing)
redis.call('PEXPIRE', history, ttl)
redis.call('PEXPIRE', facts, ttl)

local kind = message == '' and 'n' or 'm'
local head = string.format('%s %s %d %s %d', kind, epoch, top, publisher, number)
if message == '' then
  head = head .. ' ' .. stands
elseif earlier ~= '' and number == first then
  head = head .. ' ' .. earlier
end
redis.call('PUBLISH', channel, head .. '\n' .. message)
if message == '' then return {'told'} end
return {'added', epoch, top}
