"""Sending through plain ASGI, without waiting for it.

`send` is a coroutine that may wait for as long as the client likes. It is run up to its first wait at once, which is
all of it while the client reads; where it does wait, the client's own task takes over from there.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator, Iterable
from types import coroutine
from typing import Any, Final, TypeVar

Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
T = TypeVar("T")

_DONE: Final = object()


class Sender:
    """Sends ASGI messages one after the other in the name of one client.

    Time limits and spans inside `send` belong to the client's own task and context, whoever begins to send.
    `next_message` is asked, in that task, for what to send once a send that had to wait is done; `failed` is told what
    `send` raised after it had to wait.
    """

    def __init__(
        self,
        send: Send,
        *,
        next_message: Callable[[], dict[str, Any] | None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.send = send
        self.context = contextvars.copy_context()
        self.task = asyncio.get_running_loop().create_task(self._run(), context=self.context)
        self.busy = False
        """Whether a send is under way: no other may begin."""
        self._next_message = next_message
        self._failed = failed
        self._begun: tuple[Generator[Any, Any, None], Any] | None = None
        self._wake = asyncio.Event()

    def go_on(self) -> None:
        """Send what `next_message` gives, as soon as nothing is under way."""
        self._wake.set()

    def hand_over(self, begun: Generator[Any, Any, None], waits_for: Any) -> None:
        """Let the client's task see to a send that waits."""
        self._begun = begun, waits_for
        self._wake.set()

    def stop(self) -> None:
        """Give up what is under way, and end the task."""
        self.task.cancel()
        if self._begun is not None:
            self._begun[0].close()
            self._begun = None

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.busy = True
            begun, self._begun = self._begun, None
            try:
                if begun is not None:
                    await _rest(*begun)
                while (message := self._next_message()) is not None:
                    await self.send(message)
            except Exception as error:  # noqa: BLE001  # whatever a server raises, it is this client's end
                self._failed(error)
            self.busy = False


def begin(
    senders: Iterable[tuple[T, Sender]], message: Callable[[], dict[str, Any]]
) -> list[tuple[T, Exception | None]]:
    """Begin to send a message in the name of many clients; none of them must be `busy`.

    Returns those with whom it is not done: with what `send` raised, or with None where it waits.
    """
    loop = asyncio.get_running_loop()
    outer = asyncio.current_task(loop)
    left: list[tuple[T, Exception | None]] = []
    if outer is not None:
        _leave_task(loop, outer)
    try:
        for item, sender in senders:
            sender.busy = True
            _enter_task(loop, sender.task)
            try:
                begun = sender.send(message()).__await__()
                # `next` with a default: no exception is made for a coroutine that returns, as nearly every one does.
                waits_for = sender.context.run(next, begun, _DONE)
            except Exception as error:  # noqa: BLE001  # whatever a server raises, it is this client's end
                left.append((item, error))
                waits_for = _DONE
            finally:
                _leave_task(loop, sender.task)
            if waits_for is _DONE:
                sender.busy = False
            else:
                sender.hand_over(begun, waits_for)
                left.append((item, None))
    finally:
        if outer is not None:
            _enter_task(loop, outer)
    return left


@coroutine
def _rest(begun: Generator[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
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
