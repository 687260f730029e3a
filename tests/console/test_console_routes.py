import itertools
from datetime import datetime

import pytest
from console_fake import NOW, FakeBackend, every_second

from socketscope.backends.base import ConnectionPage, OpenConnection

HERE = "/monitoring/websocket"
ACTIVE = "websocket.server.active_connections"


def open_connections(count):
    return [
        OpenConnection(f"{n:016x}", "a", "/ws/{room}", ["lobby"], "hash", NOW - n, "10.0.0.0", "tests", n, 0, n, 0, NOW)
        for n in range(count)
    ]


def test_connections_have_the_key_names_of_the_seed_and_are_paged(connect, backend):
    backend.page = ConnectionPage(open_connections(60), 60)
    client = connect(backend)
    page = client.get(f"{HERE}/connections").json()
    assert (len(page["active_connections"]), page["total_active"]) == (50, 60)
    rest = client.get(f"{HERE}/connections", params={"limit": 500, "offset": 50}).json()
    assert [connection["duration"] for connection in rest["active_connections"]] == list(range(50, 60))
    assert rest["active_connections"][0]["channels"] == ["lobby"]


def test_stats_have_the_key_names_of_the_seed(client):
    stats = client.get(f"{HERE}/stats/1.5").json()
    assert stats["hours"] == 1.5
    assert stats["total_connections"] == 12
    assert stats["avg_duration"] == 4.5
    assert stats["unique_channels"] == 2
    assert stats["peak_connections"] == 4
    assert stats["complete"] is True


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("connections?limit=501", "limit='501'"),
        ("connections?limit=0", "limit='0'"),
        ("connections?offset=-1", "offset='-1'"),
        ("stats/0", "hours='0'"),
        ("stats/8761", "hours='8761'"),
        ("stats/many", "hours='many'"),
        ("stats/nan", "hours='nan'"),
        ("history?minutes=0", "minutes='0'"),
        ("history?minutes=1441", "minutes='1441'"),
        ("history?minutes=1440&step=1", "step=1: 144 to 86400 seconds"),
        ("history?minutes=1&step=0.01", "step=0.01: 1 to 60 seconds"),
        ("history?minutes=1&step=nan", "step=nan"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused_by_name(client, path, named):
    answer = client.get(f"{HERE}/{path}")
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


def test_history_ends_now_and_is_at_multiples_of_its_step(connect, backend, clock):
    clock.now += 1.3
    history = connect(backend).get(f"{HERE}/history").json()
    times = [datetime.fromisoformat(point["timestamp"]).timestamp() for point in history["points"]]
    assert (history["step"], len(times)) == (2, 450)
    assert times[-1] == NOW
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {2}
    assert all(time % 2 == 0 for time in times)


@pytest.mark.parametrize("minutes", [1, 2.5, 10, 15, 60, 599, 1440])
def test_history_never_has_more_than_600_points(client, minutes):
    assert 1 <= len(client.get(f"{HERE}/history", params={"minutes": minutes}).json()["points"]) <= 600


def test_history_has_gaps_and_not_zeros_where_nothing_was_reported(connect):
    backend = FakeBackend()
    backend.reports(ACTIVE, 3, times=every_second(count=30), service__instance__id="a")
    points = connect(backend).get(f"{HERE}/history", params={"minutes": 1}).json()["points"]
    values = [point["current_connections"] for point in points]
    assert values == [None] * 30 + [3] * 30
    assert [point["messages_per_second"] for point in points] == [None] * 30 + [0] * 30
    assert {point["cpu_usage"] for point in points} == {None}


def test_history_draws_the_worst_host(client):
    point = client.get(f"{HERE}/history", params={"minutes": 1}).json()["points"][-1]
    assert (point["current_connections"], point["cpu_usage"], point["memory_usage"]) == (7, 75, 50)


def test_health_is_good_while_data_is_fresh(client):
    answer = client.get(f"{HERE}/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "healthy"
    assert set(answer.json()) == {"status", "timestamp", "reasons", "metrics"}
    assert answer.json()["metrics"]["current_connections"] == 7


def test_health_without_any_data_is_bad_and_says_what_to_do(connect):
    answer = connect(FakeBackend()).get(f"{HERE}/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unhealthy"
    assert "socketscope run" in answer.json()["reasons"][0]


def test_health_is_bad_when_data_is_stale_a_check_complains_and_a_gauge_drifts(connect, backend, clock):
    backend.reports("socketscope.drift", 2, times=[NOW - 100])
    clock.now += 30
    answer = connect(backend, health_checks=[lambda: "The disk is full.", lambda: None]).get(f"{HERE}/health")
    assert answer.status_code == 503
    check, stale, drift = answer.json()["reasons"]
    assert check == "The disk is full."
    assert stale.startswith("The newest data is 30 s old")
    assert "corrected by 2" in drift


def test_liveness_needs_no_data_and_readiness_asks_its_checks(connect):
    complaints = ["The store is closed."]
    client = connect(FakeBackend(), ready_checks=[lambda: complaints[0] if complaints else None])
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "reasons": complaints})
    complaints.clear()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_an_unknown_path_is_a_problem_document(client):
    answer = client.get(f"{HERE}/nothing")
    assert answer.status_code == 404
    assert answer.json()["title"] == "Not Found"


def test_the_api_is_described_with_its_problem_documents(client):
    description = client.get("/openapi.json").json()
    responses = description["paths"][f"{HERE}/stats/{{hours}}"]["get"]["responses"]
    assert responses["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
    assert "503" in responses
