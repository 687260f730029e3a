"""A service process as the console sees it: OTLP sent by the OpenTelemetry SDK, under our names."""

import time

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from socketscope import semconv


class Source:
    """Sends metrics every `interval` seconds and events at once, until `close`."""

    def __init__(self, endpoint, name, *, interval=1.0, system=True):
        resource = Resource.create({"service.name": "chat", "service.instance.id": name, "host.name": f"host-{name}"})
        self.reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=endpoint, insecure=True, timeout=2),
            export_interval_millis=interval * 1000,
        )
        self.metrics = MeterProvider([self.reader], resource=resource, shutdown_on_exit=False)
        self.logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self.logs.add_log_record_processor(
            BatchLogRecordProcessor(OTLPLogExporter(endpoint=endpoint, insecure=True, timeout=2))
        )
        meter = self.metrics.get_meter(semconv.SCOPE)
        self.logger = self.logs.get_logger(semconv.SCOPE)
        self.active = meter.create_up_down_counter(semconv.ACTIVE_CONNECTIONS.name)
        self.messages = meter.create_counter(semconv.MESSAGES.name)
        self.io = meter.create_counter(semconv.IO.name)
        self.errors = meter.create_counter(semconv.ERRORS_TOTAL.name)
        self.handshakes = meter.create_counter(semconv.HANDSHAKES.name)
        self.subscribers = meter.create_up_down_counter(semconv.CHANNEL_SUBSCRIBERS.name)
        self.closed = meter.create_counter(semconv.CLOSED_CONNECTIONS.name)
        if system:
            meter.create_observable_gauge(
                semconv.SYSTEM_CPU.name,
                [
                    lambda _: [
                        Observation(0.6, {"state": "idle", "cpu": 1}),
                        Observation(0.4, {"state": "user", "cpu": 1}),
                    ]
                ],
            )
            meter.create_observable_gauge(
                semconv.SYSTEM_MEMORY.name, [lambda _: [Observation(0.25, {"state": "used"})]]
            )
            meter.create_observable_up_down_counter(semconv.PROCESS_THREADS.name, [lambda _: [Observation(4)]])

    def connect(self, connection, channel="lobby", user="somebody"):
        self.active.add(1)
        self.handshakes.add(1, {semconv.HANDSHAKE_OUTCOME.name: "accepted"})
        self.subscribers.add(1, {semconv.CHANNEL.name: channel})
        self.event(semconv.OPENED, connection, channel, user)

    def talk(self, *, received=0, sent=0, size=10):
        for count, direction in ((received, "receive"), (sent, "transmit")):
            self.messages.add(count, {semconv.DIRECTION.name: direction})
            self.io.add(count * size, {semconv.DIRECTION.name: direction})

    def fail(self):
        self.errors.add(1, {semconv.ERROR_TYPE.name: "ValueError"})

    def disconnect(self, connection, channel="lobby", user="somebody", initiator="client"):
        self.active.add(-1)
        self.subscribers.add(-1, {semconv.CHANNEL.name: channel})
        self.closed.add(1, {semconv.CLOSE_INITIATOR.name: initiator})
        self.event(
            semconv.CLOSED,
            connection,
            channel,
            user,
            {semconv.CLOSE_INITIATOR.name: initiator, semconv.DURATION.name: 2.5},
        )

    def event(self, event, connection, channel, user, more=None):
        self.logger.emit(
            timestamp=time.time_ns(),
            event_name=event.name,
            attributes={
                semconv.CONNECTION_ID.name: connection,
                semconv.CHANNELS.name: [channel],
                semconv.USER_HASH.name: user,
                semconv.USER_KEY_ID.name: "key",
                semconv.HTTP_ROUTE.name: "/ws/{room}",
                **(more or {}),
            },
        )

    def flush(self):
        """Send everything now. Returns once it is stored."""
        assert self.metrics.force_flush(5000)
        assert self.logs.force_flush(5000)

    def close(self):
        self.metrics.shutdown()
        self.logs.shutdown()
