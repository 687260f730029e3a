"""OTLP over HTTP, with bodies in protobuf or JSON: an ASGI application. Answers are in what the request was in."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from socketscope.errors import StoreError, StoreFullError
from socketscope.store import otlp_json
from socketscope.store.ingest import (
    MAX_INFLATED_BYTES,
    MAX_REQUEST_BYTES,
    SIGNALS,
    Signal,
    UndecodableError,
    from_json,
    submit,
)
from socketscope.store.rpc_status import INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE, make_status

if TYPE_CHECKING:
    from socketscope.store.store import Store

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"


class _RefusedError(Exception):
    """A request that is answered before its body is decoded."""

    def __init__(self, http_status: int, message: str) -> None:
        super().__init__(message)
        self.http_status = http_status


def http_app(store: Store) -> Starlette:
    """Build an application that puts what is posted to `/v1/metrics`, `/v1/traces`, `/v1/logs` into `store`."""
    return Starlette(routes=[Route(signal.http_path, _export(store, signal), methods=["POST"]) for signal in SIGNALS])


def _export(store: Store, signal: Signal) -> Callable[[Request], Awaitable[Response]]:
    async def export(request: Request) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        answer_type = JSON if media_type == JSON else PROTOBUF
        retry_after = None
        try:
            body = await _body(request, media_type)
            encoding = request.headers.get("content-encoding", "identity").strip().lower()
            answer, committed = await asyncio.to_thread(_submit, store, signal, body, encoding, media_type)
            # Shielded: a sender that hangs up does not undo what it sent.
            await asyncio.shield(asyncio.wrap_future(committed))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it
        except _RefusedError as error:
            status, code, message = error.http_status, INVALID_ARGUMENT, str(error)
        except UndecodableError as error:
            status, code, message = 400, INVALID_ARGUMENT, str(error)
        except StoreFullError as error:
            status, code, message, retry_after = 429, RESOURCE_EXHAUSTED, str(error), error.retry_after
        except StoreError as error:
            status, code, message, retry_after = 503, UNAVAILABLE, str(error), 5
        else:
            return _response(200, answer, answer_type)
        refusal = _response(status, make_status(code, message, retry_after=retry_after), answer_type)
        if retry_after is not None:
            refusal.headers["retry-after"] = str(retry_after)
        return refusal

    return export


async def _body(request: Request, media_type: str) -> bytes:
    if media_type not in {PROTOBUF, JSON}:
        raise _RefusedError(415, f"Content-Type {media_type!r} is not taken: send {PROTOBUF} or {JSON}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise _RefusedError(413, f"The body is greater than {MAX_REQUEST_BYTES} bytes: send smaller batches.")
    return bytes(body)


def _submit(store: Store, signal: Signal, body: bytes, encoding: str, media_type: str) -> tuple[Message, Future[None]]:
    inflated = _inflated(body, encoding)
    return submit(store, signal, from_json(signal, inflated) if media_type == JSON else inflated)


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise _RefusedError(415, f"Content-Encoding {encoding!r} is not taken: send gzip or none.")
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            inflated = file.read(MAX_INFLATED_BYTES + 1)
    except EOFError as error:
        raise UndecodableError("The body's gzip stream ends too early.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UndecodableError(f"The body is not gzip: {error}") from error
    if len(inflated) > MAX_INFLATED_BYTES:
        raise _RefusedError(413, f"The body inflates to more than {MAX_INFLATED_BYTES} bytes: send smaller batches.")
    return inflated


def _response(status: int, message: Message, media_type: str) -> Response:
    body = otlp_json.encode(message) if media_type == JSON else message.SerializeToString()
    return Response(body, status_code=status, media_type=media_type)
