"""The alerting of a service: put together from its settings, beside the console or, `serve --only alerts`, alone."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from typing_extensions import override

from socketscope.addresses import authority, listen
from socketscope.alerts.board import Board
from socketscope.alerts.routing import Routing
from socketscope.alerts.running import alerting, read_rules
from socketscope.backends.base import Metrics
from socketscope.backends.choose import chosen, refuse_embedded
from socketscope.console.app import create_alerts_app
from socketscope.console.vitals import Vitals
from socketscope.errors import ConfigurationError, SocketscopeError
from socketscope.notify.alertmanager import AlertmanagerOptions
from socketscope.notify.base import Notifier
from socketscope.notify.registry import build_all
from socketscope.reporting import asking, described, refuse_receivers, reporting_over
from socketscope.rules.model import Rule
from socketscope.serving import Served
from socketscope.state.state import State

if TYPE_CHECKING:
    from pathlib import Path

    from socketscope.config import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Alerting:
    """What is evaluated and who can be told, read and found in order before anything runs."""

    rules: tuple[Rule, ...]
    notifiers: Mapping[str, Notifier]
    state_file: Path | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Read it. Raises an `ExceptionGroup` of a `ConfigurationError` or `RuleError` for each mistake."""
        mistakes: list[SocketscopeError] = []
        rules = _read(lambda: read_rules(settings.alerts), mistakes)
        notifiers = _read(lambda: build_all(settings.notifiers), mistakes)
        _read(lambda: Routing(settings.alerts, tuple(settings.notifiers)), mistakes)
        mistakes += _too_short_holds(settings)
        if mistakes or rules is None or notifiers is None:
            raise ExceptionGroup("alerts", mistakes)
        return cls(rules, notifiers, settings.state_file)

    @property
    def described(self) -> str:
        """For people: how much there is, and where its state is kept."""
        told = ", ".join(self.notifiers) or "nobody"
        return f"{len(self.rules)} rules, telling {told}; state {self.state_file or 'in memory'}"


@contextlib.asynccontextmanager
async def alerting_over(
    found: Alerting, settings: Settings, state: State, *, own: Metrics | None = None, link: str = ""
) -> AsyncIterator[Board]:
    """Run it inside the context, over the backend of the settings; `own` is the one of this process, `embedded`.

    Raises `StateError`, and `ConfigurationError` for a backend that can't be had.
    """
    async with contextlib.AsyncExitStack() as running:
        options = settings.backend
        metrics = own if own and options.kind == "embedded" else await running.enter_async_context(chosen(options))
        vitals = Vitals(metrics, export_interval=settings.console.export_interval)
        board = await running.enter_async_context(
            alerting(
                found.rules,
                metrics,
                found.notifiers,
                state,
                settings.alerts,
                backend=options.kind,
                numbers=lambda: vitals.read(time.time()),
                link=link,
            )
        )
        yield board


@contextlib.asynccontextmanager
async def opened(file: Path | None) -> AsyncIterator[State]:
    """Open the state inside the context, None for one in memory. Raises what `State.open` does."""
    state = await asyncio.to_thread(State.open, file)
    try:
        yield state
    finally:
        await asyncio.to_thread(state.close)


class AlertsService(Served):
    """`serve --only alerts` as an async context: all that tells people something, without a store and a page.

    Inside it rules are evaluated, reports are made, and the routes about both answer. Entering raises what that of
    `Service` does; nothing runs then. What is not delivered at the end is in the state's file.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.url = ""
        self.alerting = ""
        self.reporting = ""

    @override
    async def _start(self) -> None:
        """Start: the port first, as it fails soonest."""
        settings, console = self.settings, self.settings.console
        refuse_embedded(settings.backend)
        found = Alerting.of(settings)
        refuse_receivers(settings)
        listener = self._running.enter_context(
            contextlib.closing(listen(console.host, console.port, section="console", option="--port"))
        )
        self.url = f"http://{authority(console.host, listener.getsockname()[1])}"
        link = settings.backend.url or "" if settings.backend.kind == "remote" else ""
        state = await self._running.enter_async_context(opened(found.state_file))
        board = await self._running.enter_async_context(alerting_over(found, settings, state, link=link))
        archive = await self._running.enter_async_context(
            reporting_over(
                settings, lambda: asking(settings.backend, settings.links), state, link=self.url, wake=board.wake
            )
        )
        self.alerting, self.reporting = found.described, described(settings.reports)
        app = create_alerts_app(board, console, archive=archive, ready_checks=[board.alive])
        await self._serve(app, listener)


def _too_short_holds(settings: Settings) -> Iterator[ConfigurationError]:
    """Find each Alertmanager that would call an alert resolved before it is told again that it fires."""
    repeat = settings.alerts.repeat
    for name, options in settings.notifiers.items():
        if isinstance(options, AlertmanagerOptions) and not 0 < repeat < options.hold:
            expected = f"more than alerts.repeat ({repeat:g} s)" if repeat else "alerts.repeat to be more than 0"
            yield ConfigurationError(f"notifiers.{name}.hold", options.hold, expected)


def _read(reading: Callable[[], T], mistakes: list[SocketscopeError]) -> T | None:
    """Return what is read, or None and add to `mistakes`."""
    try:
        return reading()
    except SocketscopeError as mistake:
        mistakes.append(mistake)
    except ExceptionGroup as group:
        mistakes += [mistake for mistake in group.exceptions if isinstance(mistake, SocketscopeError)]
    return None
