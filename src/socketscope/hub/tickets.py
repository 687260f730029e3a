"""One-time tickets: what a page fetches over HTTP, where it is logged in, and shows when it opens its WebSocket.

Browsers can't set headers on a WebSocket, and what stands in its URL ends up in logs: a ticket there is worth nothing
a moment later, and nothing once it has been used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

from socketscope.errors import ConfigurationError
from socketscope.hub.access import Handshake, Identity, checked_expiry
from socketscope.hub.brokers.base import Broker
from socketscope.hub.message import checked_name
from socketscope.hub.options import checked_number

SHORTEST: Final = 16
"""Bytes of the secret."""
LONGEST: Final = 4096
"""Characters of a ticket."""


class Tickets:
    """Makes tickets and takes them, once each, in all processes with the same broker and secret.

    `seconds`: for so long a ticket is good. Raises `ConfigurationError`.
    """

    def __init__(self, broker: Broker, secret: str | bytes, *, seconds: float = 30.0) -> None:
        self._secret = secret.encode() if isinstance(secret, str) else secret
        if not isinstance(self._secret, bytes) or len(self._secret) < SHORTEST:
            raise ConfigurationError("secret", "...", f"{SHORTEST} bytes or more: `openssl rand -hex 32`")
        checked_number("seconds", seconds, above=True)
        self._broker = broker
        self._seconds = seconds

    def issue(self, user: str, *, expires: float | None = None) -> str:
        """Make a ticket for a user; `expires` as in `Identity`.

        Raises ValueError for a name that can't be used, and for an expiry that is no time.
        """
        number, until = secrets.token_hex(16), time.time() + self._seconds
        facts = [number, checked_name("user", user), until, checked_expiry(expires)]
        body = base64.urlsafe_b64encode(json.dumps(facts).encode()).decode().rstrip("=")
        return f"{body}.{self._signature(body)}"

    async def redeem(self, ticket: str) -> Identity | None:
        """Take a ticket; None where it is none of ours, too old, or was used. Raises `BrokerUnavailableError`."""
        body, _, signature = ticket.partition(".")
        signed = signature.encode("utf-8", "surrogateescape")
        if len(ticket) > LONGEST or not hmac.compare_digest(signed, self._signature(body).encode()):
            return None
        try:
            number, user, until, expires = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            identity, left = Identity(user, expires), until - time.time()
        except (ValueError, TypeError, binascii.Error):  # signed by this secret for something else
            return None
        if left <= 0 or not await self._broker.claim(f"ticket/{number}", left + 1):
            return None
        return identity

    def in_query(self, name: str = "ticket") -> Callable[[Handshake], Awaitable[Identity | None]]:
        """Give the hook `Access.connect` for tickets in a parameter of the query string."""

        async def connect(handshake: Handshake) -> Identity | None:
            ticket = handshake.query(name)
            return await self.redeem(ticket) if ticket is not None else None

        return connect

    async def in_message(self, message: str | bytes) -> Identity | None:
        """Take a ticket that is the first message: the hook `Access.authenticate`."""
        return await self.redeem(message) if isinstance(message, str) else None

    def _signature(self, body: str) -> str:
        return hmac.new(self._secret, body.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
