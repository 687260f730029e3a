from datetime import UTC, datetime

import pytest
from console_fake import NOW, FakeBackend, busy_fleet, every_second

from socketscope.backends.base import Instance
from socketscope.errors import BackendError

METRICS = "/monitoring/websocket/metrics"
ACTIVE = "websocket.server.active_connections"
SEED_KEYS = {
    "current_connections",
    "connections_by_channel",
    "messages_sent",
    "messages_received",
    "errors",
    "uptime",
    "timestamp",
    "system_metrics",
}


def test_the_fleet_is_summed_over_its_living_processes(client):
    answer = client.get(METRICS).json()
    assert answer["current_connections"] == 7
    assert answer["connections_by_channel"] == {"lobby": 7}
    assert (answer["messages_received"], answer["messages_sent"]) == (100, 900)
    assert (answer["bytes_received"], answer["bytes_sent"]) == (1_000, 9_000)
    assert (answer["connections_accepted"], answer["connections_denied"]) == (12, 2)
    assert (answer["connections_lost"], answer["connections_failed"]) == (1, 3)
    assert (answer["unique_users"], answer["channels"]) == (6, 2)
    assert answer["messages_per_second"] == pytest.approx(100)
    assert answer["uptime"] == 240
    assert answer["instances"] == 2
    assert (answer["age"], answer["stale"]) == (0, False)


def test_the_answer_has_the_key_names_of_the_seed(client):
    answer = client.get(METRICS).json()
    assert set(answer) >= SEED_KEYS
    assert set(answer["system_metrics"]) == {"cpu_usage", "memory_usage", "active_threads", "timestamp"}


def test_a_counter_without_a_series_is_zero_once_there_is_data(client):
    assert client.get(METRICS).json()["errors"] == 0


def test_cpu_and_memory_are_those_of_the_worst_host_and_threads_are_summed(client):
    system = client.get(METRICS).json()["system_metrics"]
    assert (system["cpu_usage"], system["memory_usage"], system["active_threads"]) == (75, 50, 12)


def test_a_first_cpu_reading_of_all_zeros_is_no_reading(connect):
    backend = FakeBackend()
    backend.reports(ACTIVE, 1, service__instance__id="a")
    for state in ("idle", "user", "system"):
        backend.reports("system.cpu.utilization", 0, state=state, service__instance__id="a")
    assert connect(backend).get(METRICS).json()["system_metrics"]["cpu_usage"] is None


def test_with_no_data_numbers_are_null_and_not_zero(connect):
    answer = connect(FakeBackend()).get(METRICS).json()
    for key in SEED_KEYS - {"timestamp", "connections_by_channel"}:
        assert answer[key] is None, key
    assert answer["peak_connections"] is None
    assert answer["unique_users"] is None
    assert (answer["age"], answer["stale"], answer["instances"]) == (None, False, 0)
    assert "No service process reports" in answer["system_metrics_reason"]


def test_missing_system_metrics_are_null_with_what_to_do(connect):
    backend = FakeBackend()
    backend.reports(ACTIVE, 1, service__instance__id="a")
    answer = connect(backend).get(METRICS).json()
    assert answer["system_metrics"] is None
    assert "socketscope[otlp]" in answer["system_metrics_reason"]


def test_all_questions_of_one_answer_are_about_one_moment(connect, backend):
    answer = connect(backend).get(METRICS).json()
    assert set(backend.moments) == {NOW}
    assert datetime.fromisoformat(answer["timestamp"]) == datetime.fromtimestamp(NOW, UTC)


def test_answers_are_shared_for_half_a_second(connect, backend, clock):
    client = connect(backend)
    first = client.get(METRICS).json()
    asked = len(backend.moments)
    clock.now += 0.4
    assert client.get(METRICS).json() == first
    assert len(backend.moments) == asked
    clock.now += 0.2
    assert client.get(METRICS).json()["timestamp"] != first["timestamp"]


def test_an_answer_can_be_asked_for_again_by_its_timestamp(connect, backend, clock):
    client = connect(backend)
    first = client.get(METRICS).json()
    clock.now += 30
    backend.rows.clear()
    assert client.get(METRICS).json()["current_connections"] is None
    assert client.get(METRICS, params={"at": first["timestamp"]}).json() == first


def test_a_past_moment_that_was_not_asked_for_is_computed(client):
    answer = client.get(METRICS, params={"at": NOW - 30}).json()
    assert answer["current_connections"] == 7
    assert datetime.fromisoformat(answer["timestamp"]).timestamp() == NOW - 30


def test_counts_since_a_moment_leave_out_what_was_before(connect, backend):
    backend.reports("websocket.server.errors", 4, times=[NOW - 50])
    client = connect(backend)
    assert client.get(METRICS).json()["errors"] == 4
    assert client.get(METRICS, params={"since": NOW - 60}).json()["errors"] == 4
    assert client.get(METRICS, params={"since": NOW - 40}).json()["errors"] == 0


@pytest.mark.parametrize("since", ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00+00:00", "2027-01-15 08:00", NOW])
def test_moments_may_be_iso_or_seconds(connect, backend, clock, since):
    clock.now = NOW + 1  # 2027-01-15T08:00:01Z
    assert connect(backend).get(METRICS, params={"since": since}).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"since": "yesterday"}, "since='yesterday': an ISO 8601 time"),
        ({"since": "nan"}, "since='nan': an ISO 8601 time"),
        ({"since": NOW + 60}, "since: a moment before"),
        ({"at": NOW + 60}, "at: a moment that has passed"),
    ],
)
def test_a_moment_that_makes_no_sense_is_refused_by_name(client, parameters, named):
    answer = client.get(METRICS, params=parameters)
    assert answer.status_code == 422
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(("interval", "fresh", "stale"), [(1, 5, 6), (10, 30, 31), (60, 180, 181)])
def test_data_is_stale_after_three_of_the_observed_export_intervals(connect, clock, interval, fresh, stale):
    backend = FakeBackend()
    backend.reports(ACTIVE, 2, times=[NOW - interval * i for i in range(200)], service__instance__id="a")
    client = connect(backend)
    clock.now = NOW + fresh
    assert client.get(METRICS).json()["current_connections"] == 2
    clock.now = NOW + stale
    answer = client.get(METRICS).json()
    assert (answer["stale"], answer["current_connections"], answer["instances"]) == (True, None, 0)
    assert answer["age"] == pytest.approx(stale)


def test_a_process_that_stopped_drops_out_while_a_slower_one_stays(connect, clock):
    backend = FakeBackend()
    backend.reports(ACTIVE, 2, times=every_second(NOW - 20), service__instance__id="quick and gone")
    backend.reports(ACTIVE, 3, times=[NOW - 20, NOW - 50, NOW - 80], service__instance__id="slow")
    backend.processes = [
        Instance("quick and gone", "chat", NOW - 900, NOW - 20),
        Instance("slow", "chat", NOW - 90, NOW),
    ]
    answer = connect(backend).get(METRICS).json()
    assert (answer["current_connections"], answer["instances"], answer["uptime"]) == (3, 1, 90)


def test_the_numbers_of_a_backend_that_knows_no_connections_are_null(connect):
    backend = busy_fleet()
    backend.capabilities = type(backend.capabilities)(metrics=True)
    answer = connect(backend).get(METRICS).json()
    assert (answer["unique_users"], answer["channels"], answer["current_connections"]) == (None, None, 7)


def test_a_backend_that_cannot_be_asked_is_a_503_that_says_so(connect, backend):
    backend.error = BackendError("Prometheus at 10.0.0.1 does not answer")
    answer = connect(backend).get(METRICS)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Prometheus at 10.0.0.1 does not answer" in answer.json()["detail"]
    assert "/readyz" in answer.json()["detail"]
