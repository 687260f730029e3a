"""A language: messages from its catalogue (`locale/*.po`, gettext's format), numbers and times as people write them.

The catalogue is compiled when it is read, so that what a translator edits is what is installed.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from socketscope.reports.form.names import shown
from socketscope.reports.model import Period
from socketscope.reports.options import Language

CATALOGUES: Final = Path(__file__).with_name("locale")
"""Holds `LANGUAGE.po` for each language but English, which the messages are written in."""
NBSP: Final = "\N{NO-BREAK SPACE}"
"""Between a number and its unit."""


@cache
def catalogue(language: Language) -> NullTranslations:
    """Read the messages of a language."""
    if language == "en":
        return NullTranslations()
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return GNUTranslations(compiled)


class Words:
    """Everything that depends on the language, and on the `zone` whose clocks are shown."""

    def __init__(self, language: Language, zone: str) -> None:
        self.language = language
        self._locale = Locale.parse(language)
        self._zone = ZoneInfo(zone)
        messages = catalogue(language)
        self.gettext = messages.gettext
        self.ngettext = messages.ngettext

    def number(self, value: float) -> str:
        """Write a number: whole ones in full, others with three digits that matter."""
        if value == round(value) or abs(value) >= 1000:
            return format_decimal(round(value), locale=self._locale)
        return format_decimal(_digits(value), format="#,##0.######", locale=self._locale)

    def share(self, value: float) -> str:
        """Write a part (0..1) in percent; what is not nothing is not written as 0."""
        hundred = round(value * 100, 1) if abs(value) >= 0.01 else _digits(value * 100, 2)
        return str(self._locale.percent_formats[None].pattern).replace("#,##0", self.number(hundred))

    def change(self, value: float) -> str:
        """Write by how much something grew, with its sign."""
        if value >= 9:
            return f"\N{MULTIPLICATION SIGN}{self.number(value + 1)}"
        grown = round(value, 3)
        sign = "+" if grown > 0 else "\N{MINUS SIGN}" if grown < 0 else "\N{PLUS-MINUS SIGN}"
        return sign + self.share(abs(grown))

    def seen(self, share: float) -> str:
        """Write which part (0..1) of the exports arrived; never 100 % where one is missing."""
        return self.share(math.floor(share * 1000) / 1000)

    def size(self, octets: float) -> str:
        """Write a number of bytes in the unit that suits it."""
        for unit in ("B", "kB", "MB", "GB"):
            if abs(octets) < 1000:
                return f"{self.number(octets)}{NBSP}{unit}"
            octets /= 1000
        return f"{self.number(octets)}{NBSP}TB"

    def span(self, seconds: float) -> str:
        """Write a length of time in one or two units."""
        if 0 < seconds < 1:
            return f"{self.number(seconds * 1000)}{NBSP}ms"
        if seconds < 60:
            return f"{self.number(seconds)}{NBSP}s"
        whole = round(seconds)
        for (large, size), (small, part) in (
            (("min", 60), ("s", 1)),
            (("h", 3600), ("min", 60)),
            (("d", 86_400), ("h", 3600)),
        ):
            if whole < size * (60 if size == 60 else 24) or large == "d":
                rest = whole % size // part
                tail = f" {rest}{NBSP}{small}" if rest else ""
                return f"{self.number(whole // size)}{NBSP}{large}{tail}"
        raise AssertionError(seconds)

    def day(self, day: date) -> str:
        """Write a day in full."""
        return format_date(day, "full", locale=self._locale)

    def short_day(self, day: date) -> str:
        """Write a day in a few characters, without its year."""
        return format_date(day, "EEE d MMM", locale=self._locale)

    def weekday(self, day: date) -> str:
        """Write which day of the week it is."""
        return format_date(day, "EEEE", locale=self._locale)

    def clock(self, moment: float) -> str:
        """Write the time of the day; with its offset where clocks show it twice that day."""
        local = datetime.fromtimestamp(moment, self._zone)
        text = _time(local)
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return f"{text} ({_offset(local)})" if twice else text

    def moment(self, moment: float) -> str:
        """Write day, time and offset."""
        local = datetime.fromtimestamp(moment, self._zone)
        day = format_date(local.date(), "d MMM y", locale=self._locale)
        return f"{day}, {_time(local)} {_offset(local)}"

    def period(self, period: Period) -> str:
        """Write which time a report is about."""
        if period.day:
            return self.day(period.day)
        day = self._only_day(period)
        if day is None:
            return f"{self.moment(period.since)} \N{EN DASH} {self.moment(period.until)}"
        text = format_date(day, "d MMM y", locale=self._locale)
        return f"{text}, {_time(period.start)}\N{EN DASH}{_time(period.end)} {_offset(period.end)}"

    def stretch(self, since: float, until: float | None, period: Period) -> str:
        """Write from when to when something was; without days where all of it is in the only day of the period."""
        day = self._only_day(period)
        within = until is None or until <= period.until or self._date(until) == day
        write = self.clock if within and day is not None and self._date(since) == day else self._day_and_clock
        if until is None:
            return self.gettext("since {start}").format(start=write(since))
        # The midnight at which a day ends belongs to it.
        end = "24:00" if write == self.clock and period.day and until == period.until else write(until)
        return f"{write(since)}\N{EN DASH}{end}"

    def quoted(self, name: str) -> str:
        """Write somebody else's name into a sentence, so that nobody takes it for our words."""
        return self.gettext("“{name}”").format(name=shown(name))

    def _only_day(self, period: Period) -> date | None:
        """Return the local day that all of a period is in, if it is one."""
        return period.day or (self._date(period.since) if self._date(period.since) == period.end.date() else None)

    def _date(self, moment: float) -> date:
        return datetime.fromtimestamp(moment, self._zone).date()

    def _day_and_clock(self, moment: float) -> str:
        return f"{self.short_day(self._date(moment))} {self.clock(moment)}"


def _digits(value: float, digits: int = 3) -> float:
    """Round to the digits that matter."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else value


def _time(local: datetime) -> str:
    return f"{local:%H:%M}" if local.second == local.microsecond == 0 else f"{local:%H:%M:%S}"


def _offset(local: datetime) -> str:
    minutes = round((local.utcoffset() or timedelta()).total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"
