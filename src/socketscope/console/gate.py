"""Who may ask the console: whoever shows its token, or the cookie of a session that was opened with it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from socketscope.access import Token, bearer
from socketscope.console.attempts import Attempts
from socketscope.console.problems import problem, refuse

COOKIE: Final = "socketscope_session"
LIFE: Final = 30 * 86_400
"""Seconds for which a session lasts."""
SESSION: Final = "/session"
OPEN_PATHS: Final = frozenset({"/healthz", "/readyz", SESSION, "/", "/favicon.svg", "/licenses.md"})
"""What answers everybody: whether the process is well, signing in, and the page, which has no data in it."""
OPEN_FOLDER: Final = "/assets/"
"""The page's scripts and styles."""


class Gate:
    """Decides by the token, and makes and reads the cookies of sessions.

    A cookie is its time of expiry, signed with the token: another token ends all sessions, a restart none.
    """

    def __init__(self, token: Token, *, clock: Callable[[], float] = time.time) -> None:
        self._token = token
        self._clock = clock
        self._attempts = Attempts()

    def refusal(self, connection: HTTPConnection) -> Response | None:
        """Return the answer to who may not ask, None for who may."""
        if self._has_session(connection.cookies.get(COOKIE, "")):
            return None
        shown = bearer(connection.headers.get("authorization"))
        if shown is None:
            return unauthorized("A token is needed: `Authorization: Bearer TOKEN`, or sign in on the page.")
        return self.try_token(connection, shown)

    def try_token(self, connection: HTTPConnection, shown: str) -> Response | None:
        """Return None for the right token; else the answer, which after many different ones is to wait."""
        address = connection.client.host if connection.client else ""
        if wait := self._attempts.wait(address):
            answer = problem(429, f"Too many wrong tokens from {address}: try again in {math.ceil(wait)} s.")
            answer.headers["retry-after"] = str(math.ceil(wait))
            return answer
        if self._token.equals(shown):
            return None
        self._attempts.add(address, shown)
        return unauthorized("This is not the token of this console (SOCKETSCOPE_CONSOLE_TOKEN where it runs).")

    def open_session(self) -> str:
        """Return the value of a new session's cookie."""
        expires = f"{self._clock() + LIFE:.0f}"
        return f"{expires}.{self._sign(expires)}"

    def _has_session(self, cookie: str) -> bool:
        expires, _, signature = cookie.partition(".")
        if not expires.isdecimal() or len(expires) > len("9999999999") or int(expires) <= self._clock():
            return False
        return Token.same(signature, self._sign(expires))

    def _sign(self, expires: str) -> str:
        return self._token.sign(f"socketscope console session until {expires}")


class Guard:
    """ASGI middleware: lets through what `gate` does, and what is open to everybody."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward, or answer for the application."""
        if scope["type"] in ("http", "websocket") and not is_open(scope["path"]):
            refusal = self._gate.refusal(HTTPConnection(scope))
            if refusal is not None:
                await refuse(refusal, scope, receive, send)
                return
        await self.app(scope, receive, send)


def is_open(path: str) -> bool:
    """Whether `path` answers everybody."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def unauthorized(detail: str) -> Response:
    """Answer that a token is needed."""
    answer = problem(401, detail)
    answer.headers["www-authenticate"] = 'Bearer realm="socketscope"'
    return answer
