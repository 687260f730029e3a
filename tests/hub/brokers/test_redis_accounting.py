"""The real scripts in the real server against all that may go wrong, in any order: the ledger closes nevertheless.

Two processes publish to one topic and three subscribe to it, driven by hand: replies and published frames are lost as
hypothesis likes, and the server forgets a part or all of what it had.
"""

import asyncio
from collections import deque

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from redis import Redis

from redis_process import RedisProcess, required_redis
from socketscope.hub.brokers.redis import scripts
from socketscope.hub.brokers.redis.following import Following
from socketscope.hub.brokers.redis.publishing import Outbox
from socketscope.hub.brokers.redis.wire import parse_frame, parse_page
from socketscope.hub.message import Position

TOPIC = "channel/room"
KEPT = 1000
PUBLISHERS = 2
SUBSCRIBERS = 3


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with RedisProcess(required_redis(), tmp_path_factory.mktemp("redis")) as process:
        yield process


class Server:
    """One topic in the real server; its runs are only told."""

    def __init__(self, url):
        self.redis = Redis.from_url(url, protocol=2)
        self.redis.flushall()
        self.names = scripts.Names("test", "0")
        self.keys = (self.names.history(TOPIC), self.names.facts(TOPIC))
        self.scripts = {name: self.redis.register_script(scripts.source(name)) for name in ("publish", "read")}
        self.pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
        self.pubsub.subscribe(self.names.channel(TOPIC))
        assert self.pubsub.get_message(timeout=1) is None
        self.runs = 1
        self.snapshot = None

    def publish(self, publisher, number, message):
        answer = self.scripts["publish"](
            [*self.keys, self.names.nodes],
            [
                *(self.names.channel(TOPIC), str(self.runs), publisher.name, number, str(publisher.stands or "")),
                *(KEPT, 3_600_000, message),
            ],
        )
        frame = None
        if answer[0] in (b"added", b"told"):
            while frame is None:
                frame = self.pubsub.get_message(timeout=1)
        return answer, frame and parse_frame(frame["data"])

    def read(self, after, *, begin=False):
        limits = (2, 1_000_000) if after else (0, 0)
        arguments = [*(after or Position("", 0)), *limits, str(self.runs) if begin else "", 3_600_000]
        return parse_page(self.scripts["read"](list(self.keys), arguments))

    def keep(self):
        self.snapshot = [self.redis.dump(key) for key in self.keys]

    def start_again(self, kept):
        """`kept`: "all", "snapshot" or "nothing"."""
        self.runs += 1
        if kept != "all":
            self.redis.delete(*self.keys)
        if kept == "snapshot" and self.snapshot:
            for key, data in zip(self.keys, self.snapshot, strict=True):
                if data is not None:
                    self.redis.restore(key, 0, data)

    def close(self):
        self.pubsub.close()
        self.redis.close()


class Publishing:
    """A process that publishes."""

    def __init__(self, node):
        self.outbox = Outbox(node, messages=10_000, size=10**8)
        self.told_run = 1
        self.count = 0
        self.acknowledged = set()

    @property
    def standing(self):
        return next((publisher for _, publisher in self.outbox.standings()), None)


class Subscribing:
    """A process that subscribes: what it was handed, what it was told to be lost, and what was due to it."""

    def __init__(self):
        self.following = None
        self.linked = False
        self.frames = deque()
        self.got = []
        self.lost = 0
        self.due = set()
        self.may_be_due = set()

    def apply(self, step):
        if step is None:
            return
        self.lost += step.lost
        if step.message is not None:
            assert not step.duplicate
            self.got.append(step.message)


class Accounting(RuleBasedStateMachine):
    url = None

    @initialize(publishers_first=st.booleans())
    def begin(self, publishers_first):
        self.publishers_first = publishers_first
        self.runner = asyncio.Runner()
        self.server = Server(self.url)
        self.publishing = [Publishing(f"{index + 10:x}") for index in range(PUBLISHERS)]
        self.subscribing = [Subscribing() for _ in range(SUBSCRIBERS)]
        self.appended = set()
        self.evicted = False
        for index in range(SUBSCRIBERS - 1):
            self.link(index)

    # Publishers --------------------------------

    async def _queue(self, index, count):
        one = self.publishing[index]
        for _ in range(count):
            one.count += 1
            one.outbox.add(TOPIC, b"%d/%d" % (index, one.count))

    @rule(index=st.integers(0, PUBLISHERS - 1), count=st.integers(1, 4))
    def publish(self, index, count):
        self.runner.run(self._queue(index, count))
        self.runner.run(self._send(index))

    @rule(index=st.integers(0, PUBLISHERS - 1), executed=st.integers(0, 3), answered=st.integers(0, 2))
    def lose_link_in_a_batch(self, index, executed, answered):
        """So many commands got there, and so many answers came back."""
        self.runner.run(self._queue(index, 3))
        self.runner.run(self._send(index, executed, min(executed, answered)))

    async def _send(self, index, executed=None, answered=None):
        one = self.publishing[index]
        if one.told_run != self.server.runs:
            if one.standing is not None:
                _, frame = self.server.publish(one.standing, one.standing.stands.last, b"")
                self._spread(frame)
            one.told_run = self.server.runs
        batch = one.outbox.batch()
        executed = len(batch) if executed is None else executed
        answered = len(batch) if answered is None else answered
        # All of them were sent before an answer came: with the standing of that moment.
        answers = [self._execute(publication) for publication in batch[:executed]]
        for answer in answers[:answered]:
            kind, *facts = answer
            assert kind in (b"added", b"again"), answer
            epoch, offset = facts
            one.acknowledged.add(one.outbox.answered(Position(epoch.decode(), offset)).message)
        one.outbox.unanswered()

    def _execute(self, publication):
        answer, frame = self.server.publish(publication.publisher, publication.number, publication.message)
        if answer[0] == b"added":
            for one in self.subscribing:
                if one.following is not None:
                    again = publication.message in self.appended and publication.message not in one.due
                    (one.may_be_due if again else one.due).add(publication.message)
            self.appended.add(publication.message)
        self._spread(frame)
        return answer

    def _spread(self, frame):
        for one in self.subscribing:
            if one.linked and frame is not None:
                one.frames.append(frame)

    # Subscribers --------------------------------

    @rule(index=st.integers(0, SUBSCRIBERS - 1))
    def link(self, index):
        """Subscribe, for the first time or again."""
        one = self.subscribing[index]
        if one.linked:
            return
        one.linked = True
        if one.following is None:
            one.following = Following()
            one.following.open(self.server.read(None, begin=True))
        else:
            one.following.fall_behind()

    @rule(index=st.integers(0, SUBSCRIBERS - 1))
    def come_back(self, index):
        self.link(index)
        for _ in range(100):
            self.read(index)
        assert not self.subscribing[index].following.behind

    @rule(index=st.integers(0, SUBSCRIBERS - 1))
    def lose_link(self, index):
        self.subscribing[index].linked = False
        self.subscribing[index].frames.clear()

    @rule()
    def all_arrives(self):
        for index, one in enumerate(self.subscribing):
            self.arrive(index, len(one.frames))

    @rule(index=st.integers(0, SUBSCRIBERS - 1), count=st.integers(1, 5))
    def arrive(self, index, count):
        one = self.subscribing[index]
        for _ in range(min(count, len(one.frames))):
            one.apply(one.following.take(one.frames.popleft()))

    @rule(index=st.integers(0, SUBSCRIBERS - 1))
    def read(self, index):
        one = self.subscribing[index]
        if one.linked and one.following.behind:
            for step in one.following.catch_up(self.server.read(one.following.position)):
                one.apply(step)

    # The server --------------------------------

    @rule()
    def save(self):
        self.server.keep()

    @rule(kept=st.sampled_from(["all", "snapshot", "nothing"]))
    def start_again(self, kept):
        for index in range(SUBSCRIBERS):
            self.lose_link(index)
        self.server.start_again(kept)

    @rule(left=st.integers(0, 3))
    def cut_off(self, left):
        self.server.redis.xtrim(self.server.keys[0], maxlen=left, approximate=False)

    @rule(which=st.sampled_from(["history", "facts", "both"]))
    @precondition(lambda self: self.server.redis.exists(*self.server.keys))
    def evict(self, which):
        keys = {"history": self.server.keys[:1], "facts": self.server.keys[1:], "both": self.server.keys}[which]
        self.server.redis.delete(*keys)
        self.evicted = True

    # The end --------------------------------

    def teardown(self):
        try:
            for back in (self._all_send, self._all_come_back)[:: 1 if self.publishers_first else -1]:
                back()
            for index in range(PUBLISHERS if self.evicted else 0):
                # Only the next message shows what was lost without a word.
                self.runner.run(self._queue(index, 1))
                self.runner.run(self._send(index))
            for index, one in enumerate(self.subscribing):
                self.arrive(index, len(one.frames))
                self.come_back(index)
                self.close_ledger(one)
        finally:
            self.server.close()
            self.runner.close()

    def _all_send(self):
        for index in range(PUBLISHERS):
            self.runner.run(self._send(index))

    def _all_come_back(self):
        for index in range(SUBSCRIBERS):
            self.come_back(index)

    def close_ledger(self, one):
        published = set.union(*(publishing.acknowledged for publishing in self.publishing))
        assert one.due <= published
        got = set(one.got)
        assert len(got) == len(one.got), "handed over twice"
        assert got <= one.due | one.may_be_due
        for index in range(PUBLISHERS):
            numbers = [int(message.split(b"/")[1]) for message in one.got if message.startswith(b"%d/" % index)]
            assert numbers == sorted(numbers)
        missing = len(one.due - got)
        assert missing <= one.lost <= missing + len(one.may_be_due - got), (missing, one.lost)


def test_whatever_is_lost_is_recovered_or_counted(redis):
    class Machine(Accounting):
        url = redis.url

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=100,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )
