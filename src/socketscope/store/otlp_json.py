"""OTLP in JSON: protobuf's mapping, but ids of traces and spans in hexadecimal (and enumerations as numbers)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.message import Message

_IDS: Final = {"traceId": 16, "spanId": 8, "parentSpanId": 8}
"""Fields that hold ids, and how many bytes those have."""
_DEEPEST: Final = 100


def decode(body: bytes, message: Message) -> Message:
    """Fill `message` from JSON, passing over unknown fields. Raises `ValueError` that says what is wrong."""
    try:
        parsed = json.loads(body)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    try:
        json_format.ParseDict(
            _with_base64(_object(parsed), 0), message, ignore_unknown_fields=True, max_recursion_depth=_DEEPEST
        )
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error
    return message


def encode(message: Message) -> str:
    """Write an answer as JSON; none of them holds an id."""
    return json_format.MessageToJson(message, indent=None)


def _object(parsed: Any) -> dict[str, Any]:
    if not isinstance(parsed, dict):
        raise json_format.ParseError("an object is expected")
    return parsed


def _with_base64(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        return {key: _id(key, item) if key in _IDS else _with_base64(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_base64(item, depth + 1) for item in value]
    return value


def _id(name: str, value: Any) -> str:
    """Turn hexadecimal into what protobuf's mapping expects of bytes."""
    if value is None:
        return ""
    try:
        number = binascii.unhexlify(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}={value!r}: hexadecimal is expected") from error
    if len(number) not in {0, _IDS[name]}:
        raise ValueError(f"{name}={value!r}: {2 * _IDS[name]} hexadecimal digits are expected")
    return base64.b64encode(number).decode("ascii")
