from datetime import date

import pytest

from socketscope.state.state import State

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
FORMS = {"html": "<p>", "json": "{}", "md": "# "}


@pytest.fixture
def reports(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state.reports
    state.close()


def test_a_day_is_expected_once_whatever_became_of_it(reports):
    reports.expect(MONDAY, due_at=100)
    reports.failed(MONDAY, until=160, detail="no answer")
    reports.expect(MONDAY, due_at=900)
    entry = reports.next()
    assert (entry.date, entry.due_at, entry.next_at, entry.attempts, entry.detail) == (MONDAY, 100, 160, 1, "no answer")
    reports.made(MONDAY, FORMS, now=170)
    reports.expect(MONDAY, due_at=900)
    assert reports.next() is None
    assert [(one.date, one.status, one.ended_at) for one in reports.entries(limit=10)] == [(MONDAY, "made", 170)]


def test_what_is_due_first_comes_first_and_what_was_given_up_never(reports):
    for day, due_at in ((TUESDAY, 200), (MONDAY, 100)):
        reports.expect(day, due_at=due_at)
    assert reports.next().date == MONDAY
    reports.failed(MONDAY, until=300, detail="")
    assert reports.next().date == TUESDAY
    reports.given_up(TUESDAY, now=250, detail="no answer")
    assert reports.next().date == MONDAY
    [last] = reports.entries(limit=1)
    assert (last.date, last.status, last.attempts, last.detail) == (TUESDAY, "given_up", 1, "no answer")


def test_each_form_is_read_as_it_was_kept_until_it_is_too_old(reports):
    for day, now in ((MONDAY, 10), (TUESDAY, 20)):
        reports.expect(day, due_at=now)
        assert reports.read(day, "html") is None
        reports.made(day, FORMS, now=now)
    assert {form: reports.read(MONDAY, form) for form in FORMS} == FORMS
    reports.prune(before=15)
    assert reports.read(MONDAY, "html") is None
    assert reports.read(TUESDAY, "html") == "<p>"
    assert [one.date for one in reports.entries(limit=10)] == [TUESDAY]
