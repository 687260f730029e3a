"""`sent = delivered + dropped + pending`, whatever clients and channels do, checked after every step."""

import asyncio
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from tests.hub.scripted_sockets import ScriptedSocket, WiredSocket

from socketscope.errors import HubError
from socketscope.hub import ChannelOptions, Coalesce, Disconnect, DropNewest, DropOldest, Hub, Limits
from socketscope.testing import capture

POLICIES = {"oldest": DropOldest(), "newest": DropNewest(), "coalesce": Coalesce(), "cut": Disconnect(4001, "slow")}
CHANNELS = st.sampled_from(sorted(POLICIES))
LIMITS = Limits(queue_messages=4, queue_bytes=400, message_bytes=200, channels=3, close_seconds=1000, stalled_seconds=0)


class LedgerMachine(RuleBasedStateMachine):
    sockets = Bundle("sockets")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.capturing = capture()
        self.watched = self.capturing.__enter__()
        telemetry = self.watched.telemetry
        channels = {name: ChannelOptions(policy) for name, policy in POLICIES.items()}
        self.hub = Hub(channels=channels, limits=LIMITS, telemetry=telemetry)
        self.all = []
        self.due = Counter()
        self.number = 0
        self.run(self.hub.start())

    def run(self, coroutine):
        async def ran():
            result = await coroutine
            self.the_ledger_closes()  # also before anything else has run
            for _ in range(5):
                await asyncio.sleep(0)
            return result

        return self.loop.run_until_complete(asyncio.wait_for(ran(), 20))

    def do(self, action, *arguments):
        async def done():
            action(*arguments)

        self.run(done())

    def ledgers(self):
        return self.hub.telemetry.accumulators.ledgers.totals()

    def message(self, size):
        self.number += 1
        return {"n": self.number, "x": "x" * size}

    @rule(target=sockets, kind=st.sampled_from([ScriptedSocket, WiredSocket]), user=st.sampled_from([None, "ann"]))
    def connect(self, kind, user):
        if len(self.all) >= 12:
            return multiple()

        async def made():
            socket = kind(self.hub, user=user, reporter=self.watched.reporter)
            while socket.client is None:
                await asyncio.sleep(0)
            return socket

        self.all.append(self.run(made()))
        return self.all[-1]

    @rule(socket=sockets, channel=CHANNELS)
    def join(self, socket, channel):
        async def joined():
            try:
                await socket.client.subscribe(channel)
            except HubError:  # it is gone, or in too many
                assert socket.client.channel_count == LIMITS.channels or not socket.client.open

        self.run(joined())

    @rule(socket=sockets, channel=CHANNELS)
    def part(self, socket, channel):
        self.do(socket.client.unsubscribe, channel)

    @rule(channel=CHANNELS, size=st.integers(0, 150), key=st.sampled_from([None, "a", "b"]))
    def publish(self, channel, size, key):
        self.due[channel] += self.hub.subscribers(channel)
        self.run(self.hub.publish(channel, self.message(size), key=key))

    @rule(size=st.integers(0, 150))
    def publish_to_ann(self, size):
        self.due["_user"] += sum(client.open for client in self.hub.clients.values() if client.user == "ann")
        self.run(self.hub.publish_to_user("ann", self.message(size)))

    @rule(socket=sockets, size=st.integers(0, 150))
    def send(self, socket, size):
        self.due["_direct"] += 1
        self.do(socket.client.send, self.message(size))

    @rule(socket=sockets, number=st.integers(1, 5))
    def read(self, socket, number):
        self.do(socket.read, number)

    @rule(socket=sockets)
    def close(self, socket):
        self.do(socket.client.close, 4000)

    @rule(socket=consumes(sockets))
    def cut(self, socket):
        self.do(socket.client.cut, 4002, "enough")

    @rule(socket=consumes(sockets))
    def leave(self, socket):
        self.do(socket.leave)

    @rule()
    def telemetry_is_read(self):
        self.run(asyncio.sleep(0))
        records = list(self.watched.telemetry.live.records())
        taken = sum(len(socket.taken) for socket in self.all)
        sent = self.watched.value("websocket.server.messages", **{"network.io.direction": "transmit"})
        assert sent == taken
        taken_by = {socket.client.id: len(socket.taken) for socket in self.all}
        assert {record.id: record.messages_sent for record in records} == {
            record.id: taken_by[record.id] for record in records
        }

    @invariant()
    def the_ledger_closes(self):
        self.hub.check()
        counts = self.ledgers()
        assert all(count.balance == 0 for count in counts.values())
        assert {name: count.due for name, count in counts.items() if count.due} == dict(+self.due)
        assert sum(count.delivered for count in counts.values()) == sum(len(socket.taken) for socket in self.all)

    @invariant()
    def every_client_gets_what_it_gets_in_order_and_once(self):
        for socket in self.all:
            numbers = [message["n"] for message in socket.taken]
            assert numbers == sorted(set(numbers))

    @invariant()
    def no_queue_is_longer_than_it_may(self):
        for client in self.hub.clients.values():
            outbox = client.link.outbox
            assert len(outbox) <= LIMITS.queue_messages
            # One that is being sent when it has to wait is not in the queue's hands yet.
            assert outbox.bytes <= LIMITS.queue_bytes + LIMITS.message_bytes

    def teardown(self):
        for socket in self.all:
            self.do(socket.leave)
        if self.all:
            self.run(asyncio.wait({socket.task for socket in self.all}))
        self.telemetry_is_read()
        assert all(count.pending == 0 for count in self.ledgers().values())
        assert not self.hub.clients
        assert not len(self.hub.users)
        assert not any(self.hub.subscribers(channel) for channel in POLICIES)
        self.run(self.hub.stop())
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()
        self.capturing.__exit__(None, None, None)


TestLedgerAtAnyMoment = LedgerMachine.TestCase
TestLedgerAtAnyMoment.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
