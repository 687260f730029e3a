"""The three OTLP signals: bytes of a request -> rows in the store -> bytes of the answer. Shared by gRPC and HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from socketscope.errors import SocketscopeError
from socketscope.store import otlp_json
from socketscope.store.decode_logs import decode_logs
from socketscope.store.decode_metrics import decode_metrics
from socketscope.store.decode_traces import decode_spans
from socketscope.store.wire import MetricsRequest

if TYPE_CHECKING:
    from socketscope.store.rows import Batch
    from socketscope.store.store import Store

MAX_REQUEST_BYTES = 16 << 20
"""Greatest request that is taken, on the wire."""
MAX_INFLATED_BYTES = 64 << 20
"""Greatest request that is taken, inflated."""


class UndecodableError(SocketscopeError):
    """A request's body is not the message that its signal needs."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One of OTLP's services: where it is reached and how its messages are read and answered."""

    name: str
    grpc_service: str
    http_path: str
    request: type[Message]
    answer: Callable[[Batch], Message]
    read: Callable[[Store, bytes], Batch]


def from_json(signal: Signal, body: bytes) -> bytes:
    """Turn a request in JSON into one in protobuf. Raises `UndecodableError`."""
    try:
        return otlp_json.decode(body, signal.request()).SerializeToString()
    except ValueError as error:
        raise UndecodableError(f"The body is no OTLP {signal.name} request in JSON: {error}") from error


def submit(store: Store, signal: Signal, body: bytes) -> tuple[Message, Future[None]]:
    """Decode `body` and queue its rows: the answer to send once the future (the commit) has resolved.

    Blocks while it decodes. Raises `UndecodableError`, and what `Store.submit` raises.
    """
    try:
        batch = signal.read(store, body)
    except (DecodeError, UnicodeDecodeError) as error:
        raise UndecodableError(f"The body is no OTLP {signal.name} request in protobuf: {error}") from error
    return signal.answer(batch), store.submit(batch)


def _answering(response: Any, rejected: str) -> Callable[[Batch], Message]:
    """Make answers of a class, whose partial success counts what was rejected in a field."""

    def answer(batch: Batch) -> Message:
        made = response()
        if batch.rejected:
            setattr(made.partial_success, rejected, batch.rejected)
            made.partial_success.error_message = batch.reason
        message: Message = made
        return message

    return answer


def _read_metrics(store: Store, body: bytes) -> Batch:
    return decode_metrics(MetricsRequest.FromString(body), store.streams, oldest_ns=store.oldest_ns)


def _read_traces(_: Store, body: bytes) -> Batch:
    return decode_spans(trace_service_pb2.ExportTraceServiceRequest.FromString(body).resource_spans)


def _read_logs(_: Store, body: bytes) -> Batch:
    request = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
    return decode_logs(request.resource_logs, received_ns=time.time_ns())


_SERVICES = "opentelemetry.proto.collector"
SIGNALS = (
    Signal(
        "metrics",
        f"{_SERVICES}.metrics.v1.MetricsService",
        "/v1/metrics",
        metrics_service_pb2.ExportMetricsServiceRequest,
        _answering(metrics_service_pb2.ExportMetricsServiceResponse, "rejected_data_points"),
        _read_metrics,
    ),
    Signal(
        "traces",
        f"{_SERVICES}.trace.v1.TraceService",
        "/v1/traces",
        trace_service_pb2.ExportTraceServiceRequest,
        _answering(trace_service_pb2.ExportTraceServiceResponse, "rejected_spans"),
        _read_traces,
    ),
    Signal(
        "logs",
        f"{_SERVICES}.logs.v1.LogsService",
        "/v1/logs",
        logs_service_pb2.ExportLogsServiceRequest,
        _answering(logs_service_pb2.ExportLogsServiceResponse, "rejected_log_records"),
        _read_logs,
    ),
)
