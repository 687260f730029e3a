"""OTLP log records -> rows of `events`. Pure.

What questions about connections need of an event's attributes gets a column; all attributes stay in the JSON too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs

from socketscope import semconv
from socketscope.store.attributes import canonical, float_of, int_of, mapping_of, resource_of, text_of, value_of
from socketscope.store.rows import MAX_NS, Batch

_TEXT = (
    semconv.CONNECTION_ID,
    semconv.USER_HASH,
    semconv.USER_KEY_ID,
    semconv.HTTP_ROUTE,
    semconv.CLIENT_ADDRESS,
    semconv.USER_AGENT,
    semconv.CLOSE_INITIATOR,
    semconv.ERROR_TYPE,
)
_WHOLE = (
    semconv.CLOSE_CODE,
    semconv.MESSAGES_RECEIVED,
    semconv.MESSAGES_SENT,
    semconv.BYTES_RECEIVED,
    semconv.BYTES_SENT,
)


def decode_logs(resource_logs: Iterable[ResourceLogs], *, received_ns: int) -> Batch:
    """Take the records of an `ExportLogsServiceRequest.resource_logs`.

    A record without a time gets its observed time, else `received_ns`. A time beyond 63 bits is rejected.
    """
    batch = Batch()
    for per_resource in resource_logs:
        resource = resource_of(per_resource.resource)
        for per_scope in per_resource.scope_logs:
            for record in per_scope.log_records:
                time_ns = record.time_unix_nano or record.observed_time_unix_nano or received_ns
                if time_ns > MAX_NS or record.observed_time_unix_nano > MAX_NS:
                    batch.reject(f"log record {record.event_name!r}: a time is out of range")
                    continue
                batch.events.append((resource, (per_scope.scope.name, time_ns, *_columns(record))))
    return batch


def _columns(record: LogRecord) -> tuple[Any, ...]:
    attributes = mapping_of(record.attributes)
    return (
        record.event_name or text_of(attributes.get("event.name")),
        record.severity_number,
        record.severity_text or None,
        text_of(value_of(record.body)),
        record.trace_id.hex() or None,
        record.span_id.hex() or None,
        *(text_of(attributes.get(attribute.name)) for attribute in _TEXT),
        *(_bounded(int_of(attributes.get(attribute.name))) for attribute in _WHOLE),
        float_of(attributes.get(semconv.DURATION.name)),
        _names(attributes.get(semconv.CHANNELS.name)),
        canonical(attributes),
    )


def _bounded(value: int | None) -> int | None:
    return value if value is None or -MAX_NS <= value <= MAX_NS else None


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [name for name in map(text_of, value) if name is not None] if isinstance(value, list) else []
