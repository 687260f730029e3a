"""OTLP over gRPC: one `Export` method per signal, served by threads that wait for the commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from socketscope.errors import StoreError, StoreFullError
from socketscope.store.ingest import MAX_INFLATED_BYTES, SIGNALS, Signal, UndecodableError, submit
from socketscope.store.rpc_status import encoded_status

if TYPE_CHECKING:
    from socketscope.store.store import Store

THREADS = 16
"""Requests that are worked on at a time; each mostly waits for its commit, which they share."""

_OPTIONS = (
    ("grpc.so_reuseport", 0),  # else a second server would share the port instead of being refused
    ("grpc.max_receive_message_length", MAX_INFLATED_BYTES),
)


def grpc_server(store: Store, interceptors: Sequence[grpc.ServerInterceptor[Any, Any]] = ()) -> grpc.Server:
    """Build a server (not bound, not started) that puts the three signals into `store`."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="socketscope-otlp-grpc"),
        interceptors=list(interceptors),
        options=_OPTIONS,
    )
    for signal in SIGNALS:
        # No deserializer: the body is decoded in our thread, where a bad one gets an answer that says so.
        method = grpc.unary_unary_rpc_method_handler(_export(store, signal))
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(signal.grpc_service, {"Export": method}),)
        )
    return server


def _export(store: Store, signal: Signal) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            answer, committed = submit(store, signal, body)
            committed.result()
        except UndecodableError as error:
            _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except StoreFullError as error:
            _refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), retry_after=error.retry_after)
        except StoreError as error:
            _refuse(context, grpc.StatusCode.UNAVAILABLE, str(error), retry_after=5)
        return answer.SerializeToString()

    return export


def _refuse(
    context: grpc.ServicerContext, code: grpc.StatusCode, message: str, *, retry_after: int | None = None
) -> NoReturn:
    details = encoded_status(code.value[0], message, retry_after=retry_after)
    context.set_trailing_metadata((("grpc-status-details-bin", details),))
    context.abort(code, message)
    raise AssertionError  # abort() raises
