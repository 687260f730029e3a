"""Reports put together from settings: which backend is asked, what is known besides, and who gets them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from socketscope.backends.choose import chosen
from socketscope.backends.remote import RemoteBackend
from socketscope.notify.registry import refuse_reports_to
from socketscope.reports.archive import Archive
from socketscope.reports.collect import collect
from socketscope.reports.daily import DailyReports
from socketscope.reports.form.json import compared
from socketscope.reports.issues import Links
from socketscope.reports.model import Compared, Period, Report
from socketscope.reports.period import compared_with

if TYPE_CHECKING:
    from socketscope.backends.base import Connections, Metrics
    from socketscope.backends.choose import BackendOptions
    from socketscope.backends.links import LinkOptions
    from socketscope.config import Settings
    from socketscope.reports.options import ReportOptions
    from socketscope.state.reports import Reports
    from socketscope.state.state import State

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A backend as reports ask it.

    `connections`: where it keeps events. `trace` gives the address of a trace. `console` is that of its page, where it
    has one.
    """

    name: str
    metrics: Metrics
    connections: Connections | None
    trace: Callable[[str], str | None]
    console: str = ""


Ask = Callable[[], AbstractAsyncContextManager[Asked]]
"""Opens a backend for one report: once a day it need not stay open."""


def refuse_receivers(settings: Settings) -> None:
    """Raise `ConfigurationError` for a receiver of reports that there is none of, or that is for alerts alone."""
    refuse_reports_to(settings.notifiers, settings.reports.notify, setting="reports.notify")


@contextlib.asynccontextmanager
async def asking(options: BackendOptions, links: LinkOptions) -> AsyncIterator[Asked]:
    """Open the backend that `options` name. Raises `BackendError`, and what `chosen` does."""
    if options.kind == "remote":
        assert options.url is not None  # noqa: S101 - it is needed
        token = options.token.get_secret_value() if options.token else None
        async with await RemoteBackend.connect(options.url, token=token) as remote:
            yield Asked(name=options.kind, metrics=remote, connections=remote, trace=remote.link, console=options.url)
    else:
        async with chosen(options) as metrics:
            yield Asked(name=options.kind, metrics=metrics, connections=None, trace=links.trace)


async def make(
    of: Period,
    asked: Asked,
    options: ReportOptions,
    *,
    now: float,
    state: State | None = None,
    link: str = "",
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Report:
    """Make the report of a period; raises what `collect` does.

    `state` has the history of alerts, and the figures of days that were reported before. `link` is the address of a
    console for what has no trace, where neither `options` nor the backend has one.
    """
    return await collect(
        of,
        asked.metrics,
        asked.connections,
        backend=asked.name,
        now=now,
        options=options,
        history=state.history if state else None,
        links=Links(console=options.link or asked.console or link or None, trace=asked.trace),
        kept=await asyncio.to_thread(_kept, state.reports, of) if state else (),
        progress=progress,
    )


@contextlib.asynccontextmanager
async def reporting_over(
    settings: Settings,
    ask: Ask,
    state: State,
    *,
    link: str,
    wake: Callable[[], None],
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Archive]:
    """Make reports inside the context, where they are wanted; yields those that are kept.

    `link` is the console's address, `wake` makes the delivery look into the outbox.
    """
    options = settings.reports

    async def make_one(of: Period) -> Report:
        async with ask() as asked:
            return await make(of, asked, options, now=clock(), state=state, link=link)

    daily = DailyReports(make_one, state, options, link=options.link or link, wake=wake, clock=clock)
    task = asyncio.create_task(daily.run(), name="socketscope-reports") if options.enabled else None
    try:
        yield Archive(state.reports)
    finally:
        if task:
            task.cancel()
            [ended] = await asyncio.gather(task, return_exceptions=True)
            if isinstance(ended, Exception):
                _logger.error("the reports had ended", exc_info=ended)


def described(options: ReportOptions) -> str:
    """For people: when reports are made, and who gets them."""
    if not options.enabled:
        return "none"
    told = ", ".join(options.notify) or "nobody"
    return f"of each day, at {options.at:%H:%M} {options.zone}, to {told}"


def _kept(reports: Reports, of: Period) -> list[Compared]:
    """Return the figures of the days that `of` is compared with, as far as they were reported."""
    before, weeks = compared_with(of)
    texts = [reports.read(day.day, "json") for day in (before, *weeks) if day.day]
    return [found for text in texts if text and (found := compared(text))]
