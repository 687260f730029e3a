"""The three OTLP signals: bytes of a request -> rows in the store -> bytes of the answer. Shared by gRPC and HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from socketscope.errors import SocketscopeError
from socketscope.store.decode_logs import decode_logs
from socketscope.store.decode_metrics import decode_metrics
from socketscope.store.decode_traces import decode_spans

if TYPE_CHECKING:
    from socketscope.store.rows import Batch
    from socketscope.store.store import Store

MAX_REQUEST_BYTES = 16 << 20
"""Greatest request that is taken, on the wire."""
MAX_INFLATED_BYTES = 64 << 20
"""Greatest request that is taken, inflated."""


class UndecodableError(SocketscopeError):
    """A request's body is not the protobuf message that its signal needs."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One of OTLP's services: where it is reached and how its messages are read and answered."""

    name: str
    grpc_service: str
    http_path: str
    read: Callable[[bytes], Batch]
    answer: Callable[[Batch], bytes]


def submit(store: Store, signal: Signal, body: bytes) -> tuple[bytes, Future[None]]:
    """Decode `body` and queue its rows: the answer to send once the future (the commit) has resolved.

    Blocks while it decodes. Raises `UndecodableError`, and what `Store.submit` raises.
    """
    try:
        batch = signal.read(body)
    except DecodeError as error:
        raise UndecodableError(f"The body is no OTLP {signal.name} request in protobuf: {error}") from error
    return signal.answer(batch), store.submit(batch)


def _read_metrics(body: bytes) -> Batch:
    return decode_metrics(metrics_service_pb2.ExportMetricsServiceRequest.FromString(body).resource_metrics)


def _answer_metrics(batch: Batch) -> bytes:
    answer = metrics_service_pb2.ExportMetricsServiceResponse()
    if batch.rejected:
        answer.partial_success.rejected_data_points = batch.rejected
        answer.partial_success.error_message = batch.reason
    return answer.SerializeToString()


def _read_traces(body: bytes) -> Batch:
    return decode_spans(trace_service_pb2.ExportTraceServiceRequest.FromString(body).resource_spans)


def _answer_traces(batch: Batch) -> bytes:
    answer = trace_service_pb2.ExportTraceServiceResponse()
    if batch.rejected:
        answer.partial_success.rejected_spans = batch.rejected
        answer.partial_success.error_message = batch.reason
    return answer.SerializeToString()


def _read_logs(body: bytes) -> Batch:
    request = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
    return decode_logs(request.resource_logs, received_ns=time.time_ns())


def _answer_logs(batch: Batch) -> bytes:
    answer = logs_service_pb2.ExportLogsServiceResponse()
    if batch.rejected:
        answer.partial_success.rejected_log_records = batch.rejected
        answer.partial_success.error_message = batch.reason
    return answer.SerializeToString()


_SERVICES = "opentelemetry.proto.collector"
SIGNALS = (
    Signal("metrics", f"{_SERVICES}.metrics.v1.MetricsService", "/v1/metrics", _read_metrics, _answer_metrics),
    Signal("traces", f"{_SERVICES}.trace.v1.TraceService", "/v1/traces", _read_traces, _answer_traces),
    Signal("logs", f"{_SERVICES}.logs.v1.LogsService", "/v1/logs", _read_logs, _answer_logs),
)
