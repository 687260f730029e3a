"""Everything that socketscope raises, one tree.

* SocketscopeError
    * ConfigurationError (a setting or option is wrong: `setting`, `value`, `expected`)
    * MissingExtraError (a command or API needs an extra that is not installed: `extra`)
    * PortInUseError (an address is taken: `host`, `port`, `option`)
    * StoreError (the embedded backend's file)
        * StoreLockedError (another process owns it: `path`)
        * StoreDamagedError (not a file of ours, damaged, or of a newer version: `path`)
        * StoreFullError (more waits to be written than may: `pending_rows`, `retry_after`)
    * StateError (the file of what alerts were told and are to be told)
        * StateLockedError (another process has it open: `path`)
        * StateDamagedError (not such a file, damaged, or of a newer version: `path`)
    * QueryError (a query that the model or the backend does not allow)
    * RuleError (one mistake in a file of rules: `file`, `line`, `key`, `expected`)
    * BackendError (a backend that could not be asked)
        * BackendStatusError (it answered with an error: `status`, `detail`)
    * HubError (channels)
        * RefusedError (a client may not connect, subscribe or publish: `code`, `reason`)
            * LimitExceededError (it asked for more than its limits allow: `limit`, `allowed`)
            * MessageTooLargeError (a message is larger than its channel or broker takes: `size`, `allowed`)
            * InvalidValueError (a name or message that can't be used; a ValueError, too)
        * ClientGoneError (the connection has ended: `code`, `reason`)
        * EnvelopeError (a broker handed over what is no message of this version)
        * BrokerUnavailableError (the broker can't be reached: `system`, `in_doubt`, `refused`)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = [
    "BackendError",
    "BackendStatusError",
    "BrokerUnavailableError",
    "ClientGoneError",
    "ConfigurationError",
    "EnvelopeError",
    "HubError",
    "InvalidValueError",
    "LimitExceededError",
    "MessageTooLargeError",
    "MissingExtraError",
    "PortInUseError",
    "QueryError",
    "RefusedError",
    "RuleError",
    "SocketscopeError",
    "StateDamagedError",
    "StateError",
    "StateLockedError",
    "StoreDamagedError",
    "StoreError",
    "StoreFullError",
    "StoreLockedError",
]


class SocketscopeError(Exception):
    """Root of all errors that socketscope raises on its own account."""


class ConfigurationError(SocketscopeError):
    """A setting has a value that can't be used; nothing was started or changed."""

    def __init__(self, setting: str, value: Any, expected: str) -> None:
        super().__init__(f"{setting}={value!r} can't be used: expected {expected}.")
        self.setting = setting
        self.value = value
        self.expected = expected


class MissingExtraError(SocketscopeError):
    """Something was asked for that needs an extra which is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'socketscope[{extra}]'.")
        self.extra = extra


class PortInUseError(SocketscopeError):
    """An address to listen on is taken by another program."""

    def __init__(self, host: str, port: int, option: str) -> None:
        super().__init__(f"{host}:{port} is in use by another program: stop it, or choose another port with {option}.")
        self.host = host
        self.port = port
        self.option = option


class StoreError(SocketscopeError):
    """The embedded backend's file can't be used."""


class StoreLockedError(StoreError):
    """Another process owns the file; one process receives, stores and answers."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} is open in another process: one process owns a store. Ask that one, or give another path."
        )
        self.path = path


class StoreDamagedError(StoreError):
    """The file is damaged, not a socketscope store, or of a newer version; it was left untouched."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} can't be used as a store ({why}); it was left as it is. Give another path.")
        self.path = path
        self.why = why


class StoreFullError(StoreError):
    """More waits to be written than may; nothing was taken. Try again after `retry_after` seconds."""

    def __init__(self, pending_rows: int, retry_after: int = 1) -> None:
        super().__init__(f"{pending_rows} rows wait to be written already: try again in {retry_after} s.")
        self.pending_rows = pending_rows
        self.retry_after = retry_after


class StateError(SocketscopeError):
    """The file in which alerts keep their state can't be used."""


class StateLockedError(StateError):
    """Another process has the file open; one process evaluates and notifies from it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} is open in another process. Stop that one, or give another file (state.file).")
        self.path = path


class StateDamagedError(StateError):
    """The file is damaged, no file of alert states, or of a newer version; it was left untouched."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path} can't be used for the state of alerts ({why}); it was left as it is. "
            "Give another file (state.file)."
        )
        self.path = path
        self.why = why


class QueryError(SocketscopeError):
    """A query that the model or the backend does not allow; the message says which part."""


class RuleError(SocketscopeError):
    """One mistake in a file of alerting rules or of cases for them, at `key`; `line` counts from 1."""

    def __init__(self, file: Path, line: int, key: str, expected: str, found: Any = None) -> None:
        shown = "" if found is None else f"; found {str(found)[:80]!r}"
        super().__init__(f"{file}:{line}: {key}: expected {expected}{shown}")
        self.file = file
        self.line = line
        self.key = key
        self.expected = expected


class BackendError(SocketscopeError):
    """A backend could not be asked or gave an answer that can't be read."""


class BackendStatusError(BackendError):
    """A backend answered a request with an error; `detail` is what it said of it, at most a few hundred characters."""

    def __init__(self, backend: str, url: str, status: int, detail: str) -> None:
        super().__init__(f"{backend} answered {url} with {status}: {detail or 'no reason given'}")
        self.status = status
        self.detail = detail


class HubError(SocketscopeError):
    """Something that the hub was asked for can't be done."""


class RefusedError(HubError):
    """A client may not do what it asked for, or nobody may.

    `code` is the close code that says so (RFC 6455, 7.4; IANA's registry): a client whose request was it is closed
    with it, where the error leaves the block of `Hub.connect`.
    """

    def __init__(self, what: str, code: int, reason: str) -> None:
        super().__init__(f"{what} was refused ({code}): {reason}")
        self.code = code
        self.reason = reason


class LimitExceededError(RefusedError):
    """A client asked for more than its limits allow (1008); the rest of what it has stays."""

    def __init__(self, limit: str, allowed: float) -> None:
        super().__init__("one more", 1008, f"{limit}: at most {allowed:g} are allowed (Limits)")
        self.limit = limit
        self.allowed = allowed


class MessageTooLargeError(RefusedError):
    """A message has more bytes than are allowed (1009); it was published to nobody."""

    def __init__(self, size: int, allowed: int) -> None:
        super().__init__(f"a message of {size} bytes", 1009, f"at most {allowed} bytes")
        self.size = size
        self.allowed = allowed


class InvalidValueError(RefusedError, ValueError):
    """A name that can't be used (1008), or text and JSON that no message can have (1007); nothing was done with it."""

    def __init__(self, value: object, code: int, reason: str) -> None:
        super().__init__(f"{value!r:.60}", code, reason)


class ClientGoneError(HubError):
    """The connection has ended: nothing can be received from it or sent to it any more."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the connection has ended ({code}{': ' + reason if reason else ''})")
        self.code = code
        self.reason = reason


class EnvelopeError(HubError):
    """What a broker handed over is no message of a version that is known here; it was dropped and counted."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no message that can be read: {why}")


class BrokerUnavailableError(HubError):
    """The broker can't be reached, or refuses.

    What was to be published is not published; `in_doubt` says that it is on its way and may still be. `refused`: it was
    reached, and does not take this; asking again is of no use.
    """

    def __init__(self, system: str, why: str, *, in_doubt: bool = False, refused: bool = False) -> None:
        outcome = ": the message was sent, may have been published" if in_doubt else ""
        outcome += ", and will be as soon as it can" if in_doubt and not refused else ""
        what = "refuses" if refused else "can't be reached"
        super().__init__(f"the broker ({system}) {what}: {why}{outcome}")
        self.system = system
        self.in_doubt = in_doubt
        self.refused = refused
