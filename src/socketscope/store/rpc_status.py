"""`google.rpc.Status`, the body of every OTLP refusal, over gRPC and HTTP alike."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

INVALID_ARGUMENT: Final[int] = code_pb2.INVALID_ARGUMENT
RESOURCE_EXHAUSTED: Final[int] = code_pb2.RESOURCE_EXHAUSTED
UNAVAILABLE: Final[int] = code_pb2.UNAVAILABLE


def make_status(code: int, message: str, *, retry_after: int | None = None) -> Message:
    """Make a status; `retry_after` (seconds) tells an OTLP client that and when it may send again."""
    status = status_pb2.Status(code=code, message=message)
    if retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.seconds = retry_after
        status.details.add().Pack(retry)
    made: Message = status
    return made


def encoded_status(code: int, message: str, *, retry_after: int | None = None) -> bytes:
    """Encode a status in protobuf."""
    return make_status(code, message, retry_after=retry_after).SerializeToString()
