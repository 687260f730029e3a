"""Both OTLP receivers as one thing to start and stop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import uvicorn

from socketscope.addresses import authority, listen
from socketscope.errors import PortInUseError
from socketscope.store.receive_access import RequireTokenGrpc, RequireTokenHttp
from socketscope.store.receive_grpc import grpc_server
from socketscope.store.receive_http import http_app

if TYPE_CHECKING:
    import grpc

    from socketscope.access import Token
    from socketscope.store.store import Store

GRPC_OPTION = "--otlp-grpc-port"
HTTP_OPTION = "--otlp-http-port"
GRACE_SECONDS = 10
"""How long requests under way may take to finish when the receiver stops."""


class Receiver:
    """OTLP in, over gRPC and HTTP, into `store`. A port of 0 takes a free one, told by the attributes after `start`.

    Where there is a `token`, only who shows it may send.
    """

    def __init__(
        self,
        store: Store,
        host: str = "127.0.0.1",
        grpc_port: int = 4317,
        http_port: int = 4318,
        token: Token | None = None,
    ) -> None:
        self.host = host
        self.grpc_port = grpc_port
        self.http_port = http_port
        self._store = store
        self._token = token
        self._grpc: grpc.Server | None = None
        self._http: uvicorn.Server | None = None
        self._http_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen. Raises `PortInUseError` when a port is taken; nothing listens then."""
        listener = listen(self.host, self.http_port, section="otlp", option=HTTP_OPTION)
        try:
            server = grpc_server(self._store, [RequireTokenGrpc(self._token)] if self._token else [])
            self.grpc_port = _bind(server, self.host, self.grpc_port)
        except BaseException:
            listener.close()
            raise
        self.http_port = listener.getsockname()[1]
        self._grpc = server
        server.start()
        app = http_app(self._store)
        self._http = _Server(
            uvicorn.Config(
                RequireTokenHttp(app, self._token) if self._token else app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._http_task = asyncio.create_task(self._http.serve(sockets=[listener]), name="socketscope-otlp-http")

    async def stop(self) -> None:
        """Take no new requests, finish those under way (their rows are committed then). Idempotent."""
        http, task, server = self._http, self._http_task, self._grpc
        self._http = self._http_task = self._grpc = None
        stopped = server.stop(GRACE_SECONDS) if server is not None else None
        if http is not None and task is not None:
            http.should_exit = True
            await task
        if stopped is not None:
            await asyncio.to_thread(stopped.wait)


class _Server(uvicorn.Server):
    """Signals belong to the program, not to one of its listeners."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bind(server: grpc.Server, host: str, port: int) -> int:
    """Bind gRPC's own socket. Tried with a plain socket first, whose error says what is wrong; gRPC's does not."""
    if port:
        listen(host, port, section="otlp", option=GRPC_OPTION).close()
    try:
        return server.add_insecure_port(authority(host, port))
    except RuntimeError as error:
        raise PortInUseError(host, port, GRPC_OPTION) from error
