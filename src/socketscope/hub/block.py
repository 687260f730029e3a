"""The block of `async with hub.connect(...)`, which ends early where its client is cut off."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Block:
    """Entered by the task that runs the block, which `end` cancels; at the exit nothing of that is left.

    `asyncio.timeout` is the model: a cancellation that comes from elsewhere at the same time goes on.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._cancelled = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        if self._task is not None:
            self._cancelling = self._task.cancelling()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        task, self._task = self._task, None
        if task is None or not self._cancelled:
            return False
        return task.uncancel() <= self._cancelling and kind is asyncio.CancelledError

    def end(self) -> None:
        """End the block, in the next round of the loop; nothing where it has not begun, or is over by then."""
        # Not now: it may be this very task that cuts its client off, by what it publishes. A task that is cancelled
        # while it runs hears of it where it waits next, and that may be behind the block.
        asyncio.get_running_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._cancelled = self._task.cancel()
