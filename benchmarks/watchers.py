"""Ways to watch an ASGI application's WebSocket connections: ours, the peers', a floor. Each says what it records."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from socketscope.instrumentation.asgi import ASGIApp, Message, Receive, Scope, Send

SINK: Final = "BENCHMARK_SINK"
"""Variable with the URL to which everything is exported: it takes what comes and answers 200."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """`watch` wraps an application. It is called once in a process, in one of the `group`: of peers, one each."""

    records: str
    watch: Callable[[ASGIApp], ASGIApp]
    group: str = "main"
    settle: Callable[[], object] = lambda: None
    """Exports what waits to be exported: that is a cost of watching too."""
    each_message: bool = False
    """Whether messages have spans: then they cost more, are measured in fewer rounds, and exporting them counts."""


def floor(app: ASGIApp) -> ASGIApp:
    """Do the least that counts: a bucket, of which the count follows, and exact bytes, each way, in cells of lists."""

    async def watched(scope: Scope, inner_receive: Receive, inner_send: Send) -> None:
        received, sent, octets = [0] * 66, [0] * 66, [0, 0]

        async def receive() -> Message:
            message = await inner_receive()
            if message["type"] == "websocket.receive":
                text = message.get("text")
                if text is None:
                    size = len(message["bytes"])
                elif text.isascii():
                    size = len(text)
                else:
                    size = len(text.encode())
                received[size and (size - 1).bit_length()] += 1
                octets[0] += size
            return message

        def send(message: Message) -> Any:
            if message["type"] == "websocket.send":
                text = message.get("text")
                if text is None:
                    size = len(message["bytes"])
                elif text.isascii():
                    size = len(text)
                else:
                    size = len(text.encode())
                sent[size and (size - 1).bit_length()] += 1
                octets[1] += size
            return inner_send(message)

        await app(scope, receive, send)

    return watched


class _Tracker:
    """Counts as the text does from which this project began: a record of each message, kept."""

    def __init__(self) -> None:
        self.totals: defaultdict[str, int] = defaultdict(int)
        self.messages: list[dict[str, Any]] = []

    async def track(self, direction: str, size: int, channel: str) -> None:
        """Keep one message."""
        self.totals[direction] += 1
        self.messages.append({"at": datetime.now(), "direction": direction, "size": size, "channel": channel})  # noqa: DTZ005


def seed(app: ASGIApp) -> ASGIApp:
    """Track every message by a call and a record of it."""

    async def watched(scope: Scope, inner_receive: Receive, inner_send: Send) -> None:
        tracker = _Tracker()  # a new one each time, or the benchmark would run out of memory

        async def receive() -> Message:
            message = await inner_receive()
            if message["type"] == "websocket.receive":
                await tracker.track("received", len(message["text"].encode("utf-8")), "lobby")
            return message

        async def send(message: Message) -> None:
            await inner_send(message)
            if message["type"] == "websocket.send":
                await tracker.track("sent", len(message["text"].encode("utf-8")), "lobby")

        await app(scope, receive, send)

    return watched


def ours(app: ASGIApp) -> ASGIApp:
    """Watch with everything on: an SDK for all three signals, user and channel, an export each second."""
    from socketscope.instrumentation.identity import Source
    from socketscope.instrumentation.middleware import WebSocketMiddleware
    from socketscope.instrumentation.options import Options
    from socketscope.instrumentation.reporter import Reporter
    from socketscope.telemetry.process import Telemetry

    options = Options(user_from=Source("header", "x-user"), channel_from=Source("header", "x-room"))
    telemetry = Telemetry()
    found = providers(telemetry)
    _exporting.append(found)
    telemetry.switch_on(provider=found["meter_provider"])
    return WebSocketMiddleware(app, reporter=Reporter(telemetry, options, providers=found))


def ours_metrics_alone(app: ASGIApp) -> ASGIApp:
    """Watch with an SDK for metrics alone."""
    from socketscope.instrumentation.middleware import WebSocketMiddleware
    from socketscope.instrumentation.options import Options
    from socketscope.instrumentation.reporter import Reporter
    from socketscope.telemetry.process import Telemetry

    telemetry = Telemetry()
    meters = {"meter_provider": providers(telemetry)["meter_provider"]}
    telemetry.switch_on(provider=meters["meter_provider"])
    return WebSocketMiddleware(app, reporter=Reporter(telemetry, Options(), providers=meters))


def bare_sdk(app: ASGIApp) -> ASGIApp:
    """Make two empty spans and two empty log records of each connection with the SDK, and nothing else."""
    return _with_sdk(app, {}, {}, {}, {})


def sdk_with_attributes(app: ASGIApp) -> ASGIApp:
    """Make two spans and two log records of each connection with as much in them as ours have, and nothing else."""
    who = {f"benchmark.identity.{number}": "0123456789abcdef" for number in range(6)} | {"server.port": 8000}
    counts = {f"benchmark.connection.count.{number}": number for number in range(6)} | {"benchmark.duration": 0.5}
    segment = {f"benchmark.segment.count.{number}": number for number in range(7)}
    channels = {"benchmark.channels": ("lobby",)}
    return _with_sdk(
        app,
        who | {"benchmark.outcome": "accepted", "http.response.status_code": 101},
        who | channels | segment | counts | {"benchmark.close.initiator": "client"},
        who | channels | {"benchmark.key": "01234567"},
        who | channels | counts | {"benchmark.key": "01234567", "benchmark.close.initiator": "client"},
    )


def _with_sdk(app: ASGIApp, *attributes: Mapping[str, Any]) -> ASGIApp:
    from opentelemetry._logs import SeverityNumber

    found = providers()
    _exporting.append(found)
    tracer = found["tracer_provider"].get_tracer("bare")
    logger = found["logger_provider"].get_logger("bare")
    handshake, segment, opened, closed = attributes

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        tracer.start_span("bare", attributes=handshake).end()
        logger.emit(event_name="bare", severity_number=SeverityNumber.INFO, attributes=opened)
        try:
            await app(scope, receive, send)
        finally:
            tracer.start_span("bare", attributes=segment).end()
            logger.emit(event_name="bare", severity_number=SeverityNumber.INFO, attributes=closed)

    return watched


def ours_without_sdk(app: ASGIApp) -> ASGIApp:
    """Watch as in a process in which nobody has set up an SDK."""
    from socketscope.instrumentation.middleware import WebSocketMiddleware
    from socketscope.instrumentation.options import Options
    from socketscope.instrumentation.reporter import Reporter
    from socketscope.telemetry.process import Telemetry

    return WebSocketMiddleware(app, reporter=Reporter(Telemetry(), Options()))


def providers(telemetry: Any = None) -> dict[str, Any]:
    """Make the providers of an SDK that exports to the sink in OTLP over HTTP."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from socketscope.telemetry.sdk import HistogramExporter

    sink = os.environ[SINK]
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sink}/v1/traces")))
    loggers = LoggerProvider(shutdown_on_exit=False)
    loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{sink}/v1/logs")))
    exporter: MetricExporter = OTLPMetricExporter(f"{sink}/v1/metrics")
    if telemetry is not None:
        exporter = HistogramExporter(exporter, telemetry)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=1000)
    meters = MeterProvider([reader], shutdown_on_exit=False)
    return {"tracer_provider": tracers, "logger_provider": loggers, "meter_provider": meters}


def otel(app: ASGIApp) -> ASGIApp:
    """Watch with OpenTelemetry's ASGI middleware as it comes."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    found = providers()
    _exporting.append(found)
    return OpenTelemetryMiddleware(
        app, tracer_provider=found["tracer_provider"], meter_provider=found["meter_provider"]
    )


_exporting: list[Mapping[str, Any]] = []


def _flush_otel() -> None:
    for found in _exporting:
        found["tracer_provider"].force_flush()
        found["logger_provider"].force_flush()


def collect() -> None:
    """Export the metrics of this process's watcher now."""
    for found in _exporting:
        found["meter_provider"].force_flush()


def _flush_datadog() -> None:
    from ddtrace.trace import tracer

    tracer.flush()


def _flush_logfire() -> None:
    import logfire as logfire_sdk

    logfire_sdk.force_flush()


def otel_quiet(app: ASGIApp) -> ASGIApp:
    """Watch with OpenTelemetry's ASGI middleware, spans of messages switched off."""
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    found = providers()
    _exporting.append(found)
    return OpenTelemetryMiddleware(
        app,
        tracer_provider=found["tracer_provider"],
        meter_provider=found["meter_provider"],
        exclude_spans=["receive", "send"],
    )


def datadog(app: ASGIApp) -> ASGIApp:
    """Watch with ddtrace's ASGI middleware as it comes."""
    os.environ["DD_TRACE_AGENT_URL"] = os.environ[SINK]
    from ddtrace.contrib.asgi import TraceMiddleware

    return TraceMiddleware(app)


def sentry(app: ASGIApp) -> ASGIApp:
    """Watch with Sentry's ASGI middleware, every connection a sampled transaction."""
    import sentry_sdk
    from sentry_sdk.integrations.asgi import SentryAsgiMiddleware

    sentry_sdk.init(os.environ[SINK].replace("//", "//key@") + "/1", traces_sample_rate=1.0)
    return SentryAsgiMiddleware(app)


def logfire(app: ASGIApp) -> ASGIApp:
    """Watch with Logfire's ASGI instrumentation as it comes, exporting in OTLP to the sink."""
    import logfire as logfire_sdk
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logfire_sdk.configure(
        send_to_logfire=False,
        console=False,
        additional_span_processors=[BatchSpanProcessor(OTLPSpanExporter(f"{os.environ[SINK]}/v1/traces"))],
    )
    return logfire_sdk.instrument_asgi(app)


WATCHERS: Final = {
    "bare": Watcher("nothing", lambda app: app),
    "floor": Watcher("messages, exact UTF-8 bytes and log2 sizes each way, in lists that nobody reads", floor),
    "ours": Watcher(
        "messages by type, exact bytes, log2 sizes; handling and waiting sends with histograms and maxima; first "
        "message, last activity; by route, by channel; user; the connection's spans and events; exported each second",
        ours,
        settle=_flush_otel,
    ),
    "ours, no SDK": Watcher("nothing: nobody reads it", ours_without_sdk),
    "ours, metrics alone": Watcher("as ours, without spans and events", ours_metrics_alone),
    "bare SDK": Watcher("two empty spans and two empty log records of a connection", bare_sdk, settle=_flush_otel),
    "bare SDK, same attributes": Watcher(
        "two spans and two log records, as much in them as ours", sdk_with_attributes, settle=_flush_otel
    ),
    "seed's style": Watcher("a record of each message with its time and size, kept for ever", seed),
    "OTel ASGI, no message spans": Watcher("a span of the connection", otel_quiet, settle=_flush_otel),
    "OTel ASGI": Watcher(
        "a span of the connection and of each message, without its size", otel, settle=_flush_otel, each_message=True
    ),
    "ddtrace": Watcher(
        "a span of the connection and of each message",
        datadog,
        group="ddtrace",
        settle=_flush_datadog,
        each_message=True,
    ),
    "Sentry": Watcher("a transaction of the connection", sentry, group="sentry"),
    "Logfire": Watcher("a span of the connection", logfire, group="logfire", settle=_flush_logfire),
}
