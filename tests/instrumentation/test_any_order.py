"""Whatever an application and its server do, in any order, legal or not, cancelled at any await: both see what they
would see without us, and every message, connection and handshake is counted once.

A machine opens connections, tells applications and servers what to do next, and reads the counts in between. Each
connection runs twice, alone and watched, and the transcripts are compared after every step.
`tests/random_examples.py` says how many such stories there are, and with which seed.
"""

import asyncio
from collections import Counter
from copy import deepcopy
from http import HTTPStatus

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from opentelemetry.sdk.trace import SpanProcessor
from two_runs import BLOCKED, Run, same
from websockets.frames import CloseCode

import socketscope
from random_examples import SEED, exactly
from socketscope.instrumentation.options import Options
from socketscope.testing import FakeClock, capture

texts = st.sampled_from([("", 1), ("a", 1), ("wörld", 1), ("𝄞", 3), ("\ud800", 1), ("x", 5000)]).map(
    lambda of: of[0] * of[1]
)
blobs = st.sampled_from([0, 1, 3000]).map(bytes)
"""Of all lengths that cells may be wrong about."""
payloads = st.one_of(
    texts.map(lambda text: {"text": text}),
    blobs.map(lambda blob: {"bytes": blob}),
    blobs.map(lambda blob: {"text": None, "bytes": blob}),
    texts.map(lambda text: {"text": text, "bytes": None}),
    st.sampled_from([{}, {"text": None, "bytes": None}, {"text": 7}, {"text": "both", "bytes": b"both"}]),
)
"""Servers do not agree which of both is sent; here it is the same."""
CODES = (None, 0, 1000, 1001, 1005, 1006, 1009, 1012, 4001, CloseCode.GOING_AWAY, "4001")
codes = st.sampled_from([{}, *({"code": code} for code in CODES)])
reasons = st.sampled_from(
    [{}, {"reason": None}, {"reason": ""}, {"reason": "bye"}, {"reason": "ü" * 200}, {"reason": 3}]
)
statuses = st.sampled_from([{}, *({"status": status} for status in (401, HTTPStatus.NOT_FOUND, None, "no"))])


def messages(kind, *parts):
    """Messages of a type, with one of each of `parts`."""
    return st.tuples(*parts).map(
        lambda found: {"type": kind} | {key: value for part in found for key, value in part.items()}
    )


to_application = st.one_of(
    messages("websocket.receive", payloads),
    messages("websocket.disconnect", codes, reasons),
    st.sampled_from([{"type": "websocket.connect"}, {"type": "websocket.unheard"}, {}]),
)
to_server = st.one_of(
    messages(
        "websocket.accept", st.sampled_from([{}, {"subprotocol": None}, {"subprotocol": "chat"}, {"subprotocol": 5}])
    ),
    messages("websocket.send", payloads),
    messages("websocket.close", codes, reasons),
    messages(
        "websocket.http.response.start",
        st.sampled_from([{}, *({"status": s} for s in (401, HTTPStatus.NOT_FOUND, None, "no"))]),
    ),
    messages("websocket.http.response.body", st.sampled_from([{}, {"more_body": True}, {"more_body": False}])),
    st.sampled_from([{"type": "websocket.unheard"}, {"type": None}, {}]),
)
failures = st.sampled_from([OSError, ConnectionResetError, RuntimeError, ValueError, asyncio.CancelledError]).map(
    lambda kind: kind("the server says no")
)


class Own(Exception):
    """The application's own failure."""


class Beyond(BaseException):
    """Something that is no `Exception`."""


raised = st.sampled_from(
    [Own("own"), asyncio.CancelledError("own"), Beyond("own"), ExceptionGroup("own", [Own("one"), OSError("two")])]
)
paths = st.sampled_from(["/ws/a", "/other"])
names = st.sampled_from(["news", "sport"])


def join(name):
    socketscope.current_connection().channels.add(name)


def leave(name):
    socketscope.current_connection().channels.discard(name)


def identify(name):
    socketscope.current_connection().user = name


class Expected:
    """What is to be counted of a connection, reckoned from what its application saw when nobody watched."""

    def __init__(self, transcript):
        self.state, self.gone, self.accepted = "handshake", False, False
        self.messages, self.bytes = Counter(), Counter()
        self.received_open = 0
        self.channels, self.in_channels = set(), Counter()
        self._late = []
        """Of messages after the end, which are illegal: they are counted with what comes next that is."""
        self.own_failure = self.shut_down = self.returned = False
        for what, *rest in transcript:
            if what == "received":
                self._received(rest[1])
            elif what == "sent":
                self._sent(rest[1])
            elif what == "send raised":
                departure = rest[1][0] in {"OSError", "ConnectionResetError", "RuntimeError"}
                self.gone |= departure and rest[2].get("type") in {"websocket.send", "websocket.close"}
            elif what == "join":
                self._change(self.channels | {rest[0]})
            elif what == "leave":
                self._change(self.channels - {rest[0]})
            elif what in {"the application raised", "the application returned"}:
                self.own_failure = what == "the application raised" and rest[1][0] == "Own"
                # Whoever cancels a task says nothing; the application and the server here do.
                self.shut_down = what == "the application raised" and rest[1] == ("CancelledError", "", ())
                self.returned = what == "the application returned"
                self._settle()
                self._end()

    def _received(self, message):
        if message.get("type") == "websocket.disconnect":
            self._end()
        elif message.get("type") == "websocket.receive":
            self.received_open += self.state == "open"
            self._count("receive", message)

    def _sent(self, message):
        kind = message.get("type")
        if kind == "websocket.accept" and self.state == "handshake":
            self.state, self.accepted = "open", True
        elif self._ends(kind, message):
            self._end()
        elif kind == "websocket.send":
            self._count("transmit", message)

    def _ends(self, kind, message):
        if kind == "websocket.close":
            return self.state == "handshake" or not self.gone
        return kind == "websocket.http.response.body" and self.state == "handshake" and not message.get("more_body")

    def _count(self, direction, message):
        if self.accepted:
            data = message.get("bytes")
            data = message.get("text") if data is None else data
            size = len(data if isinstance(data, bytes) else str(data or "").encode("utf-8", "surrogatepass"))
            size = size if isinstance(data, bytes | str) else 0
            both = None not in {message.get("bytes"), message.get("text")}
            kind = "either" if both else "binary" if isinstance(data, bytes) else "text"
            self._late += [(self.messages, (direction, kind), 1)]
            self._late += [(self.bytes, direction, size)]
            self._late += [(self.in_channels, (channel, direction), 1) for channel in self.channels]
            if self.state == "open":
                self._settle()

    def _change(self, channels):
        if self.accepted and channels != self.channels:
            self._settle()
        self.channels = channels

    def _settle(self):
        for counter, key, number in self._late:
            counter[key] += number
        self._late = []

    def _end(self):
        self.state = "ended"


def receive(message, catches):
    def do(run):
        run.prepare("receive", deepcopy(message))
        run.order("receive", catches)

    return do


def wait_for_a_message(catches):
    return lambda run: run.order("receive", catches)


def send(message, catches, taken):
    def do(run):
        run.prepare("send", deepcopy(taken) if isinstance(taken, BaseException) else taken)
        run.order("send", deepcopy(message), catches)

    return do


def answer(with_this):
    return lambda run: run.answer(deepcopy(with_this))


def fail_the_next_receive(failure):
    return lambda run: run.prepare("receive", deepcopy(failure))


def race():
    return lambda run: run.order("race")


def say(change, name):
    return lambda run: run.order("say", change, name)


def visit(name, message):
    def do(run):
        run.order("say", join, name)
        run.prepare("receive", deepcopy(message))
        run.order("receive", "catching")
        run.order("say", leave, name)

    return do


def cancel(stubborn):
    def do(run):
        run.stubborn = stubborn
        run.task.cancel()

    return do


def fail(ending):
    return lambda run: run.order("raise", deepcopy(ending))


def end():
    return lambda run: run.order("return")


catches = st.integers(0, 3).map(bool)
"""An application that lets everything through does not live long."""
taken = st.sampled_from([None, None, None, BLOCKED]) | failures
acts = st.one_of(
    st.builds(receive, to_application, catches),
    st.builds(send, to_server, catches, taken),
    st.builds(send, messages("websocket.send", payloads), catches, taken),
    st.builds(receive, messages("websocket.receive", payloads), catches),
    st.builds(send, st.just({"type": "websocket.accept"}), catches, st.none()),
    st.builds(wait_for_a_message, catches),
    st.builds(answer, to_application | failures),
    st.builds(fail_the_next_receive, failures),
    st.builds(race),
    st.builds(say, st.sampled_from([join, leave]), names),
    st.builds(say, st.just(identify), names),
    st.builds(visit, names, messages("websocket.receive", payloads)),
    st.builds(cancel, st.just("stubborn")),
)
endings = st.one_of(st.builds(cancel, st.just("")), st.builds(fail, raised), st.builds(end))


CARRIED = {"traceparent": f"00-{7:032x}-{7:016x}-01"}


def carrier(message):
    """Finds a context in some messages, in some none, and with some it fails in any way."""
    data = message.get("bytes")
    data = message.get("text") if data is None else data
    if data == "a":
        return CARRIED
    if data == "":
        raise asyncio.CancelledError("the carrier's")
    if data == b"":
        raise Beyond("the carrier's")
    return None if isinstance(data, bytes) else {"traceparent": data[:50]}


class Spans(SpanProcessor):
    """Counts the spans that have begun, and have not ended."""

    def __init__(self):
        self.open = 0

    def on_start(self, span, parent_context=None):
        self.open += 1

    def on_end(self, span):
        self.open -= 1


class AnyOrder(RuleBasedStateMachine):
    """Connections in any number and order."""

    options = Options()

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.time = FakeClock()
        self.capturing = capture(self.options, self.time.clock)
        self.captured = self.capturing.__enter__()
        self.spans = Spans()
        self.captured.providers["tracer_provider"].add_span_processor(self.spans)
        self.pairs = []

    def both(self, pair, do):
        """Do to a connection that runs alone, and to the same one watched."""
        self.time.advance(1e-5)

        async def one_step():
            for run in pair:
                do(run)
            for _ in range(10):
                await asyncio.sleep(0)

        self.loop.run_until_complete(one_step())

    def one(self, which):
        """Give one of the connections that are still there."""
        alive = [pair for pair in self.pairs if not pair[0].task.done()]
        if not alive:
            self.connect(path="/ws/a", shakes=1, seen=1)
            alive = self.pairs[-1:]
        return alive[which % len(alive)]

    @rule(path=paths, shakes=st.integers(0, 2), seen=st.integers(0, 9))
    def connect(self, path, shakes, seen):
        async def start():
            return [Run(watch, path) for watch in (lambda app: app, self.captured.watch)]

        pair = self.loop.run_until_complete(start())
        for run in pair:
            if not seen:
                run.scope["socketscope.ignore"] = True
            if shakes:  # a handshake of which nothing comes is but one of many stories
                run.order("send", {"type": "websocket.accept"}, "catching")
        self.pairs.append(pair)
        self.both(pair, lambda _: None)

    @rule(which=st.integers(0, 3), acts=st.lists(acts, min_size=1, max_size=10))
    def act(self, which, acts):
        pair = self.one(which)
        for do in acts:
            self.both(pair, do)
            self.nothing_is_changed()

    @rule(which=st.integers(0, 3), do=endings)
    def end(self, which, do):
        self.both(self.one(which), do)

    @rule()
    def end_a_segment(self):
        for record in self.captured.telemetry.live.records():
            self.captured.reporter.segment(record)

    @rule()
    def collect(self):
        if not self.pairs:
            return
        expected = self.expected()
        assert self.captured.value("websocket.server.active_connections") == sum(
            one.state == "open" for one in expected
        )
        assert self.captured.value("socketscope.drift") == 0
        self.check_messages(expected)

    def expected(self):
        """What is to be counted, of each connection that is watched."""
        return [Expected(alone.transcript) for alone, _ in self.pairs if "socketscope.ignore" not in alone.scope]

    def check_messages(self, expected):
        every, size, channels = Counter(), Counter(), Counter()
        for one in expected:
            every += one.messages
            size += one.bytes
            channels += one.in_channels
        found = self.captured.telemetry.settled()
        counted, measured = Counter(), Counter()
        for _, direction, text, binary, of_size in found.flows():
            counted += Counter({(direction, "text"): text, (direction, "binary"): binary})
            measured[direction] += of_size
        told = Counter(way for way, _ in every.elements())
        assert Counter(way for way, _ in counted.elements()) == told
        assert all(0 <= counted[of] - every[of] <= every[of[0], "either"] for of in counted)
        assert +measured == size
        assert +Counter({(name, way): number for name, way, number, _ in found.channel_flows()}) == channels
        sizes = Counter()
        for histogram in self.captured.histograms("websocket.server.message.size"):
            sizes[histogram.attributes["network.io.direction"]] += sum(histogram.counts)
        assert sizes == told

    @invariant()
    def nothing_is_changed(self):
        for alone, watched in self.pairs:
            assert same(alone.transcript, watched.transcript)
            assert alone.task.done() == watched.task.done()
            assert all(entry[1] for entry in watched.transcript if entry[0] in {"received", "the server took"})

    @invariant()
    def the_gauge_is_exact(self):
        if self.pairs:
            opened = sum(one.state == "open" for one in self.expected())
            assert sum(self.captured.telemetry.accumulators.connections.active().values()) == opened
            assert len(self.captured.telemetry.live) == opened
            assert self.captured.reporter.failures == 0

    def teardown(self):
        try:
            for pair in self.pairs:
                self.both(pair, lambda run: run.order("return"))
                for _ in range(3):
                    self.both(pair, lambda run: run.task.cancel())
            self.nothing_is_changed()
            self.collect()
            self.check_lives(self.expected())
        finally:
            self.capturing.__exit__(None, None, None)
            self.loop.close()

    def check_lives(self, expected):
        """Every connection has one handshake, and one end if it was accepted; channels are left by all."""
        captured, accepted = self.captured, sum(one.accepted for one in expected)
        assert captured.value("websocket.server.handshakes") == len(expected)
        assert captured.value("websocket.server.handshakes", **{"websocket.handshake.outcome": "accepted"}) == accepted
        assert captured.value("websocket.server.connections.closed") == accepted
        lives = captured.histograms("websocket.server.connection.duration")
        assert sum(sum(life.counts) for life in lives) == accepted
        handled = captured.histograms("websocket.server.message.handling.duration")
        received = sum(number for one in expected for (way, _), number in one.messages.items() if way == "receive")
        assert sum(sum(one.counts) for one in handled) == received
        assert captured.value("websocket.channel.subscriber.count") == 0
        events = Counter(captured.event_names())
        assert events["websocket.connection.opened"] == events["websocket.connection.closed"] == accepted
        errors = captured.value("websocket.server.errors")
        assert sum(one.own_failure for one in expected) <= errors
        assert errors <= sum(not (one.shut_down or one.returned) for one in expected)
        assert events["websocket.error"] <= errors
        assert self.spans.open == len(self.pairs) - len(expected)  # the handshakes of those that are ignored
        if self.options.message_spans == "all":
            told = [span for span in captured.spans if span.name.startswith("WS") and span.name.endswith("receive")]
            # One that comes after the end, which is illegal, is told if its handling fails.
            assert sum(one.received_open for one in expected) <= len(told) <= received


@pytest.mark.parametrize("carrier", [None, carrier], ids=["no carrier", "a carrier"])
@pytest.mark.parametrize("spans", ["notable", "all"])
def test_any_order_is_counted_exactly_and_changes_nothing(spans, carrier):
    machine = type("AnyOrder", (AnyOrder,), {"options": Options(message_spans=spans, message_carrier=carrier)})
    run_state_machine_as_test(
        seed(SEED)(machine), settings=settings(exactly, stateful_step_count=40, report_multiple_bugs=False)
    )
