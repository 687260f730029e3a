"""OTLP attribute lists as Python values and as canonical JSON text."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceProto

from socketscope.store.rows import Resource

EMPTY = "{}"


def value_of(value: AnyValue) -> Any:
    """Turn an OTLP value into a Python one: str, bool, int, float, list, dict or None.

    Bytes become base64 text and non-finite floats the words `NaN`, `Infinity`, `-Infinity` (as OTLP/JSON writes
    them), because JSON has neither.
    """
    which = value.WhichOneof("value")
    if which is None:
        return None
    if which == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return mapping_of(value.kvlist_value.values)
    if which == "bytes_value":
        return base64.b64encode(value.bytes_value).decode("ascii")
    if which == "double_value" and not math.isfinite(value.double_value):
        return "NaN" if math.isnan(value.double_value) else f"{'-' * (value.double_value < 0)}Infinity"
    return getattr(value, which)


def mapping_of(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as a dict; of a repeated key the last one counts."""
    return {attribute.key: value_of(attribute.value) for attribute in attributes}


def canonical(mapping: dict[str, Any]) -> str:
    """Compact JSON with sorted keys: equal mappings give equal text."""
    if not mapping:
        return EMPTY
    return json.dumps(mapping, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def resource_of(resource: ResourceProto) -> Resource:
    """Give an OTLP resource the store's form."""
    mapping = mapping_of(resource.attributes)
    return Resource(
        service_name=text_of(mapping.get("service.name")) or "unknown_service",
        instance_id=text_of(mapping.get("service.instance.id")) or "",
        attributes=canonical(mapping),
    )


def text_of(value: Any) -> str | None:
    """Make a value fit a text column; None stays None."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def int_of(value: Any) -> int | None:
    """Make a value fit an integer column; what is no number is None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value)


def float_of(value: Any) -> float | None:
    """Make a value fit a floating-point column; what is no number is None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
