"""Reports of days, by a clock that is set and a backend that is written down; nothing here waits."""

import asyncio
import json
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from reports.samples import events, good, period_of, unknown
from socketscope.errors import BackendError, StateError
from socketscope.reports.daily import CATCH_UP, NAP, DailyReports
from socketscope.reports.model import Compared, Comparison
from socketscope.reports.options import ReportOptions
from socketscope.state.state import State

ZONE = "Europe/Madrid"
DAY = 86_400.0
WITHOUT_CHARTS = {
    "connections_per_hour": events(None, "opened_events", reason="no_data"),
    "comparison": Comparison(day_before=Compared(period=period_of(), summary=unknown()), same_weekday=[]),
}
"""They take a second to be drawn."""


def local(*of):
    return datetime(*of, tzinfo=ZoneInfo(ZONE)).timestamp()


START = local(2026, 11, 23, 12)
DUE = local(2026, 11, 24, 2)
MONDAY = date(2026, 11, 23)


class Desk:
    """The reports of one service: `now` is its clock, `asked` the days that the backend was asked about."""

    def __init__(self, file, *, now=START, **options):
        self.file, self.now, self.asked, self.fails, self.woken = file, now, [], [], 0
        self.options = ReportOptions(**{"zone": ZONE, "notify": ["mail", "chat"], **options})
        self.open()

    def open(self):
        self.state = State.open(self.file)
        self.daily = DailyReports(
            self.make, self.state, self.options, link="http://console.example/", wake=self.wake, clock=lambda: self.now
        )

    def restart(self):
        self.state.close()
        self.open()

    def wake(self):
        self.woken += 1

    async def make(self, period):
        self.asked.append(period.day)
        if self.fails:
            error = self.fails.pop(0)
            if error is not None:
                raise error
        return replace(good(period=period), generated_at=self.now, **WITHOUT_CHARTS)

    def turn(self, now=None):
        """Look at the clock once; the seconds until the next time."""
        self.now = self.now if now is None else now
        return asyncio.run(self.daily.turn())

    def entries(self):
        return [(one.date, one.status) for one in reversed(self.state.reports.entries(limit=100))]

    def letters(self):
        return [(letter.notifier, letter.notification.key) for letter in reversed(self.state.outbox.recent())]


@pytest.fixture
def desk(tmp_path):
    desks = []

    def make(name="state.sqlite", **options):
        desks.append(Desk(tmp_path / name, **options))
        return desks[-1]

    yield make
    for one in desks:
        one.state.close()


def test_a_service_that_is_new_has_missed_nothing(desk):
    service = desk(now=DUE + 3600)
    assert service.turn() == 23 * 3600
    assert service.asked == []


def test_the_report_of_a_day_is_made_once_kept_and_put_into_the_outbox(desk):
    service = desk()
    assert service.turn() == 14 * 3600
    assert service.turn(DUE) == DAY
    for later in (1, 3600, DAY - 1):
        service.turn(DUE + later)
    assert service.asked == [MONDAY]
    assert service.entries() == [(MONDAY, "made")]
    assert service.woken == 1
    key = "report:2026-11-23T00:00:00+01:00/2026-11-24T00:00:00+01:00"
    assert service.letters() == [("mail", key), ("chat", key)]
    letter = service.state.outbox.due("mail", service.now).notification
    assert letter.status == "report"
    assert letter.link == "http://console.example/reports/2026-11-23.html"
    assert "18,432" in letter.document.text
    assert json.loads(service.state.reports.read(MONDAY, "json"))["period"]["day"] == "2026-11-23"
    assert "<!doctype html>" in service.state.reports.read(MONDAY, "html")
    assert "(late)" not in letter.document.title


def test_a_restart_makes_nothing_twice_and_forgets_nothing(desk):
    service = desk()
    service.turn(DUE - 1)
    service.restart()
    service.turn(DUE + 1)
    service.restart()
    service.turn(DUE + 2)
    assert service.asked == [MONDAY]
    assert len(service.letters()) == 2


def test_what_was_missed_while_the_service_did_not_run_is_made_once_each_and_marked_late(desk):
    service = desk()
    service.turn()
    service.restart()
    service.turn(DUE + 2 * DAY + 3600)
    days = [MONDAY, date(2026, 11, 24), date(2026, 11, 25)]
    assert service.asked == days
    service.turn()
    assert service.asked == days
    titles = [letter.notification.summary for letter in reversed(service.state.outbox.recent())]
    assert len(titles) == 6
    assert all(title.endswith(" (late)") for title in titles)
    assert "Late: it was due 24 Nov 2026, 02:00 UTC+1" in service.state.reports.read(MONDAY, "md")


def test_one_that_is_made_within_ten_minutes_is_not_called_late(desk):
    service = desk()
    service.turn()
    service.turn(DUE + 599)
    assert not service.state.outbox.recent()[0].notification.summary.endswith("(late)")


def test_what_is_a_week_old_is_not_made_any_more(desk):
    service = desk()
    service.turn()
    service.turn(START + 30 * DAY)
    assert len(service.asked) == CATCH_UP // DAY
    assert service.asked[-1] == date(2026, 12, 22)


def test_a_report_that_fails_is_tried_again_after_longer_and_longer_but_within_an_hour(desk):
    service = desk()
    service.turn()
    service.fails = [BackendError("the backend is down")] * 9
    service.now = DUE
    waits = []
    for _ in range(9):
        waits.append(service.turn())
        assert service.entries() == [(MONDAY, "due")]
        service.now += waits[-1]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert service.letters() == []
    [entry] = service.state.reports.entries(limit=1)
    assert (entry.attempts, entry.detail) == (9, "the backend is down")
    service.turn()
    assert service.entries() == [(MONDAY, "made")]
    assert service.state.outbox.recent()[0].notification.summary.endswith("(late)")


def test_it_is_not_asked_again_before_its_time(desk):
    service = desk()
    service.turn()
    service.fails = [BackendError("down")]
    service.turn(DUE)
    service.turn(DUE + 59)
    assert len(service.asked) == 1
    service.turn(DUE + 60)
    assert len(service.asked) == 2


def test_a_failure_is_kept_through_a_restart(desk):
    service = desk()
    service.turn()
    service.fails = [BackendError("down")]
    service.turn(DUE)
    service.restart()
    service.turn(DUE + 30)
    assert len(service.asked) == 1
    service.turn(DUE + 61)
    assert service.entries() == [(MONDAY, "made")]


def test_one_that_fails_does_not_keep_the_next_day_from_being_made(desk):
    service = desk()
    service.turn()
    service.fails = [BackendError("no such data")]
    service.turn(DUE)
    service.fails = [BackendError("no such data"), None]
    service.turn(DUE + DAY)
    assert service.entries() == [(MONDAY, "due"), (date(2026, 11, 24), "made")]


def test_what_fails_for_a_week_is_given_up(desk):
    service = desk()
    service.turn()
    service.fails = [BackendError("down")] * 2
    service.turn(DUE)
    service.turn(DUE + CATCH_UP - 60)
    assert (MONDAY, "given_up") in service.entries()
    assert service.asked.count(MONDAY) == 2


def test_a_mistake_of_ours_is_a_failure_too_and_ends_nothing(desk):
    service = desk()
    service.turn()
    service.fails = [ZeroDivisionError("oh")]
    assert service.turn(DUE) == 60
    [entry] = service.state.reports.entries(limit=1)
    assert entry.detail == "ZeroDivisionError: oh"


def test_a_backend_that_hangs_is_a_failure(desk):
    service = desk(timeout=0.01)
    service.turn()

    async def hang(_period):
        await asyncio.Event().wait()

    service.daily._make = hang
    assert service.turn(DUE) == 60
    [entry] = service.state.reports.entries(limit=1)
    assert entry.detail == "no answer within 0.01 s"


def test_what_can_not_be_kept_is_not_sent_either(desk, monkeypatch):
    service = desk()
    service.turn()

    def refuse(*_, **__):
        raise StateError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(type(service.state.outbox), "put", refuse)
        assert service.turn(DUE) == 60
        assert service.entries() == [(MONDAY, "due")]
        assert service.state.reports.read(MONDAY, "html") is None
    service.turn(DUE + 60)
    assert service.entries() == [(MONDAY, "made")]
    assert len(service.letters()) == 2


def test_two_services_send_the_same_day_under_the_same_key(desk):
    one, other = desk("one.sqlite"), desk("other.sqlite", now=START + 7)
    for service in (one, other):
        service.turn()
        service.turn(DUE + (0 if service is one else 30))
    assert one.letters() == other.letters()


def test_without_receivers_reports_are_kept_and_nobody_is_told(desk):
    service = desk(notify=[])
    service.turn()
    service.turn(DUE)
    assert service.entries() == [(MONDAY, "made")]
    assert service.letters() == []


def test_reports_are_kept_as_long_as_they_are_said_to_be(desk):
    service = desk(retention_days=2)
    service.turn()
    for day in range(5):
        service.turn(DUE + day * DAY)
    assert [day for day, _ in service.entries()] == [date(2026, 11, 25), date(2026, 11, 26), date(2026, 11, 27)]


def test_a_clock_that_is_put_back_makes_nothing_twice(desk):
    service = desk()
    service.turn()
    service.turn(DUE + 10)
    service.turn(DUE - 3600)
    service.turn(DUE + 20)
    assert service.asked == [MONDAY]


def test_a_day_when_clocks_are_changed_has_one_report(desk):
    service = desk(now=local(2026, 10, 24, 12))
    for hour in range(72):
        service.turn(service.now + 3600 * (hour > 0))
    assert service.asked == [date(2026, 10, 24), date(2026, 10, 25), date(2026, 10, 26)]


def test_the_loop_looks_at_the_clock_every_minute_at_least_and_goes_on_after_an_error(desk, monkeypatch):
    service = desk()
    slept, errors = [], [StateError("the disk is gone")]

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            raise asyncio.CancelledError

    look = service.daily._look

    def sometimes():
        if errors:
            raise errors.pop()
        look()

    monkeypatch.setattr(service.daily, "_look", sometimes)
    monkeypatch.setattr("socketscope.reports.daily.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(service.daily.run())
    assert slept == [60, NAP, NAP]


def test_a_day_that_the_zone_has_skipped_is_given_up_and_nobody_is_asked(desk):
    apia = ZoneInfo("Pacific/Apia")
    service = desk(zone="Pacific/Apia", now=datetime(2011, 12, 29, 12, tzinfo=apia).timestamp())
    service.turn()
    service.turn(datetime(2011, 12, 31, 3, tzinfo=apia).timestamp())
    assert service.entries() == [(date(2011, 12, 30), "given_up")]
    assert service.asked == []
    [entry] = service.state.reports.entries(limit=1)
    assert "a day that there was in Pacific/Apia" in entry.detail
