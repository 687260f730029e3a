"""Receivers that are told over HTTP: one request, and what its answer means."""

from __future__ import annotations

import math
import ssl
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from json import dumps
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator

from socketscope.backends.http import Access, Answer, JsonClient, parse, trusting, without_password
from socketscope.errors import ConfigurationError
from socketscope.notify.base import Receipt

LONGEST_WAIT: Final = 86400.0
"""Seconds to wait at the most, whatever a receiver says."""
_MOST: Final = 64 * 1024
"""Bytes of an answer that are read."""
_AGAIN: Final = frozenset({408, 421, 423, 425, 429})
"""Statuses below 500 for which a later attempt can succeed."""


class Receiver:
    """Sends single requests; no connection stays open between them, so that one attempt has no part in the next.

    Raises `ConfigurationError` for an `ca_file` that holds no certificates.
    """

    def __init__(self, name: str, *, timeout: float, access: Access | None = None, ca_file: Path | None = None) -> None:
        self._name = name
        self._timeout = timeout
        self._access = access
        self._ca_file = ca_file
        if ca_file:
            trusted(ca_file)

    async def post(
        self, url: str, *, json: Any = None, headers: Mapping[str, str] | None = None, **body: Any
    ) -> Answer:
        """POST to `url`, `json` or else `data` (a form) or `content`; raises `BackendError` when there is no answer."""
        headers = dict(headers or {})
        if json is not None:
            # In ASCII: labels come from strangers and may hold what is no UTF-8.
            body["content"] = dumps(json, allow_nan=False).encode("ascii")
            headers["Content-Type"] = "application/json"
        async with JsonClient(
            url, name=self._name, access=self._access, timeout=self._timeout, tls=trusted(self._ca_file)
        ) as client:
            return await client.exchange("POST", url, most=_MOST, headers=headers, **body)


@cache
def trusted(file: Path | None) -> ssl.SSLContext:
    """Return what trusts `file`'s certificates, or the usual ones; raises `ConfigurationError` for an unreadable file.

    To read them takes tens of milliseconds: once for each file.
    """
    try:
        return trusting(file)
    except OSError as error:
        raise ConfigurationError("ca_file", str(file), f"a file with certificates (PEM; {error})") from error


def receipt_of(answer: Answer) -> Receipt:
    """Return what the status of an answer means: 2xx is delivered; 408, 425, 429 and 5xx are worth another attempt."""
    if answer.is_success:
        return Receipt(delivered=True, detail=f"{answer.status}")
    return refused(f"{answer.status}: {answer.reason or 'no reason given'}", again=is_passing(answer), answer=answer)


def unreadable(who: str) -> Receipt:
    """Return the receipt of a success whose body is not `who`'s: somebody else may have answered."""
    return refused(f"{who}: an answer that can't be read", again=True)


def is_passing(answer: Answer) -> bool:
    """Whether a later attempt can succeed, as far as the status of a refusal tells."""
    return answer.status in _AGAIN or answer.status >= 500


def read(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one where it is none."""
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def refused(detail: str, *, again: bool, answer: Answer | None = None) -> Receipt:
    """Return the receipt of a refusal; when to come again is taken from the answer."""
    wait = retry_after(answer.headers.get("retry-after")) if again and answer else None
    return Receipt(delivered=False, again=again, retry_after=wait, detail=detail)


def retry_after(value: str | None, *, now: float | None = None) -> float | None:
    """Read a `Retry-After`, seconds or an HTTP date, as seconds from `now`, 0 to `LONGEST_WAIT`; else None."""
    value = (value or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        # A date without a zone is in UTC, as HTTP's are.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = moment.timestamp() - (time.time() if now is None else now)
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def checked(url: str) -> str:
    """Return `url`; raises `ValueError`, which does not show it, where it is no http:// or https:// address."""
    try:
        parse(url)
    except ConfigurationError:
        raise ValueError("an http:// or https:// address") from None
    return url


Address = Annotated[str, AfterValidator(checked), AfterValidator(without_password)]
"""An http:// or https:// address that may be shown."""
