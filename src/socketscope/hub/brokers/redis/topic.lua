-- Comes before the scripts that need it.

local function time_as_epoch()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- An epoch says when it began, in microseconds, so that later ones are greater.
local function write_epoch(number)
  return string.format('%014x', number)
end

-- Gives the epoch of a topic and the offset of its last message. Makes the topic where there is none, and begins an
-- epoch where its last one was not in this run of the server.
local function topic_now(history, facts, run)
  local found = redis.call('HMGET', facts, 'epoch', 'top', 'run')
  local epoch, top = found[1], tonumber(found[2] or '0')
  if not epoch then
    redis.call('DEL', history)
    epoch = write_epoch(time_as_epoch())
    redis.call('HSET', facts, 'epoch', epoch, 'run', run, 'top', 0)
  elseif found[3] ~= run then
    -- The server was started again: what it had acknowledged last may be missing, and offsets are given anew.
    redis.call('HSET', facts, 'before', epoch, 'base', top)
    epoch = write_epoch(math.max(time_as_epoch(), tonumber(epoch, 16) + 1))
    redis.call('HSET', facts, 'epoch', epoch, 'run', run)
  end
  return epoch, top
end
