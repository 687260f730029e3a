"""Spans of single messages: which have one, what it is linked to, and whose decision it follows."""

import asyncio
from contextlib import AsyncExitStack, contextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

from socketscope import semconv
from socketscope.instrumentation.messages import SPANS_AT_ONCE
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import Options
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.process import Telemetry
from socketscope.testing import AsgiClient, FakeClock, capture

pytestmark = pytest.mark.anyio

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

NEVER = ParentBased(ALWAYS_OFF)


def envelope(message):
    """The carrier of messages as `traceparent|what is said`."""
    head, found, _ = str(message["text"]).partition("|")
    return {"traceparent": head} if found else None


def parent(*, sampled=True):
    return f"00-{TRACE_ID}-{SPAN_ID}-0{int(sampled)}"


class Service:
    """An application that does as each message says, with a clock of its own."""

    def __init__(self, captured, clock):
        self.clock = clock
        self.tracer = captured.providers["tracer_provider"].get_tracer("app")

    async def __call__(self, scope, receive, send):
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            _, _, order = message["text"].rpartition("|")
            what, _, argument = order.partition(" ")
            if await getattr(self, what)(send, argument):
                return

    async def take(self, _send, seconds):
        self.clock.advance(float(seconds))

    async def fail(self, _send, _argument):
        self.clock.advance(0.25)
        raise ValueError("no")

    async def say(self, send, text):
        await send({"type": "websocket.send", "text": text})

    async def trace(self, _send, _argument):
        with self.tracer.start_as_current_span("query"):
            pass

    async def quit(self, _send, seconds):
        self.clock.advance(float(seconds))
        return True


@contextmanager
def service(options=None):
    clock = FakeClock()
    with capture(options, clock.clock) as captured:
        yield captured, Service(captured, clock)


async def talk(captured, app, *orders):
    """A connection with these messages, each handled before the next one comes."""
    async with AsgiClient(captured.watch(app), "/ws") as client:
        await client.accepted()
        for order in orders:
            await client.send_text(order)
            while not client.done and not client._to_app.empty():
                await asyncio.sleep(0)
            await asyncio.sleep(0)
    return client


def spans(captured, *actions):
    return [span for span in captured.spans if span.name.removeprefix("WS /ws ") in (actions or ("receive", "send"))]


def told(span):
    return span.attributes


def handshake(captured):
    return next(span for span in captured.spans if "websocket.handshake.outcome" in told(span))


def link_of(span):
    [link] = span.links
    return link.context.span_id


async def test_a_slow_message_is_a_root_that_is_linked_to_its_connection():
    with service() as (captured, app):
        await talk(captured, app, "take 0.5", "take 1.5", "take 0.2")
    [slow] = spans(captured)
    assert (slow.name, slow.kind, slow.parent) == ("WS /ws receive", SpanKind.CONSUMER, None)
    assert slow.context is not None
    assert slow.context.trace_id != handshake(captured).context.trace_id
    assert link_of(slow) == handshake(captured).context.span_id
    assert slow.end_time - slow.start_time == 1_500_000_000
    assert told(slow)["websocket.connection.id"] == told(handshake(captured))["websocket.connection.id"]
    assert told(slow)["network.io.direction"] == "receive"
    assert slow.status.status_code is StatusCode.UNSET


async def test_a_slow_message_is_told_though_a_slower_one_was_before_it():
    with service() as (captured, app):
        await talk(captured, app, "take 5", "take 1.5", "take 0.9", "take 2")
    assert len(spans(captured)) == 3


async def test_the_last_message_is_told_though_nobody_asks_for_another():
    with service() as (captured, app):
        await talk(captured, app, "quit 3")
    [slow] = spans(captured)
    assert slow.status.status_code is StatusCode.UNSET


async def test_a_message_whose_handler_raises_has_a_span_that_failed():
    with service() as (captured, app):
        client = await talk(captured, app, "take 0.1", "fail")
    assert isinstance(client.error, ValueError)
    [failed] = spans(captured)
    assert (failed.status.status_code, told(failed)["error.type"]) == (StatusCode.ERROR, "ValueError")
    assert failed.end_time - failed.start_time == 250_000_000
    [handling] = captured.histograms("websocket.server.message.handling.duration")
    assert (sum(handling.counts), round(handling.sum, 3)) == (2, 0.35)


async def test_a_message_that_failed_and_was_slow_has_one_span():
    with service(Options(slow_message=0.1)) as (captured, app):
        await talk(captured, app, "fail")
    assert [span.status.status_code for span in spans(captured)] == [StatusCode.ERROR]


async def test_that_the_client_is_gone_is_no_failure_of_a_message():
    with service() as (captured, _):

        async def sends_to_nobody(scope, receive, send):
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            client.gone = True
            await send({"type": "websocket.send", "text": "x"})

        client = AsgiClient(captured.watch(sends_to_nobody), "/ws")
        async with client:
            await client.accepted()
            await client.send_text("x")
        assert isinstance(client.error, OSError)
    assert not spans(captured)


def sending(captured, clock, seconds, error=None):
    """An application whose server takes so long for a message that it sends, or refuses it."""
    watched = captured.watch(_sender)

    async def server(scope, receive, send):
        async def take(message):
            if message["type"] == "websocket.send":
                clock.advance(seconds)
                if error is not None:
                    raise error
            await send(message)

        await watched(scope, receive, take)

    return server


async def _sender(_scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    try:
        await send({"type": "websocket.send", "bytes": b"abc"})
    except TypeError:
        await send({"type": "websocket.close"})
    await receive()


@pytest.mark.parametrize("seconds", [0.5, 1.5])
async def test_a_send_that_waited_long_has_a_span(seconds):
    clock = FakeClock()
    with capture(clock=clock.clock) as captured:
        async with AsgiClient(sending(captured, clock, seconds), "/ws") as client:
            await client.accepted()
            await client.receive()
        found = spans(captured)
        assert len(found) == (seconds > 1)
        for slow in found:
            assert (slow.name, slow.kind, slow.parent) == ("WS /ws send", SpanKind.PRODUCER, None)
            assert link_of(slow) == handshake(captured).context.span_id
            assert slow.end_time - slow.start_time == 1_500_000_000
        [waits] = captured.histograms("websocket.server.send.duration")
        assert waits.sum == seconds


@pytest.mark.parametrize("mode", ["notable", "all", "off"])
async def test_a_message_that_the_server_refuses_has_a_span_that_failed(mode):
    clock = FakeClock()
    with capture(Options(message_spans=mode), clock.clock) as captured:
        async with AsgiClient(sending(captured, clock, 0, TypeError("what is that")), "/ws") as client:
            await client.accepted()
        failed = [span.name for span in spans(captured) if span.status.status_code is StatusCode.ERROR]
        assert failed == ([] if mode == "off" else ["WS /ws send"])


async def test_off_tells_no_message():
    with service(Options(message_spans="off", message_carrier=envelope)) as (captured, app):
        await talk(captured, app, "take 5", f"{parent()}|take 5", "fail")
    assert len(captured.spans) == 2


async def test_all_tells_every_message_from_its_receipt_to_the_end_of_its_handling():
    with service(Options(message_spans="all")) as (captured, app):
        await talk(captured, app, "take 0.5", "say wörld", "take 1.5", "fail")
    received = spans(captured, "receive")
    seconds = [(span.end_time - span.start_time) / 1e9 for span in received]
    assert seconds == [0.5, 0, 1.5, 0.25]
    assert [span.parent for span in received] == [None] * 4
    assert {link_of(span) for span in received} == {handshake(captured).context.span_id}
    assert told(received[0])["websocket.message.size"] == len("take 0.5")
    assert told(received[0])["websocket.message.type"] == "text"
    assert [span.status.status_code for span in received] == [StatusCode.UNSET] * 3 + [StatusCode.ERROR]
    [answer] = spans(captured, "send")
    assert told(answer)["websocket.message.size"] == 6


async def test_in_all_what_the_handler_traces_and_sends_is_under_the_message_that_it_handles():
    with service(Options(message_spans="all")) as (captured, app):
        await talk(captured, app, "trace", "say x", "trace")
    first, second, third = (span.context for span in spans(captured, "receive"))
    [answer] = spans(captured, "send")
    queries = [span.parent for span in captured.spans if span.name == "query"]
    assert answer.parent.span_id == second.span_id
    assert [query.span_id for query in queries] == [first.span_id, third.span_id]
    assert link_of(answer) == handshake(captured).context.span_id


async def test_in_all_what_is_sent_outside_of_a_message_is_a_root_and_what_is_sent_for_a_trace_a_part_of_it():
    with capture(Options(message_spans="all")) as captured:
        tracer = captured.providers["tracer_provider"].get_tracer("app")

        async def app(_scope, receive, send):
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "welcome"})
            with tracer.start_as_current_span("under the connection"):
                await send({"type": "websocket.send", "text": "welcome"})
            with tracer.start_as_current_span("job", context=trace.set_span_in_context(trace.INVALID_SPAN)):
                await send({"type": "websocket.send", "text": "news"})
            await receive()

        async with AsgiClient(captured.watch(app), "/ws") as client:
            await client.accepted()
            for _ in range(3):
                await client.receive()
    welcome, again, news = spans(captured, "send")
    [job] = [span for span in captured.spans if span.name == "job"]
    assert (welcome.parent, again.parent) == (None, None)
    assert news.parent.span_id == job.context.span_id


async def test_between_messages_the_current_span_is_the_handshakes_again():
    seen = []

    async def app(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(3):
            waiting = receive()
            seen.append(trace.get_current_span().get_span_context())
            message = await waiting
            seen.append(trace.get_current_span().get_span_context())
            if message["type"] == "websocket.disconnect":
                seen.append(trace.get_current_span().get_span_context())

    before = trace.get_current_span()
    with capture(Options(message_spans="all")) as captured:
        client = AsgiClient(app, "/ws")
        client._to_app.put_nowait({"type": "websocket.connect"})
        await client.send_text("a")
        await client.send_text("b")
        client.disconnect()
        await captured.watch(app)(client.scope, client._to_app.get, client._take)
    first, second = (span.context for span in spans(captured, "receive"))
    shake = handshake(captured).context
    assert seen == [shake, first, first, second, second, shake, shake]
    assert trace.get_current_span() is before


async def test_a_receive_that_is_raced_and_cancelled_disturbs_no_span(caplog):
    async def app(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            waiting = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            if not waiting.done():
                waiting.cancel()
                continue
            if waiting.result()["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": "got it"})

    with capture(Options(message_spans="all")) as captured:
        async with AsgiClient(captured.watch(app), "/ws") as client:
            await client.accepted()
            for _ in range(5):
                await client.send_text("x")
                assert await client.receive_text() == "got it"
        counted = captured.value("websocket.server.messages")
    assert counted == len(spans(captured)) == 10
    assert not caplog.records


@given(
    st.lists(st.sampled_from(["take 0.4", "take 2", "say x", "trace"]), max_size=8),
    st.sampled_from(["notable", "all", "off"]),
    st.booleans(),
)
def test_every_message_has_the_spans_that_its_mode_says_and_each_is_linked(orders, mode, carried):
    options = Options(message_spans=mode, message_carrier=envelope if carried else None)
    with service(options) as (captured, app):
        asyncio.run(talk(captured, app, *orders))
    received, sent = spans(captured, "receive"), spans(captured, "send")
    expected = {"all": len(orders), "notable": orders.count("take 2"), "off": 0}[mode]
    assert len(received) == expected
    assert len(sent) == (orders.count("say x") if mode == "all" else 0)
    shake = handshake(captured).context
    assert {link_of(span) for span in (*received, *sent)} <= {shake.span_id}
    assert len({span.context.trace_id for span in received} | {shake.trace_id}) == expected + 1
    assert captured.reporter.failures == 0


# Sampling ----------------


@pytest.mark.parametrize("mode", ["notable", "all"])
@pytest.mark.parametrize(
    "sampler", [ParentBased(TraceIdRatioBased(0.5)), TraceIdRatioBased(0.5), NEVER], ids=["by parent", "by id", "never"]
)
async def test_a_message_has_the_decision_of_its_connection(mode, sampler):
    exporter, clock = InMemorySpanExporter(), FakeClock()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    telemetry = Telemetry(clock=clock.clock)
    telemetry.switch_on()
    reporter = Reporter(telemetry, Options(message_spans=mode), providers={"tracer_provider": provider})

    async def app(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            clock.advance(2)

    for _ in range(40):
        async with AsgiClient(WebSocketMiddleware(app, reporter=reporter), "/ws") as client:
            await client.accepted()
            await client.send_text("slow")
    of = {"WS /ws": [], "WS /ws segment": [], "WS /ws receive": []}
    for span in exporter.get_finished_spans():
        of[span.name].append(link_of(span) if span.links else (span.parent or span.context).span_id)
    recorded = of["WS /ws"]
    assert sorted(of["WS /ws segment"]) == sorted(of["WS /ws receive"]) == sorted(recorded)
    assert bool(recorded) is not (sampler is NEVER)


# Messages that carry a context ----------------


async def test_a_message_that_carries_a_context_is_a_part_of_that_trace():
    with service(Options(message_carrier=envelope)) as (captured, app):
        await talk(captured, app, "take 0", f"{parent()}|trace", "trace")
    [message] = spans(captured)
    within, without = [span for span in captured.spans if span.name == "query"]
    assert f"{message.context.trace_id:032x}" == TRACE_ID
    assert f"{message.parent.span_id:016x}" == SPAN_ID
    assert link_of(message) == handshake(captured).context.span_id
    assert within.parent.span_id == message.context.span_id
    assert without.parent.span_id == handshake(captured).context.span_id


async def test_a_slow_message_that_carries_a_context_has_one_span():
    with service(Options(message_carrier=envelope)) as (captured, app):
        await talk(captured, app, f"{parent()}|take 3", "take 2")
    carried, other = spans(captured)
    assert (carried.parent is None, other.parent is None) == (False, True)


async def test_the_sender_decides_for_its_message():
    with service(Options(message_carrier=envelope)) as (captured, app):
        await talk(captured, app, f"{parent(sampled=False)}|trace")
    assert not spans(captured)
    assert "query" not in {span.name for span in captured.spans}


@pytest.mark.parametrize(
    "carrier",
    [
        lambda message: message["no such key"],
        lambda _: 5,
        lambda _: {"traceparent": 5},
        lambda _: {"traceparent": "00-zz"},
        lambda _: {},
        lambda _: None,
    ],
)
async def test_a_carrier_that_fails_or_gives_nonsense_disturbs_nobody(carrier):
    with service(Options(message_carrier=carrier)) as (captured, app):
        client = await talk(captured, app, "say hello", "take 2", "trace")
        assert await client.receive_text() == "hello"
    assert client.error is None
    assert [span.parent for span in spans(captured)] == [None]  # the slow one
    [query] = [span for span in captured.spans if span.name == "query"]
    assert query.parent.span_id == handshake(captured).context.span_id


class Broken:
    """A carrier that raises what it was made with."""

    def __init__(self, error):
        self.error = error

    def __call__(self, _message):
        raise self.error

    def find(self, _message):
        raise self.error


FAILURES = [asyncio.CancelledError("theirs"), GeneratorExit(), BaseException("odd"), ValueError("no")]


@pytest.mark.parametrize("mode", ["notable", "all"])
@pytest.mark.parametrize("error", FAILURES, ids=repr)
async def test_whatever_a_carrier_raises_the_connection_goes_on(mode, error, caplog):
    with service(Options(message_spans=mode, message_carrier=Broken(error))) as (captured, app):
        client = await talk(captured, app, "say hello", "say again")
        assert [await client.receive_text(), await client.receive_text()] == ["hello", "again"]
        assert captured.reporter.failures == 0
    assert client.error is None
    told = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.exc_info[1] for record in told] == [error]


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
async def test_what_ends_the_process_is_not_kept_from_it(end):
    with capture(Options(message_carrier=Broken(end()))) as captured:
        watched = captured.reporter.begin({"type": "websocket", "path": "/ws"})
        watched.sent({"type": "websocket.accept"}, 1)
        with pytest.raises(end):
            captured.reporter.messages.received(watched, {"type": "websocket.receive", "text": ""})


@pytest.mark.parametrize(
    ("carrier", "name"),
    [
        (Broken(ValueError("no")), "test_messages.Broken"),
        (Broken(ValueError("no")).find, "test_messages.Broken.find"),
        (partial(Broken.find, Broken(ValueError("no"))), "test_messages.Broken.find"),
        (lambda _: 5, "test_messages.<lambda>"),
    ],
)
async def test_the_error_of_a_carrier_is_told_by_its_name_and_keeps_none_of_ours_from_being_told(carrier, name, caplog):
    with service(Options(message_carrier=carrier)) as (captured, app):
        await talk(captured, app, "say hello", "say again", "take 61", "say more")
        told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert told == [
            f"message_carrier {name} failed, so that the message carries no trace context ({so_far} such errors so far)"
            for so_far in (1, 4)
        ]
        caplog.clear()
        captured.reporter.failed()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


# Exemplars ----------------


def examples(captured, metric):
    """Seconds and the spans of a histogram's exemplars."""
    [found] = captured.histograms(metric)
    return [(kept.nanoseconds / 1e9, kept.span_context) for kept in found.exemplars]


HANDLING = "websocket.server.message.handling.duration"


@pytest.mark.parametrize("mode", ["notable", "all"])
async def test_what_was_slow_or_failed_is_an_example_that_leads_to_its_span(mode):
    with service(Options(message_spans=mode)) as (captured, app):
        await talk(captured, app, "take 0.5", "take 3", "fail")
        slow, failed = spans(captured)[-2:]
        assert examples(captured, HANDLING) == [(3, slow.context), (0.25, failed.context)]


async def test_without_spans_of_messages_an_example_leads_to_the_connection():
    with service(Options(message_spans="off")) as (captured, app):
        await talk(captured, app, "take 3")
        assert examples(captured, HANDLING) == [(3, handshake(captured).context)]


async def test_a_slow_send_is_an_example_too():
    clock = FakeClock()
    with capture(clock=clock.clock) as captured:
        async with AsgiClient(sending(captured, clock, 1.5), "/ws") as client:
            await client.accepted()
            await client.receive()
        [slow] = spans(captured)
        assert examples(captured, "websocket.server.send.duration") == [(1.5, slow.context)]


async def test_of_a_connection_that_is_not_traced_an_example_has_no_span():
    clock = FakeClock()
    telemetry = Telemetry(clock=clock.clock)
    telemetry.switch_on()
    reporter = Reporter(telemetry, Options(), providers={"tracer_provider": TracerProvider(NEVER)})

    async def app(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        clock.advance(2)

    async with AsgiClient(WebSocketMiddleware(app, reporter=reporter), "/ws") as client:
        await client.accepted()
        await client.send_text("x")
    [found] = [found for found in telemetry.settled().histograms() if found.metric.name == HANDLING]
    assert [kept.span_context for kept in found.exemplars] == [None]


# Limits ----------------


async def test_where_everything_is_slow_not_every_message_has_a_span_and_the_others_are_counted():
    clock, go_on = FakeClock(), asyncio.Event()

    async def app(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await go_on.wait()

    with capture(clock=clock.clock) as captured:
        watched = captured.watch(app)

        async def slow_at_once(connections):
            go_on.clear()
            clients = [AsgiClient(watched, "/ws") for _ in range(connections)]
            async with AsyncExitStack() as stack:
                for client in clients:
                    await stack.enter_async_context(client)
                    await client.accepted()
                    await client.send_text("x")
                clock.advance(2)
                go_on.set()
                await asyncio.gather(*(client.finished() for client in clients))

        await slow_at_once(SPANS_AT_ONCE + 30)
        assert len(spans(captured)) == SPANS_AT_ONCE
        await slow_at_once(1)
    assert told(spans(captured)[-1])[semconv.MESSAGES_SUPPRESSED.name] == 30
    [handling] = captured.histograms("websocket.server.message.handling.duration")
    assert sum(handling.counts) == SPANS_AT_ONCE + 31


async def test_a_message_that_is_handled_longer_than_a_segment_is_told_before_it_is_done():
    options = Options(message_spans="all", segment=30)
    with service(options) as (captured, app):

        async def endless(_send, _argument):
            [(_, watched)] = [(record.id, record) for record in captured.telemetry.live.records()]
            app.clock.advance(20)
            captured.reporter.segment(watched)
            assert not spans(captured)
            app.clock.advance(20)
            captured.reporter.segment(watched)
            assert len(spans(captured)) == 1
            raise ValueError

        app.endless = endless
        await talk(captured, app, "endless")
    cut, whole = spans(captured)
    assert (cut.status.status_code, whole.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    assert cut.start_time == whole.start_time


async def test_an_error_of_ours_never_reaches_the_application(monkeypatch):
    with service(Options(message_spans="all")) as (captured, app):

        def broken(*_args, **_named):
            raise RuntimeError("ours")

        monkeypatch.setattr(captured.reporter.messages._spans, "message", broken)
        client = await talk(captured, app, "take 1", "say x", "trace")
        assert await client.receive_text() == "x"
    assert client.error is None
    assert captured.reporter.failures == 4


# Messages before the handshake is answered, which are illegal ----------------


@pytest.mark.parametrize("mode", ["notable", "all"])
async def test_a_message_before_the_answer_has_neither_span_nor_exemplar_as_it_has_no_handling(mode):
    async def app(_scope, receive, _send):
        await receive()
        await receive()
        raise ValueError("no")

    with capture(Options(message_spans=mode)) as captured:
        async with AsgiClient(captured.watch(app), "/ws") as client:
            await client.send_text("too early")
            await client.finished()
        assert captured.value("websocket.server.errors") == 1
        assert not spans(captured)
        assert not captured.telemetry.accumulators.exemplars._kept
        assert not captured.histograms(HANDLING)
