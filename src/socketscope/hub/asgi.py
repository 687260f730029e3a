"""Sending through plain ASGI, without waiting for it.

`send` is a coroutine that may wait for as long as the client likes. It is run up to its first wait at once, which is
all of it while the client reads; where it does wait, the client's own task takes over from there.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any

Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


class Sender:
    """Sends ASGI messages one after the other in the name of one client.

    `next_message` is asked, in the client's own task, for what to send once a send that had to wait is done;
    `failed` is told what `send` raised. Neither is called within `begin`.
    """

    def __init__(
        self,
        send: Send,
        *,
        next_message: Callable[[], dict[str, Any] | None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._send = send
        self._next_message = next_message
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._task: asyncio.Task[None] | None = None
        self._begun: tuple[Coroutine[Any, Any, None], Any] | None = None
        self._wake = asyncio.Event()

    def begin(self, message: dict[str, Any]) -> bool:
        """Send a message; returns whether that is done already. Raises what `send` raises until its first wait.

        Must not be called again before that is done.
        """
        task = self._task
        if task is None:
            # The task in whose name everything is sent: time limits and spans inside `send` belong to this client.
            task = self._task = self._loop.create_task(self._run(), context=self._context)
        loop = self._loop
        outer = asyncio.current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, task)
        try:
            sending = self._send(message)
            waits_for = self._context.run(sending.send, None)
        except StopIteration:
            return True
        finally:
            _leave_task(loop, task)
            if outer is not None:
                _enter_task(loop, outer)
        self._begun = (sending, waits_for)
        self._wake.set()
        return False

    def go_on(self) -> None:
        """Send what `next_message` gives, though nothing had to wait."""
        self._wake.set()

    def stop(self) -> None:
        """Give up what is being sent, and end the task."""
        if self._task is not None:
            self._task.cancel()
        if self._begun is not None:
            self._begun[0].close()
            self._begun = None

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            begun, self._begun = self._begun, None
            try:
                if begun is not None:
                    await _rest(*begun)
                while (message := self._next_message()) is not None:
                    await self._send(message)
            except Exception as error:  # noqa: BLE001  # whatever a server raises, it is this client's end
                self._failed(error)


@coroutine
def _rest(begun: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Run a coroutine that has been begun, and waits for something, to its end."""
    try:
        while True:
            try:
                value = yield waits_for
            except GeneratorExit:
                raise
            except BaseException as error:  # noqa: BLE001  # a cancellation is the coroutine's to see
                waits_for = begun.throw(error)
            else:
                waits_for = begun.send(value)
    except StopIteration:
        return
    finally:
        begun.close()
