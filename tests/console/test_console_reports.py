"""The routes about reports, over what is kept."""

from datetime import date

import pytest
from console_fake import busy_fleet
from starlette.testclient import TestClient

from socketscope.console.app import create_alerts_app
from socketscope.console.options import ConsoleOptions
from socketscope.reports.archive import Archive
from socketscope.state.state import State

MONDAY, TUESDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 22)
FORMS = {"html": "<!doctype html><p>café", "json": '{"a": 1}\n', "md": "# Monday\n"}
TOKEN = "right-" * 4


@pytest.fixture
def archive(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    reports = state.reports
    for day, due_at in ((SUNDAY, 100), (MONDAY, 200), (TUESDAY, 300)):
        reports.expect(day, due_at=due_at)
    reports.given_up(SUNDAY, now=150, detail="no answer")
    reports.made(MONDAY, FORMS, now=201.5)
    reports.failed(TUESDAY, until=400, detail="the backend is down")
    yield Archive(reports)
    state.close()


@pytest.fixture(params=["console", "alone"])
def client(request, archive, connect):
    if request.param == "console":
        return connect(busy_fleet(), archive=archive)
    return TestClient(create_alerts_app(None, ConsoleOptions(), archive=archive), base_url="http://127.0.0.1:8300")


def test_reports_are_listed_the_newest_day_first(client):
    tuesday, monday, sunday = client.get("/reports").json()["reports"]
    assert tuesday == {
        "date": "2026-11-24",
        "status": "due",
        "due_at": "1970-01-01T00:05:00Z",
        "made_at": None,
        "attempts": 1,
        "detail": "the backend is down",
        "files": {},
    }
    assert (monday["status"], monday["made_at"]) == ("made", "1970-01-01T00:03:21.500000Z")
    assert monday["files"] == {form: f"/reports/2026-11-23.{form}" for form in ("html", "json", "md")}
    assert (sunday["date"], sunday["status"], sunday["made_at"]) == ("2026-11-22", "given_up", None)
    assert len(client.get("/reports", params={"limit": 1}).json()["reports"]) == 1


@pytest.mark.parametrize(
    ("form", "kind", "place"),
    [
        ("html", "text/html; charset=utf-8", "inline"),
        ("json", "application/json", "attachment"),
        ("md", "text/markdown; charset=utf-8", "attachment"),
    ],
)
def test_each_form_is_a_file_as_it_was_made(client, form, kind, place):
    answer = client.get(f"/reports/2026-11-23.{form}")
    assert answer.status_code == 200
    assert answer.content == FORMS[form].encode()
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f'{place}; filename="websockets-2026-11-23.{form}"'
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_may_load_nothing_run_nothing_and_ask_the_console_nothing(client):
    policy = client.get("/reports/2026-11-23.html").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "allow-same-origin" not in policy


@pytest.mark.parametrize("path", ["2026-11-24.html", "2026-11-22.json", "2026-01-01.md"])
def test_what_is_not_there_is_not_found(client, path):
    answer = client.get(f"/reports/{path}")
    assert answer.status_code == 404
    assert "There is no report of 2026-" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["2026-13-01.html", "monday.html", "2026-11-23.pdf", "2026-11-23.html.html", "..%2f..%2fsecret.md"]
)
def test_what_can_not_be_a_report_is_refused(client, path):
    answer = client.get(f"/reports/{path}")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("limit", [0, 4001, "x"])
def test_a_limit_that_is_none_is_refused(client, limit):
    assert client.get("/reports", params={"limit": limit}).status_code == 422


@pytest.mark.parametrize("path", ["/reports", "/reports/2026-11-23.html"])
def test_reports_need_the_token_where_there_is_one(connect, archive, path):
    client = connect(busy_fleet(), options=ConsoleOptions(host="0.0.0.0", token=TOKEN), archive=archive)
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("path", ["/reports", "/reports/2026-11-23.html"])
def test_a_console_that_makes_no_reports_says_so(connect, path):
    answer = connect(busy_fleet()).get(path)
    assert answer.status_code == 503
    assert "not made by this console" in answer.json()["detail"]
