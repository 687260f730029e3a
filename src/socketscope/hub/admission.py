"""From a handshake to a client: what is decided before the application's first message, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from socketscope.errors import MessageTooLargeError, RefusedError
from socketscope.hub.access import CONNECTING, Access, Identity
from socketscope.hub.closing import LONGEST_REASON, POLICY_VIOLATION, UNAUTHORIZED, is_code
from socketscope.hub.message import checked_name
from socketscope.hub.sockets import Socket, gone
from socketscope.instrumentation.connection import SERVICE_RESTART


class Admission:
    """Lets connections in, or refuses them.

    * `message_bytes`: largest first message.
    * `advice`: gives when to come back, while nobody is let in any more; None: they are.
    * `wall`: the wall clock in nanoseconds.
    """

    def __init__(
        self, access: Access, *, message_bytes: int, advice: Callable[[], str | None], wall: Callable[[], int]
    ) -> None:
        self._access = access
        self._message_bytes = message_bytes
        self._advice = advice
        self._wall = wall

    async def admit(self, socket: Socket, known: Identity) -> Identity:
        """Accept a connection, and give whose it is: `known`, unless a hook says so.

        A user whose name can't be used is refused. Raises `RefusedError`, once the client is told, and
        `ClientGoneError` where it has left.
        """
        try:
            self._check_advice()
            identity = await self._identify(socket, known)
            self._check_advice()  # the hooks may have taken their time
        except RefusedError as error:
            code, reason = close_for(error)
            with suppress(Exception):  # the client may have left, and nobody need be told
                await socket.send({"type": "websocket.close", "code": code, "reason": reason})
            raise
        return identity

    def _check_advice(self) -> None:
        if (advice := self._advice()) is not None:
            raise RefusedError(CONNECTING, SERVICE_RESTART, advice)

    async def _identify(self, socket: Socket, known: Identity) -> Identity:
        identity = self._usable(await self._access.handshake(socket.scope) or known)
        if not socket.accepted:
            await socket.accept()
        return self._usable(await self._access.first_message(lambda: self._first(socket)) or identity)

    def _usable(self, identity: Identity) -> Identity:
        if identity.expires is not None and identity.expires <= self._wall() / 1e9:
            raise RefusedError(CONNECTING, UNAUTHORIZED, "the credentials have expired")
        if identity.user is not None:
            checked_name("user", identity.user)
        return identity

    async def _first(self, socket: Socket) -> str | bytes:
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            raise gone(message)
        data = message.get("bytes")
        first: str | bytes = message["text"] if data is None else data
        if (size := size_of(first)) > self._message_bytes:
            raise MessageTooLargeError(size, self._message_bytes)
        return first


def size_of(message: str | bytes) -> int:
    """Give the bytes of a message's payload."""
    return (
        len(message.encode("utf-8", "surrogatepass"))
        if isinstance(message, str) and not message.isascii()
        else len(message)
    )


def close_for(error: RefusedError) -> tuple[int, str]:
    """Give the code and reason that tell a client of an error; hooks may give what no frame can have."""
    code = error.code if is_code(error.code) else POLICY_VIOLATION
    reason = error.reason.encode("utf-8", "replace")[:LONGEST_REASON].decode("utf-8", "ignore")
    return code, reason
