"""How connections are closed: the codes that the hub sends, and what a close frame may have."""

from __future__ import annotations

from typing import Final

NORMAL: Final = 1000
UNSUPPORTED_DATA: Final = 1003
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
"""RFC 6455, 7.4.1."""
TRY_AGAIN_LATER: Final = 1013
UNAUTHORIZED: Final = 3000
FORBIDDEN: Final = 3003
TIMEOUT: Final = 3008
"""IANA's WebSocket Close Code Number Registry, where RFC 6455 has none that says this.

Of a service that restarts: `SERVICE_RESTART` of `instrumentation/connection.py`.
"""

LONGEST_REASON: Final = 123
"""Bytes of a close frame's reason (RFC 6455, 5.5)."""
CODES: Final = "1000 to 1014 or 3000 to 4999, but not 1004 to 1006 (RFC 6455, 7.4)"
REASONS: Final = f"a str of at most {LONGEST_REASON} bytes of UTF-8"
_RESERVED: Final = frozenset({1004, 1005, 1006, 1015})
"""Never sent (RFC 6455, 7.4.1)."""


def is_code(code: object) -> bool:
    """Whether a close frame may have this code: one of `CODES`."""
    return isinstance(code, int) and (1000 <= code <= 1014 or 3000 <= code <= 4999) and code not in _RESERVED


def is_reason(reason: object) -> bool:
    """Whether a close frame may have this reason: one of `REASONS`."""
    if not isinstance(reason, str):
        return False
    try:
        return len(reason.encode()) <= LONGEST_REASON
    except UnicodeEncodeError:
        return False


def checked_close(code: int, reason: str) -> None:
    """Raise ValueError for a close code or reason that no frame may have."""
    if not is_code(code):
        raise ValueError(f"a close code is {CODES}, not {code!r:.20}")
    if not is_reason(reason):
        raise ValueError(f"the reason of a close is {REASONS}, not {reason!r:.60}")
