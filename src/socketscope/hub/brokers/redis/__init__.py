"""The broker that joins the processes of a service through a Redis server.

Every message of a topic has two numbers. Its **offset** is its place in the topic's history, the same for everybody: by
it gaps are found and filled, and clients resume. Its **number** counts the messages of its publisher in the topic: by
it a message that was sent twice is known, and one that no history has any more is missed
(docs/decisions/0010-redis-counts-twice.md).

* `broker.py`: the broker, and what goes on while a link stands;
* `link.py`: one life of the connections to the server;
* `publishing.py`: what is to be published, in order, until the server has taken it;
* `following.py`: what a subscriber has seen of a topic, and what it is owed. Both know no I/O;
* `presence.py`: the members that this process has entered;
* `scripts.py` and `*.lua`: what happens in the server as one step; `wire.py`: how it looks on the way.
"""

from __future__ import annotations

from importlib.util import find_spec

from socketscope.errors import MissingExtraError

if find_spec("redis") is None:
    raise MissingExtraError("socketscope.hub.brokers.redis", "redis")

from socketscope.hub.brokers.redis.broker import RedisBroker
from socketscope.hub.brokers.redis.options import RedisOptions

__all__ = ["RedisBroker", "RedisOptions"]
