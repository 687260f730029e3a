"""Reports as a service makes them: from a store to the outbox, to a mailbox, and to who asks for them."""

import asyncio
import contextlib
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as datetime_time

import httpx
import pytest
import yaml

from alerts_fakes import Recorder
from notify.smtp_server import PASSWORD, USER, Box, serving
from reports.samples import good, period_of
from service_process import AlertsProcess, ServiceProcess
from socketscope.config import Settings
from socketscope.delivery import Delivery
from socketscope.errors import BackendError, ConfigurationError
from socketscope.reporting import described, make, refuse_receivers, reporting_over
from socketscope.reports.daily import NAME
from socketscope.reports.form.compose import Edition
from socketscope.reports.form.forms import Forms
from socketscope.reports.options import ReportOptions
from socketscope.reports.period import day
from socketscope.service import own
from socketscope.state.state import State
from socketscope.store.store import Store

DUE = datetime(2026, 11, 24, 2, tzinfo=UTC).timestamp()
MONDAY = date(2026, 11, 23)


@pytest.fixture
def state(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state
    state.close()


@pytest.fixture
def store():
    store = Store.open(None)
    yield store
    store.close()


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def made(state):
    return [(entry.date, entry.status) for entry in state.reports.entries(limit=10)]


def settings(**options):
    return Settings(reports=ReportOptions(**options), notifiers={"hook": {"type": "blackhole"}})


def test_what_is_due_goes_through_the_outbox_to_the_receiver(store, state):
    state.beats.done(NAME, DUE - 3600)
    hook = Recorder("hook")

    async def scenario():
        delivery = Delivery(state.outbox, {"hook": hook})
        async with (
            delivery.running(),
            reporting_over(
                settings(notify=["hook"]),
                lambda: own(store, Settings().links),
                state,
                link="http://console.example",
                wake=delivery.wake,
                clock=lambda: DUE + 1,
            ) as archive,
        ):
            await until(lambda: hook.sent)
            return await archive.read(MONDAY, "md")

    markdown = asyncio.run(scenario())
    [told] = hook.sent
    assert told.status == "report"
    assert told.document.markdown == markdown
    assert told.link == "http://console.example/reports/2026-11-23.html"
    assert "No instance reported" in markdown
    assert made(state) == [(MONDAY, "made")]


def test_where_reports_are_not_wanted_none_is_made_and_those_that_are_kept_can_be_read(store, state):
    state.beats.done(NAME, DUE - 3600)
    state.reports.expect(date(2026, 11, 1), due_at=0)

    async def scenario():
        async with reporting_over(
            settings(enabled=False), lambda: own(store, Settings().links), state, link="", wake=lambda: None,
            clock=lambda: DUE + 1,
        ) as archive:  # fmt: skip
            return await archive.entries(limit=10)

    assert [entry.status for entry in asyncio.run(scenario())] == ["due"]
    assert state.beats.last(NAME) == DUE - 3600


def test_a_backend_that_can_not_be_opened_is_a_failure_that_is_tried_again(state):
    state.beats.done(NAME, DUE - 3600)
    opened = []

    @contextlib.asynccontextmanager
    async def ask():
        opened.append(True)
        if opened:
            raise BackendError("nobody answers")
        yield

    async def scenario():
        async with reporting_over(settings(), ask, state, link="", wake=lambda: None, clock=lambda: DUE + 1):
            await until(lambda: state.reports.entries(limit=1) and state.reports.entries(limit=1)[0].attempts)

    asyncio.run(scenario())
    [entry] = state.reports.entries(limit=1)
    assert (entry.status, entry.detail, entry.next_at) == ("due", "nobody answers", DUE + 61)


def test_days_that_were_reported_are_compared_with_as_they_were_reported(store, state):
    """Though nothing of them is in the store any more."""
    sunday = day(MONDAY - timedelta(days=1), "UTC")
    options = ReportOptions()

    async def of(period):
        async with own(store, Settings().links) as asked:
            return await make(period, asked, options, now=DUE, state=state)

    before = good(period=period_of(sunday.day, "UTC"))
    state.reports.expect(sunday.day, due_at=0)
    state.reports.made(sunday.day, Forms(before, Edition()).kept(), now=0)
    report = asyncio.run(of(day(MONDAY, "UTC")))
    assert report.comparison.day_before.summary == before.summary
    state.reports.expect(MONDAY - timedelta(weeks=1), due_at=0)
    state.reports.made(MONDAY - timedelta(weeks=1), {"html": "", "json": '{"schema": "another"}', "md": ""}, now=0)
    report = asyncio.run(of(day(MONDAY, "UTC")))
    assert not report.comparison.same_weekday[0].summary.total_connections.available


def test_receivers_that_wake_people_are_refused():
    pager = {"type": "pagerduty", "routing_key": "0" * 32}
    given = Settings(notifiers={"pager": pager, "hook": {"type": "blackhole"}}, reports={"notify": ["pager"]})
    with pytest.raises(ConfigurationError, match=r"reports\.notify='pager' .* take reports \(hook\)"):
        refuse_receivers(given)
    with pytest.raises(ConfigurationError, match="none is configured"):
        refuse_receivers(Settings(reports={"notify": ["ghost"]}))
    refuse_receivers(settings(notify=["hook"]))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "of each day, at 02:00 UTC, to nobody"),
        ({"at": "06:30", "zone": "Europe/Madrid", "notify": "a, b"}, "of each day, at 06:30 Europe/Madrid, to a, b"),
        ({"enabled": False}, "none"),
    ],
)
def test_a_service_says_what_it_will_do(options, text):
    assert described(ReportOptions(**options)) == text


def that_did_not_run_yesterday(file):
    """Make the state of a service that ran until yesterday at noon; the day whose report it missed."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    state = State.open(file)
    state.beats.done(NAME, datetime.combine(yesterday, datetime_time(12), UTC).timestamp())
    state.close()
    return yesterday


def configure(tmp_path, **sections):
    # Due at midnight, so that it was due whatever the time at which this runs.
    reports = {"at": "00:00", "link": "https://console.example", "language": "es", **sections.pop("reports", {})}
    file = tmp_path / "own.yaml"
    state = {"file": str(tmp_path / "state.sqlite")}
    file.write_text(yaml.safe_dump({"alerts": {"pack": False}, "state": state, "reports": reports, **sections}))
    return file


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def test_a_service_that_did_not_run_makes_up_for_it_tells_by_mail_and_shows_it(tmp_path, authority, ca_file):
    yesterday = that_did_not_run_yesterday(tmp_path / "state.sqlite")
    box = Box()
    with serving(box, authority=authority, login=True) as controller:
        mail = {
            "type": "email",
            "host": controller.hostname,
            "port": controller.port,
            "security": "starttls",
            "ca_file": str(ca_file),
            "username": USER,
            "password_env": "MAIL_PASSWORD",
            "sender": "reports@example.com",
            "to": ["team@example.com"],
        }
        config = configure(tmp_path, reports={"notify": ["mail"]}, notifiers={"mail": mail})
        environment = {"MAIL_PASSWORD": PASSWORD}
        with ServiceProcess("--memory", "--config", config, environment=environment) as service:
            assert service.told("reports") == "of each day, at 00:00 UTC, to mail"
            wait_for(lambda: box.mails)
            [entry] = httpx.get(f"{service.url}/reports").json()["reports"]
            assert (entry["date"], entry["status"]) == (yesterday.isoformat(), "made")
            page = httpx.get(service.url + entry["files"]["html"])
            assert '<html lang="es">' in page.text
            data = httpx.get(service.url + entry["files"]["json"]).json()
            assert data["period"]["day"] == yesterday.isoformat()
            assert data["summary"]["total_connections"]["value"] is None
            assert service.stop() == 0
            assert service.complaints == []
    [(_, told)] = box.mails
    assert told["Subject"].startswith("WebSocket, ")
    assert f"https://console.example/reports/{yesterday}.html" in told.get_body(("plain",)).get_content()


def test_only_alerts_makes_reports_too_of_the_backend_that_it_asks(tmp_path):
    yesterday = that_did_not_run_yesterday(tmp_path / "state.sqlite")
    with ServiceProcess("--memory", cwd=tmp_path) as backend:
        config = configure(tmp_path, backend={"kind": "remote", "url": backend.url})
        with AlertsProcess(config, tmp_path) as service:
            reports = f"{service.url}/reports"
            wait_for(lambda: [one["status"] for one in httpx.get(reports).json()["reports"]] == ["made"])
            data = httpx.get(f"{reports}/{yesterday}.json").json()
            assert data["backend"] == "remote"
            assert service.stop() == 0
