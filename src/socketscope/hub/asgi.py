"""Sending through plain ASGI to many clients, without waiting for any.

`send` is a coroutine that may wait for as long as its client likes. It is run up to its first wait, which is all of it
while the client reads. Where it does wait, the task in whose name it was begun stays with this client until everything
that waits for the client is sent, and another task takes over the rest of the clients: so time limits inside `send` hit
whom they are meant for, and a task is there only for clients that are behind.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from types import coroutine
from typing import Any, Final, Generic, Protocol, TypeVar

Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]

SPARE: Final = 4
"""Carriers that are kept for the next time."""

_DONE: Final = object()


class Target(Protocol):
    """Whom a message is begun to be sent to."""

    @property
    def send_asgi(self) -> Send:
        """Its ASGI `send`, always the same object."""


class Waiting(Protocol):
    """A client whose send has to wait."""

    @property
    def send_asgi(self) -> Send:
        """Its ASGI `send`."""

    def next_message(self) -> dict[str, Any] | None:
        """Note that the send is done, and tell what comes next; None: nothing waits any more."""

    def send_failed(self) -> None:
        """Note that the send raised."""


T = TypeVar("T", bound=Target)


class Carriers:
    """The tasks that send."""

    def __init__(self) -> None:
        self.sending: list[Send | None] = []
        """What is being called just now: one, and more where a middleware publishes while it sends."""
        self._context = contextvars.copy_context()
        self._spare: list[Carrier] = []
        self._all: set[Carrier] = set()

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, batch: Batch[T]) -> Batch[T]:
        """Begin to send a message to everyone in the batch; gives it back with what came of it."""
        loop = asyncio.get_running_loop()
        outer = asyncio.current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        try:
            while True:
                carrier = self._take()
                _enter_task(loop, carrier.task)
                try:
                    begun = carrier.context.run(batch.run, self.sending)
                finally:
                    _leave_task(loop, carrier.task)
                if begun is None:
                    if not self._keep(carrier):
                        carrier.task.cancel()
                    return batch
                target, *rest = begun
                carrier.carry(batch.waits(target, carrier), *rest)
        finally:
            if outer is not None:
                _enter_task(loop, outer)

    def go_on(self, client: Waiting) -> Carrier:
        """Send what waits for a client, soon."""
        carrier = self._take()
        carrier.carry(client, None, None)
        return carrier

    async def stop(self) -> None:
        """End all tasks."""
        for carrier in self._all:
            carrier.task.cancel()
        if self._all:
            await asyncio.wait([carrier.task for carrier in self._all])

    def _take(self) -> Carrier:
        if self._spare:
            return self._spare.pop()
        carrier = Carrier(self._context.copy(), self._keep)
        self._all.add(carrier)
        carrier.task.add_done_callback(lambda _: self._all.discard(carrier))
        return carrier

    def _keep(self, carrier: Carrier) -> bool:
        if len(self._spare) >= SPARE:
            return False
        self._spare.append(carrier)
        return True


class Carrier:
    """A task that sends, in the name of whichever client it is needed for."""

    def __init__(self, context: contextvars.Context, keep: Callable[[Carrier], bool]) -> None:
        self.context = context
        self.task = asyncio.get_running_loop().create_task(self._run(), context=context)
        self._keep = keep
        self._wake = asyncio.Event()
        self._job: tuple[Waiting, Generator[Any, Any, None] | None, Any] | None = None

    def carry(self, client: Waiting, begun: Generator[Any, Any, None] | None, waits_for: Any) -> None:
        """Stay with a client until everything that waits for it is sent."""
        self._job = client, begun, waits_for
        self._wake.set()

    def stop(self) -> None:
        """Give up what is under way."""
        self.task.cancel()
        if self._job is not None and self._job[1] is not None:
            self._job[1].close()

    async def _run(self) -> None:
        kept = True
        while kept:
            await self._wake.wait()
            self._wake.clear()
            job, self._job = self._job, None
            if job is None:
                return
            client, begun, waits_for = job
            try:
                if begun is not None:
                    await _rest(begun, waits_for)
                while (message := client.next_message()) is not None:
                    await client.send_asgi(message)
            except Exception:  # noqa: BLE001  # whatever a server raises, it is this client's end
                client.send_failed()
            kept = self._keep(self)


class Batch(Generic[T]):
    """One message on its way to many.

    * `make`: makes the ASGI message, for each its own.
    * `waits`: is told of a target whose send has to wait, and gives the client that the carrier is to stay with.
    * `failed`: is told of a target whose `send` raised.

    When it is done, all have the message but those in `without`.
    """

    def __init__(
        self,
        targets: Iterable[T],
        make: Callable[[], dict[str, Any]],
        *,
        waits: Callable[[T, Carrier], Waiting],
        failed: Callable[[T, dict[str, Any], Exception], None],
    ) -> None:
        self.without: set[T] = set()
        self.waits = waits
        self._targets: Iterator[T] = iter(targets)
        self._make = make
        self._failed = failed

    def run(self, sending: list[Send | None]) -> tuple[T, Generator[Any, Any, None], Any] | None:
        """Begin to send to those that are left, up to the first one that waits; gives that one, or None at the end."""
        make = self._make
        sending.append(None)
        try:
            for target in self._targets:
                sending[-1] = send = target.send_asgi
                message = make()
                try:
                    begun = send(message).__await__()
                    # `next` with a default: no exception is made for a coroutine that returns, as nearly all do.
                    waits_for = next(begun, _DONE)
                except Exception as error:  # noqa: BLE001  # whatever a server raises, it is this client's end
                    self.without.add(target)
                    self._failed(target, message, error)
                    continue
                if waits_for is not _DONE:
                    self.without.add(target)
                    return target, begun, waits_for
        finally:
            sending.pop()
        return None


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
