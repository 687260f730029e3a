import pytest
from console_fake import NOW, busy_fleet

from socketscope.backends.base import Capabilities

QUESTION = {"query": {"metric": "websocket.server.messages"}, "at": NOW}


def test_what_the_backend_cannot_do_is_said_and_answered_with_501(connect):
    backend = busy_fleet()
    backend.capabilities = Capabilities(metrics=True, notes=("no events",))
    client = connect(backend)
    about = client.get("/api/backend").json()
    assert about == {
        "capabilities": {"metrics": True, "connections": False, "traces": False, "notes": ["no events"]},
        "trace_link": None,
    }
    for path in (
        f"/api/connections/open?at={NOW}&limit=1",
        f"/api/connections/summary?since=0&until={NOW}",
        f"/api/connections/ledger?since=0&until={NOW}&step=3600",
        f"/api/traces/0123456789abcdef?since=0&until={NOW}",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (501, "application/problem+json")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"at": "Infinity"}, "at="),
        ({"at": None}, "at="),
        ({"more": 1}, "more="),
        ({"query": {"metric": "m", "windw": 1}}, "windw="),
        ({"query": {"metric": "m", "over_time": "p42"}}, "over_time="),
        ({"query": {"metric": "m", "window": -1}}, "window=-1"),
        ({"query": {"numerator": {"metric": "m"}}}, "denominator="),
        ({"query": 3}, "query"),
    ],
)
def test_a_question_that_is_none_is_refused_and_the_part_named(client, change, named):
    answer = client.post("/api/query/instant", json=QUESTION | change)
    assert answer.status_code == 422, answer.text
    assert named in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/instances", "/api/peak?metric=m", "/api/connections/summary?since=nan&until=1"])
def test_a_period_needs_both_its_ends(client, path):
    assert client.get(path).status_code == 422


@pytest.mark.parametrize(
    ("asked", "named"),
    [("step=0", "step="), ("step=x", "step="), ("step=1&top=0", "top="), ("step=1&top=1001", "top=")],
)
def test_an_account_has_stretches_and_channels(client, asked, named):
    answer = client.get(f"/api/connections/ledger?since=0&until=10&{asked}")
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


def test_exports_that_the_backend_cannot_tell_of_are_null(client):
    assert client.get(f"/api/exports?since=0&until={NOW}").json() == {"exports": None}


def test_a_metric_answers(client):
    [sample] = client.post("/api/query/instant", json=QUESTION).json()["samples"]
    assert sample["value"] == 1000
