"""One attempt to send: bounded in time, and whatever goes wrong becomes a receipt without secrets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.secrets import Secrets

_logger = logging.getLogger(__name__)
_LONGEST: Final = 500
"""Characters of a receipt's detail."""


async def attempt(sending: Awaitable[Receipt], *, seconds: float, secrets: Secrets) -> Receipt:
    """Await `sending` for at most so many seconds, and return its receipt or one that says why there is none.

    Only a cancellation passes.
    """
    try:
        async with asyncio.timeout(seconds):
            receipt = await sending
    except TimeoutError:
        receipt = Receipt(delivered=False, again=True, detail=f"no answer within {seconds:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a receiver causes must not reach the one who sends
        kind = type(error).__name__
        _logger.debug("a notification was not sent (%s)", kind)
        receipt = Receipt(delivered=False, again=True, detail=f"{kind}: {error}" if str(error) else kind)
    return replace(receipt, detail=secrets.scrub(" ".join(receipt.detail.split()))[:_LONGEST])


async def deliver(
    notifier: Notifier, notification: Notification, *, seconds: float, thread: str | None = None
) -> Receipt:
    """Have `notifier` send, for at most so many seconds; what it raises, its own mistake, becomes a receipt too."""
    try:
        async with asyncio.timeout(seconds):
            return await notifier.send(notification, thread=thread)
    except TimeoutError:
        return Receipt(delivered=False, again=True, detail=f"no answer within {seconds:g} s")
    except Exception as error:
        _logger.exception("the notifier %s raised", notifier.name)
        return Receipt(delivered=False, again=True, detail=type(error).__name__)
