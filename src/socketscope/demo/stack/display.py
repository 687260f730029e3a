"""What the demo tells while it runs: one changing line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any, Final, Self

from rich.console import Console as Terminal
from rich.status import Status

EVERY: Final = 5.0
"""Seconds between two plain lines of progress."""


class Display:
    """Used as a context manager; `say` is for what stays, `progress` for what changes."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self._status: Status | None = None
        self._last = 0.0

    def __enter__(self) -> Self:
        if self.terminal.is_terminal:
            self._status = self.terminal.status("starting")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.terminal.print(text, markup=False, highlight=False, soft_wrap=True)

    def doing(self, text: str) -> None:
        """Say what is being waited for."""
        if self._status:
            self._status.update(text)
        else:
            self.say(text)

    def progress(self, counts: Mapping[str, Any]) -> None:
        """Show the console's numbers (an answer of `/monitoring/websocket/metrics`)."""
        text = (
            f"{_number(counts.get('current_connections'))} connections,"
            f" {_number(counts.get('messages_received'))} messages received,"
            f" {_number(counts.get('messages_sent'))} sent"
        )
        if self._status:
            self._status.update(text)
        elif monotonic() - self._last >= EVERY:
            self._last = monotonic()
            self.say(text)


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
