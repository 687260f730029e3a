"""The report of each day: made when it is due, made up for when that was missed, tried again when it failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final

from socketscope.errors import ConfigurationError, SocketscopeError
from socketscope.notify.base import Notification
from socketscope.reports import period, schedule
from socketscope.reports.form.compose import Edition
from socketscope.reports.form.forms import Forms
from socketscope.reports.model import Period, Report
from socketscope.reports.options import ReportOptions
from socketscope.state.reports import Entry
from socketscope.state.state import State

_logger = logging.getLogger(__name__)

Make = Callable[[Period], Awaitable[Report]]

NAME: Final = "DailyReport"
CATCH_UP: Final = 7 * 86_400.0
"""Seconds after which a report that was missed, or could not be made, is not made any more."""
LATE: Final = 600.0
"""Seconds after its time from which on a report is marked late."""
FIRST_WAIT: Final = 60.0
"""Seconds until a report that could not be made is tried again; twice as long after each further failure."""
NAP: Final = 60.0
"""Seconds after which the clock is looked at again: it may have been set, or the machine slept."""


class DailyReports:
    """Makes what is due, keeps it, and puts it into the outbox for each of the notifiers, in one transaction.

    So each is made once here, and what two services send of one day has the same key. `wake` makes the delivery look
    into the outbox; `link` is the console's address.
    """

    def __init__(
        self,
        make: Make,
        state: State,
        options: ReportOptions,
        *,
        link: str = "",
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._make = make
        self._state = state
        self._options = options
        self._link = link.rstrip("/")
        self._wake = wake
        self._clock = clock

    async def run(self) -> None:
        """Make reports in time, for ever. What goes wrong is logged and tried again."""
        while True:
            try:
                wait = await self.turn()
            except Exception:
                _logger.exception("reports wait")
                wait = FIRST_WAIT
            await asyncio.sleep(min(max(wait, 0.0), NAP))

    async def turn(self) -> float:
        """Make everything that is due; return the seconds until there is something to do. Raises `StateError`."""
        await asyncio.to_thread(self._look)
        while entry := await asyncio.to_thread(self._state.reports.next):
            if entry.next_at > self._clock():
                break
            await self._try(entry)
        tomorrow = schedule.following(self._options.at, self._options.zone, after=self._clock())
        return (min(tomorrow, entry.next_at) if entry else tomorrow) - self._clock()

    def _look(self) -> None:
        """Note which reports have become due since the last look; the first look ever finds none."""
        now, options = self._clock(), self._options
        with self._state.transaction():
            last = self._state.beats.last(NAME)
            since = now if last is None else max(last, now - CATCH_UP)
            for day, due_at in schedule.due(options.at, options.zone, after=since, until=now):
                self._state.reports.expect(day, due_at=due_at)
            self._state.beats.done(NAME, max(now, last or now))
            self._state.reports.prune(now - options.retention_days * 86_400)

    async def _try(self, entry: Entry) -> None:
        try:
            of = period.day(entry.date, self._options.zone)
        except ConfigurationError as error:  # a day that there was not; it will not be there later either
            await self._give_up(entry, str(error))
            return
        try:
            async with asyncio.timeout(self._options.timeout):
                report = await self._make(of)
            late = report.generated_at - entry.due_at > LATE
            link = f"{self._link}/reports/{entry.date}.html" if self._link else ""
            edition = Edition(language=self._options.language, due_at=entry.due_at if late else None, link=link)
            await asyncio.to_thread(self._keep, entry.date, Forms(report, edition), link)
        except (SocketscopeError, TimeoutError) as error:
            await self._failed(entry, str(error) or f"no answer within {self._options.timeout:g} s")
        except Exception as error:
            _logger.exception("a mistake in a report")
            await self._failed(entry, f"{type(error).__name__}: {error}")
        else:
            self._wake()

    def _keep(self, day: date, forms: Forms, link: str) -> None:
        kept = forms.kept()
        letter = notification(forms, link=link) if self._options.notify else None
        now = self._clock()
        with self._state.transaction():
            self._state.reports.made(day, kept, now=now)
            if letter:
                for name in self._options.notify:
                    self._state.outbox.put(name, letter, now=now)

    async def _failed(self, entry: Entry, detail: str) -> None:
        until = self._clock() + min(FIRST_WAIT * 2.0 ** min(entry.attempts, 32), self._options.retry_within)
        if until - entry.due_at > CATCH_UP:
            await self._give_up(entry, detail)
            return
        _logger.warning("the report of %s could not be made, and is tried again: %s", entry.date, detail)
        await asyncio.to_thread(self._state.reports.failed, entry.date, until=until, detail=detail)

    async def _give_up(self, entry: Entry, detail: str) -> None:
        _logger.error("the report of %s could not be made, and is given up: %s", entry.date, detail)
        await asyncio.to_thread(self._state.reports.given_up, entry.date, now=self._clock(), detail=detail)


def notification(forms: Forms, *, link: str) -> Notification:
    """Write the letter with a report. Its key is that of the time that it is about, from whichever service it comes."""
    document, of = forms.document(), forms.report.period
    name = f"report:{of.start.isoformat()}/{of.end.isoformat()}"
    return Notification(
        fingerprint=name,
        key=name,
        rule=NAME,
        status="report",
        severity="info",
        summary=document.title,
        labels={},
        value=None,
        threshold=None,
        started_at=of.since,
        at=forms.report.generated_at,
        link=link,
        document=document,
    )
