"""Keeping secrets out of receipts, logs and messages: what a notifier knows, and what is never repeated."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import SecretStr

HIDDEN: Final = "(hidden)"
_LOGGERS: Final = (
    "apprise",
    "httpcore2.connection",
    "httpcore2.http11",
    "httpcore2.http2",
    "httpcore2.proxy",
    "httpx2",
    "urllib3.connectionpool",
)
"""Loggers of the libraries that notifiers use; some write addresses and headers. A filter sees its own logger only."""
_TELLING: Final = 6
"""Characters from which on a part of a secret address is taken for a secret itself."""


class Secrets:
    """What one notifier must not tell. `scrub` takes it out of a text, in every form in which it travels."""

    def __init__(self, *secrets: SecretStr | None, addresses: Iterable[SecretStr | None] = ()) -> None:
        plain = {secret.get_secret_value() for secret in secrets if secret is not None}
        for address in addresses:
            if address is not None:
                plain |= _parts(address.get_secret_value())
        forms = {
            form for secret in plain for form in (secret, quote(secret, safe=""), quote_plus(secret), _base64(secret))
        }
        # The longest first: an address before its parts.
        self.forms = tuple(sorted(filter(None, forms), key=lambda form: (-len(form), form)))
        _filter.learn(self)

    def scrub(self, text: str) -> str:
        """Return `text` without any secret."""
        for form in self.forms:
            text = text.replace(form, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.forms)} {HIDDEN})"


class _LogFilter(logging.Filter):
    """Takes the secrets of all notifiers out of what libraries log; logging belongs to the whole process."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[str, ...], Secrets] = {}

    def learn(self, secrets: Secrets) -> None:
        """Hide these from now on."""
        if secrets.forms:
            self._known[secrets.forms] = secrets
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)  # adds it once

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record's text; what apprise says for its own developers repeats whole requests and is dropped."""
        if record.name == "apprise" and record.levelno < logging.INFO:
            return False
        with suppress(TypeError, ValueError):  # a record that can't be formatted is logging's to tell
            text = record.getMessage()
            scrubbed = text
            for secrets in self._known.values():
                scrubbed = secrets.scrub(scrubbed)
            if scrubbed != text:
                record.msg, record.args = scrubbed, ()
        return True


_filter: Final = _LogFilter()


def _parts(address: str) -> set[str]:
    """Return an address and what of it lets somebody in: user and password, path, values of the query."""
    parts = {address}
    with suppress(ValueError):
        split = urlsplit(address)
        parts |= {split.username or "", split.password or ""}
        parts |= {part for part in (split.path, split.query) if len(part) >= _TELLING}
        pieces = [*split.path.split("/"), *(pair.partition("=")[2] for pair in split.query.split("&"))]
        parts |= {piece for piece in pieces if len(piece) >= _TELLING}
        # In schemes of apprise the host may be a token.
        if split.scheme not in ("http", "https") and len(split.netloc) >= _TELLING and not split.port:
            parts.add(split.netloc)
    return {part for raw in parts for part in (raw, unquote(raw)) if part}


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode()).decode("ascii")
