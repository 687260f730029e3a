"""For tests of applications that are watched: what was reported, a client without a network, a clock to set.

```python
with capture() as captured:
    app = captured.watch(my_app)
    async with AsgiClient(app, "/ws/room-1") as client:
        await client.accepted()
        await client.send_text("hello")
        assert await client.receive_text() == "hello"
assert captured.value("websocket.server.messages", **{"network.io.direction": "receive"}) == 1
```
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from socketscope.instrumentation.asgi import ASGIApp, Message
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import Options
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.clock import Clock
from socketscope.telemetry.histogram import Histogram
from socketscope.telemetry.process import Telemetry

__all__ = ["AsgiClient", "Capture", "FakeClock", "capture"]


class FakeClock:
    """Both clocks of a measurement, standing still until `advance`."""

    def __init__(self, *, wall: float = 1_700_000_000.0) -> None:
        self._monotonic = 1_000_000_000
        self._wall = int(wall * 1e9)

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self._monotonic += int(seconds * 1e9)
        self._wall += int(seconds * 1e9)

    @property
    def clock(self) -> Clock:
        """The clock to hand to what is tested."""
        return Clock(lambda: self._monotonic, lambda: self._wall)


class Capture:
    """Everything that was reported, in memory, on providers of its own: the global ones are not touched."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self._spans = InMemorySpanExporter()
        self._logs = InMemoryLogRecordExporter()
        self._reader = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        loggers = LoggerProvider(shutdown_on_exit=False)
        loggers.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.providers: Mapping[str, TracerProvider | LoggerProvider | MeterProvider] = {
            "tracer_provider": tracers,
            "logger_provider": loggers,
            "meter_provider": meters,
        }
        self.telemetry = Telemetry(clock=clock, channel_limit=options.channel_limit)
        self.telemetry.switch_on(keep_closed=True, provider=meters)
        self.reporter = Reporter(self.telemetry, options, providers=self.providers)

    def watch(self, app: ASGIApp) -> WebSocketMiddleware:
        """Wrap an application so that its connections are reported here."""
        return WebSocketMiddleware(app, reporter=self.reporter)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """The spans that have ended, in the order of their end."""
        return self._spans.get_finished_spans()

    @property
    def events(self) -> Sequence[ReadableLogRecord]:
        """The log records, in the order in which they were emitted."""
        return self._logs.get_finished_logs()

    def event_names(self) -> list[str]:
        """Give the names of the events, in order."""
        return [event.log_record.event_name or "" for event in self.events]

    def points(self, metric: str) -> dict[frozenset[tuple[str, Any]], int | float]:
        """Collect, and give the points of a counter or gauge by their attributes."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        return {
            frozenset((point.attributes or {}).items()): point.value
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in found.data.data_points
            if isinstance(point, NumberDataPoint)
        }

    def value(self, metric: str, **attributes: str | int) -> int | float:
        """Collect, and give the sum of the points of a counter or gauge that have all of `attributes`."""
        wanted = attributes.items()
        return sum(value for having, value in self.points(metric).items() if wanted <= dict(having).items())

    def histograms(self, metric: str) -> list[Histogram]:
        """Give the histograms of a metric."""
        return [found for found in self.telemetry.settled().histograms() if found.metric.name == metric]


@contextmanager
def capture(options: Options | None = None, clock: Clock | None = None) -> Iterator[Capture]:
    """Give a `Capture`; its providers are shut down at the end."""
    captured = Capture(options or Options(), clock or Clock())
    try:
        yield captured
    finally:
        for provider in captured.providers.values():
            provider.shutdown()


class AsgiClient:
    """A WebSocket client that speaks ASGI to an application: nothing but messages, in the order of the script.

    As a context manager it connects, and at the end disconnects (1000) and waits for the application. An exception
    of the application is kept in `error`.
    """

    def __init__(
        self,
        app: ASGIApp,
        url: str = "/",
        *,
        headers: Mapping[str, str] | None = None,
        scope: Mapping[str, Any] | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in (headers or {}).items()],
            "client": ("192.0.2.77", 50123),
            "server": ("127.0.0.1", 8000),
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
            **(scope or {}),
        }
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.error: BaseException | None = None
        self.gone = False
        """Set it, and the application's sends raise `OSError`, as uvicorn's do once the client is gone."""

    async def __aenter__(self) -> Self:
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.done:
            self.disconnect()
        await self.finished()

    @property
    def done(self) -> bool:
        """Whether the application has returned or raised."""
        return self._task is None or self._task.done()

    async def finished(self) -> None:
        """Wait until the application has returned or raised."""
        if self._task is not None:
            await self._task

    def cancel(self) -> None:
        """Cancel the application, as a server does that shuts down in a hurry."""
        if self._task is not None:
            self._task.cancel()

    async def receive(self) -> Message:
        """Give the next message of the application; raises AssertionError when it ended instead."""
        get = asyncio.ensure_future(self._from_app.get())
        tasks = {get, self._task} if self._task is not None else {get}
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if get.done():
            return get.result()
        get.cancel()
        raise AssertionError(f"the application ended ({self.error!r}) where a message was expected")

    async def accepted(self) -> None:
        """Take the next message, which must be an accept."""
        await self._receive("websocket.accept")

    async def receive_text(self) -> str:
        """Take the next message, which must be a text message."""
        return str((await self._receive("websocket.send"))["text"])

    async def _receive(self, kind: str) -> Message:
        message = await self.receive()
        if message["type"] != kind:
            raise AssertionError(f"{kind} was expected, not {dict(message)}")
        return message

    async def send_text(self, text: str) -> None:
        """Send a text message, and let the application run."""
        await self.send({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message, and let the application run."""
        await self.send({"type": "websocket.receive", "bytes": data})

    async def send(self, message: Message) -> None:
        """Hand the application any message, and let it run."""
        self._to_app.put_nowait(message)
        await asyncio.sleep(0)

    def disconnect(self, code: int = 1000, reason: str | None = "") -> None:
        """Leave; `reason=None` leaves the key out, as uvicorn does when the link was lost."""
        message: Message = {"type": "websocket.disconnect", "code": code}
        if reason is not None:
            message["reason"] = reason
        self.gone = True
        self._to_app.put_nowait(message)

    async def _run(self) -> None:
        try:
            await self._app(self.scope, self._to_app.get, self._take)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            self.error = error

    async def _take(self, message: Message) -> None:
        if self.gone and message["type"] == "websocket.send":
            raise OSError("the client is gone")
        self._from_app.put_nowait(message)
