"""Who may send OTLP: over gRPC and over HTTP, whoever shows the token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

import grpc
from starlette.datastructures import Headers
from starlette.responses import Response

from socketscope.access import Token
from socketscope.store.rpc_status import encoded_status

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    Interceptor = grpc.ServerInterceptor[Any, Any]  # generic in the stubs alone
else:
    Interceptor = grpc.ServerInterceptor

UNAUTHENTICATED: Final = 16
"""gRPC's code; the bodies of refusals over HTTP have it too."""
MESSAGE: Final = (
    "The token of this receiver is needed: `authorization: Bearer TOKEN`, by OpenTelemetry's SDKs with"
    " OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20TOKEN."
)


class RequireTokenGrpc(Interceptor):
    """Refuses calls whose metadata does not show `token`, before their message is read."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._refusal = grpc.unary_unary_rpc_method_handler(_refuse)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Go on, or answer `UNAUTHENTICATED`."""
        shown = dict(handler_call_details.invocation_metadata or ()).get("authorization")
        if self._token.admits(shown.decode() if isinstance(shown, bytes) else shown):
            return continuation(handler_call_details)
        return self._refusal


class RequireTokenHttp:
    """ASGI middleware: answers 401 to requests that do not show `token`, before their body is read."""

    def __init__(self, app: ASGIApp, token: Token) -> None:
        self.app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward, or answer 401 with a Status in the encoding of the request."""
        if scope["type"] != "http" or self._token.admits(Headers(scope=scope).get("authorization")):
            await self.app(scope, receive, send)
            return
        answer = _unauthorized(Headers(scope=scope).get("content-type", ""))
        await answer(scope, receive, send)


def _refuse(_body: bytes, context: grpc.ServicerContext) -> NoReturn:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, MESSAGE)
    raise AssertionError  # abort() raises


def _unauthorized(content_type: str) -> Response:
    headers = {"www-authenticate": 'Bearer realm="socketscope"'}
    if content_type.partition(";")[0].strip().lower() == "application/json":
        body: str | bytes = json.dumps({"code": UNAUTHENTICATED, "message": MESSAGE})
        return Response(body, 401, headers, "application/json")
    return Response(encoded_status(UNAUTHENTICATED, MESSAGE), 401, headers, "application/x-protobuf")
