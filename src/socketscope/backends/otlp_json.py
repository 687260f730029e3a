"""OTLP traces in JSON -> spans. Pure.

Read as OTLP/JSON has it (hexadecimal ids, numbers for enumerations: Jaeger) and as protobuf's own JSON mapping has it
(base64 ids, names for enumerations: Tempo).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from socketscope.backends.base import SpanKind, SpanLink, SpanStatus, TraceSpan

_KINDS: Final[tuple[SpanKind, ...]] = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES: Final[tuple[SpanStatus, ...]] = ("unset", "ok", "error")


def spans_of(resource_spans: Iterable[Mapping[str, Any]]) -> Iterator[TraceSpan]:
    """Yield the spans of a `TracesData.resourceSpans`.

    Raises `ValueError`, `TypeError`, `KeyError` or `AttributeError` for what is no such thing.
    """
    for per_resource in resource_spans:
        resource = attributes_of(per_resource.get("resource", {}).get("attributes"))
        service = str(resource.get("service.name", ""))
        for per_scope in per_resource.get("scopeSpans", ()):
            for span in per_scope.get("spans", ()):
                yield _span(span, service)


def attributes_of(pairs: Iterable[Mapping[str, Any]] | None) -> dict[str, Any]:
    """Turn a list of OTLP's `KeyValue` into a mapping."""
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs or ()}


def _span(span: Mapping[str, Any], service: str) -> TraceSpan:
    status = span.get("status") or {}
    return TraceSpan(
        trace_id=_id(span["traceId"], 16),
        span_id=_id(span["spanId"], 8),
        parent_id=_id(parent, 8) if (parent := span.get("parentSpanId")) else None,
        name=span.get("name", ""),
        kind=_KINDS[_number(span.get("kind", 0), "SPAN_KIND_", _KINDS)],
        service=service,
        start=int(span["startTimeUnixNano"]) / 1e9,
        end=int(span["endTimeUnixNano"]) / 1e9,
        status=_STATUSES[_number(status.get("code", 0), "STATUS_CODE_", _STATUSES)],
        status_message=status.get("message") or None,
        attributes=attributes_of(span.get("attributes")),
        links=tuple(
            SpanLink(_id(link["traceId"], 16), _id(link["spanId"], 8), attributes_of(link.get("attributes")))
            for link in span.get("links", ())
        ),
    )


def _id(text: str, size: int) -> str:
    if len(text) == 2 * size:
        return bytes.fromhex(text).hex()
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text!r} is no id") from error
    if len(decoded) != size:
        raise ValueError(f"{text!r} is no id of {size} bytes")
    return decoded.hex()


def _number(value: int | str, prefix: str, names: tuple[str, ...]) -> int:
    if isinstance(value, str):
        return names.index(value.removeprefix(prefix).lower())
    return value


def _value(value: Mapping[str, Any]) -> Any:
    if not value:
        return None
    [(which, content)] = value.items()
    if which == "arrayValue":
        return [_value(item) for item in content.get("values", ())]
    if which == "kvlistValue":
        return attributes_of(content.get("values"))
    if which == "intValue":
        return int(content)  # 64-bit integers are strings in protobuf's JSON
    if which == "doubleValue":
        return float(content)
    return content
