import itertools

import pytest

from redis_process import RedisProcess, required_redis
from socketscope.hub.brokers.memory import Memory, MemoryBroker
from socketscope.hub.brokers.redis import RedisBroker, RedisOptions

prefixes = itertools.count()


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    with RedisProcess(required_redis(), tmp_path_factory.mktemp("redis")) as process:
        yield process


@pytest.fixture
def redis_options():
    """Options that share nothing with another test."""
    prefix = f"test{next(prefixes)}"
    return lambda **options: RedisOptions(prefix=prefix, **options)


@pytest.fixture
def history():
    """How many messages a broker keeps; tests that need another number say so."""
    return 100


@pytest.fixture(params=["memory", "redis"])
def make_broker(request, history):
    """Makes brokers that reach one another; each keeps at least `history` messages."""
    if request.param == "memory":
        memory = Memory(history=history)
        return lambda: MemoryBroker(memory, message_bytes=1000)
    redis, options = request.getfixturevalue("redis"), request.getfixturevalue("redis_options")
    return lambda: RedisBroker(redis.url, options=options(history_messages=history, message_bytes=1000))
