"""OTLP over HTTP with protobuf bodies: an ASGI application."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from socketscope.errors import StoreError, StoreFullError
from socketscope.store.ingest import (
    MAX_INFLATED_BYTES,
    MAX_REQUEST_BYTES,
    SIGNALS,
    Signal,
    UndecodableError,
    submit,
)
from socketscope.store.rpc_status import (
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    encoded_status,
)

if TYPE_CHECKING:
    from socketscope.store.store import Store

PROTOBUF = "application/x-protobuf"


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
        try:
            body = await _body(request)
            encoding = request.headers.get("content-encoding", "identity")
            answer, committed = await asyncio.to_thread(_submit, store, signal, body, encoding)
            # Shielded: a sender that hangs up does not undo what it sent.
            await asyncio.shield(asyncio.wrap_future(committed))
        except _RefusedError as error:
            return _refuse(error.http_status, INVALID_ARGUMENT, str(error))
        except UndecodableError as error:
            return _refuse(400, INVALID_ARGUMENT, str(error))
        except StoreFullError as error:
            return _refuse(429, RESOURCE_EXHAUSTED, str(error), retry_after=error.retry_after)
        except StoreError as error:
            return _refuse(503, UNAVAILABLE, str(error), retry_after=5)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is left to read it
        return Response(answer, media_type=PROTOBUF)

    return export


async def _body(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != PROTOBUF:
        raise _RefusedError(415, f"Content-Type {content_type!r} is not taken: send {PROTOBUF}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise _RefusedError(413, f"The body is greater than {MAX_REQUEST_BYTES} bytes: send smaller batches.")
    return bytes(body)


def _submit(store: Store, signal: Signal, body: bytes, encoding: str) -> tuple[bytes, Future[None]]:
    return submit(store, signal, _inflated(body, encoding.strip().lower()))


def _inflated(body: bytes, encoding: str) -> bytes:
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise _RefusedError(415, f"Content-Encoding {encoding!r} is not taken: send gzip or none.")
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        inflated = inflater.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise UndecodableError(f"The body is not gzip: {error}") from error
    if inflater.unconsumed_tail:
        raise _RefusedError(413, f"The body inflates to more than {MAX_INFLATED_BYTES} bytes: send smaller batches.")
    if not inflater.eof:
        raise UndecodableError("The body's gzip stream ends too early.")
    return inflated


def _refuse(http_status: int, code: int, message: str, *, retry_after: int | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    body = encoded_status(code, message, retry_after=retry_after)
    return Response(body, status_code=http_status, media_type=PROTOBUF, headers=headers)
