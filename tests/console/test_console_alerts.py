"""The routes about alerts, over an engine that has evaluated a scripted backend."""

import asyncio
import time

import pytest
from console_fake import busy_fleet
from starlette.testclient import TestClient

from alerts_fakes import ScriptedBackend, note, rule
from socketscope.alerts.board import Board
from socketscope.alerts.engine import Engine
from socketscope.alerts.options import AlertOptions
from socketscope.alerts.questions import Questions
from socketscope.alerts.routing import Routing
from socketscope.alerts.schedule import Due
from socketscope.console.app import create_alerts_app
from socketscope.console.options import ConsoleOptions
from socketscope.errors import QueryError
from socketscope.state.state import State

HERE = "http://127.0.0.1:8300"


@pytest.fixture
def state(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state
    state.close()


@pytest.fixture
def woken():
    return []


@pytest.fixture
def board(state, woken):
    """What is seen of: A, which fires; B, which is pending; C, which can't be asked; D, which fired and resolved."""
    now = time.time() // 10 * 10
    backend = ScriptedBackend(
        a=float("inf"), b=5.0, c=QueryError("no such metric"), d=lambda at: 5.0 if at < now else 0.0
    )
    rules = [
        rule(
            "A", "a", severity="critical", labels={"team": "chat"}, summary="{value} of {labels[team]}", runbook="a.md"
        ),
        rule("B", "b", for_=3600),
        rule("C", "c"),
        rule("D", "d"),
    ]

    async def numbers():
        return {}

    engine = Engine(
        rules,
        Questions(backend, concurrency=1, timeout=5),
        state,
        AlertOptions(cooldown=0),
        routing=Routing(AlertOptions(), ("mail",)),
        backend="scripted",
        numbers=numbers,
    )

    async def evaluate():
        await engine.load()
        for moment in (now - 10, now):
            await engine.evaluate(Due(moment, ("A", "B", "C", "D")))

    asyncio.run(evaluate())
    return Board(engine, state, alive=lambda: "something is wrong", wake=lambda: woken.append(True))


@pytest.fixture(params=["console", "alone"])
def client(request, board, connect):
    if request.param == "console":
        return connect(busy_fleet(), board=board)
    return TestClient(create_alerts_app(board, ConsoleOptions()), base_url=HERE)


def test_alerts_that_fire_and_that_fired_are_told_with_who_was_told(client, state):
    state.outbox.delivered(state.outbox.due("mail", time.time()), now=time.time(), thread=None, detail="250 taken")
    answer = client.get("/alerts").json()
    assert answer["problem"] == "something is wrong"
    first, second = answer["active"]
    assert {key: first[key] for key in ("rule", "state", "severity", "labels", "value", "threshold", "runbook")} == {
        "rule": "A",
        "state": "firing",
        "severity": "critical",
        "labels": {"team": "chat"},
        "value": None,  # JSON has no infinity
        "threshold": 1.0,
        "runbook": "a.md",
    }
    assert first["summary"] == "inf of chat"
    assert (second["rule"], second["state"], second["fired_at"]) == ("B", "pending", None)
    past = {one["rule"]: one for one in answer["history"]}
    assert set(past) == {"A", "D"}
    assert (past["A"]["end"], past["A"]["ended_at"]) == (None, None)
    assert past["D"]["end"] == "resolved"
    assert past["D"]["ended_at"] > past["D"]["fired_at"] == past["A"]["fired_at"]
    assert sorted(one["status"] for one in past["D"]["told"]) == ["firing", "resolved"]
    told = past["A"]["told"][0]
    assert (told["notifier"], told["fate"], told["attempts"], told["detail"]) == ("mail", "delivered", 1, "250 taken")
    assert told["delivered_at"] is not None


def test_every_rule_is_told_with_its_health(client):
    rules = {one["rule"]: one for one in client.get("/alerts/rules").json()["rules"]}
    assert {name: one["health"] for name, one in rules.items()} == {
        "A": "ok",
        "B": "ok",
        "C": "query failed",
        "D": "ok",
        "BackendUnreachable": "ok",
    }
    assert rules["C"]["problem"] == "no such metric"
    assert [(rules[name]["pending"], rules[name]["firing"]) for name in "ABCD"] == [(0, 1), (1, 0), (0, 0), (0, 0)]
    assert rules["A"]["missed"] == 0


SILENCE = {"matchers": {"rule": "A*"}, "seconds": 60, "author": "ana", "reason": "a deployment"}


def test_a_silence_is_made_shown_and_ended(client):
    made = client.post("/silences", json=SILENCE)
    assert made.status_code == 201
    silence = made.json()
    assert (silence["matchers"], silence["author"], silence["reason"]) == ({"rule": "A*"}, "ana", "a deployment")
    assert client.get("/silences").json() == {"silences": [silence]}
    assert client.get("/alerts").json()["active"][0]["silenced_by"] == [silence["id"]]
    assert client.delete(f"/silences/{silence['id']}").status_code == 204
    assert client.get("/silences").json() == {"silences": []}
    gone = client.delete(f"/silences/{silence['id']}")
    assert (gone.status_code, silence["id"] in gone.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"matchers": {}}, "matchers"),
        ({"seconds": 0}, "seconds"),
        ({"author": ""}, "author"),
        ({"reason": ""}, "reason"),
        ({"until": "tomorrow"}, "until"),
    ],
)
def test_a_silence_that_is_none_is_refused_by_the_name_of_what_is_wrong(client, change, named):
    refused = client.post("/silences", json=SILENCE | change)
    assert refused.status_code == 422
    assert named in refused.json()["detail"]


def test_a_notification_that_was_given_up_is_shown_and_can_be_sent_again(client, state, woken):
    state.outbox.put("pager", note("a", rule="A", summary="it burns"), now=0)
    state.outbox.given_up(state.outbox.due("pager", 0), now=5, detail="no such number")
    (letter,) = client.get("/notifications/dead").json()["letters"]
    assert (letter["notifier"], letter["rule"], letter["summary"], letter["detail"], letter["attempts"]) == (
        "pager",
        "A",
        "it burns",
        "no such number",
        1,
    )
    assert client.post(f"/notifications/dead/{letter['id']}").status_code == 204
    assert woken
    assert client.get("/notifications/dead").json() == {"letters": []}
    assert client.post(f"/notifications/dead/{letter['id']}").status_code == 404
    assert client.post(f"/notifications/dead/{1 << 63}").status_code == 422


CHANGES = [
    ("POST", "/silences"),
    ("DELETE", "/silences/x"),
    ("POST", "/notifications/dead/1"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8300"])
def test_no_page_of_somebody_else_can_change_anything(client, method, path, origin):
    refused = client.request(method, path, json=SILENCE, headers={"Origin": origin})
    assert refused.status_code == 403
    assert client.get("/silences").json() == {"silences": []}


def test_the_consoles_own_page_can(client):
    assert client.post("/silences", json=SILENCE, headers={"Origin": HERE}).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"), [*CHANGES, ("GET", "/alerts"), ("GET", "/alerts/rules"), ("GET", "/silences")]
)
@pytest.mark.parametrize("alone", [True, False])
def test_where_there_is_a_token_it_is_needed(board, connect, method, path, alone):
    options = ConsoleOptions(token="0123456789abcdef" * 2)
    if alone:
        client = TestClient(create_alerts_app(board, options), base_url=HERE)
    else:
        client = connect(busy_fleet(), board=board, options=options)
    assert client.request(method, path, json=SILENCE).status_code == 401
    allowed = client.request(method, path, json=SILENCE, headers={"Authorization": "Bearer " + "0123456789abcdef" * 2})
    assert allowed.status_code not in {401, 403}
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/alerts", "/alerts/rules", "/silences", "/notifications/dead"])
def test_a_console_that_evaluates_no_alerts_says_so(connect, path):
    answer = connect(busy_fleet()).get(path)
    assert (answer.status_code, answer.json()["detail"]) == (503, "Alerts are not evaluated by this console.")


def test_a_state_that_can_not_be_read_is_a_503_that_says_why(client, state):
    state.close()
    answer = client.get("/silences")
    assert answer.status_code == 503
    assert "state.sqlite" in answer.json()["detail"]


def test_an_alert_service_is_ready_while_nothing_is_wrong_with_it(board):
    problems = [None]
    app = create_alerts_app(board, ConsoleOptions(), ready_checks=[lambda: problems[0]])
    client = TestClient(app, base_url=HERE)
    assert client.get("/readyz").status_code == 200
    problems[0] = "No alert was evaluated."
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["No alert was evaluated."])
