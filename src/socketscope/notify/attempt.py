"""One attempt to send: bounded in time, and whatever goes wrong becomes a receipt without secrets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

from socketscope.notify.base import Receipt
from socketscope.notify.secrets import Secrets

_logger = logging.getLogger(__name__)
_LONGEST: Final = 500
"""Characters of a receipt's detail."""


async def attempt(sending: Awaitable[Receipt], *, timeout: float, secrets: Secrets) -> Receipt:  # noqa: ASYNC109 - the receipt tells of it, no exception
    """Await `sending` for at most `timeout` seconds, and return its receipt or one that says why there is none.

    Only a cancellation passes.
    """
    try:
        async with asyncio.timeout(timeout):
            receipt = await sending
    except TimeoutError:
        receipt = Receipt(delivered=False, again=True, detail=f"no answer within {timeout:g} s")
    except Exception as error:  # noqa: BLE001 - whatever a receiver causes must not reach the one who sends
        kind = type(error).__name__
        _logger.debug("a notification was not sent (%s)", kind)
        receipt = Receipt(delivered=False, again=True, detail=f"{kind}: {error}" if str(error) else kind)
    return replace(receipt, detail=secrets.scrub(" ".join(receipt.detail.split()))[:_LONGEST])
