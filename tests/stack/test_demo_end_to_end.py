"""The whole way: the real chat, the real Collector, the embedded backend, the console."""

import socket

from redis_process import required_redis
from socketscope.demo.ledger import KEYS


def test_what_the_users_did_comes_back_through_the_collector_as_equal_numbers(demo, small, otelcol):
    ended = demo(*small)
    assert ended.code == 0, ended.output
    summary = ended.summary
    assert tuple(summary["ledger"]) == KEYS
    assert summary["measured"] == summary["ledger"]
    assert summary["events"] == {key: summary["ledger"][key] for key in summary["events"]}
    assert len(summary["events"]) == 9
    assert min(summary["ledger"].values()) > 0
    assert summary["ledger"]["peak_connections"] == 20
    assert summary["equal"] is True
    assert summary["collector"]["path"] == str(otelcol)
    assert summary["collector_accepted"].keys() == {"metric_points", "spans", "log_records"}
    accepted, connections = summary["collector_accepted"], summary["ledger"]["connections_accepted"]
    assert accepted["spans"] >= 2 * connections, "a handshake and a segment for each"
    assert accepted["log_records"] >= 2 * connections, "opened and closed for each"
    assert accepted["metric_points"] > 0
    assert summary["startup_seconds"] > 0
    (alert,) = summary["alerts"]
    assert alert["rule"] == "ErrorBurst"
    assert alert["fired_at"] < alert["resolved_at"]
    assert [(one["notifier"], one["status"]) for one in alert["delivered"]] == [
        ("mail", "firing"),
        ("mail", "resolved"),
    ]
    assert [one["mail"].partition("]")[0] for one in alert["delivered"]] == ["[CRITICAL", "[RESOLVED"]
    assert summary["missing_alerts"] == []


def test_with_fastapis_own_telemetry_off_the_numbers_are_equal_as_well(demo, small, otelcol):
    ended = demo(*small, "--no-fastapi-telemetry")
    assert ended.code == 0, ended.output
    assert ended.summary["equal"] is True


def test_two_processes_on_the_hub_are_both_on_the_page_and_their_numbers_together_equal(demo, small, otelcol):
    required_redis()
    ended = demo(*small, "--hub", "--replicas", "2", "--broker", "redis")
    assert ended.code == 0, ended.output
    summary = ended.summary
    assert summary["equal"] is True
    assert (summary["replicas"], summary["instances"], summary["broker"]) == (2, 2, "redis")
    assert summary["events"]["channels"] == summary["ledger"]["channels"] > 0
    assert summary["events"]["unique_users"] == summary["ledger"]["unique_users"] > 0


def test_where_there_is_no_collector_the_chat_sends_straight_to_the_backend_and_the_demo_says_so(demo, small, tmp_path):
    ended = demo(*small, PATH=str(tmp_path), SOCKETSCOPE_OTELCOL="", SOCKETSCOPE_TOOLS=str(tmp_path))
    assert ended.code == 0, ended.output
    assert "No Collector found" in ended.output
    assert (ended.summary["collector"], ended.summary["collector_accepted"]) == (None, None)
    assert ended.summary["equal"] is True


def test_a_port_in_use_is_named_with_its_option(demo, small, ports):
    with socket.create_server(("127.0.0.1", ports["chat-port"])):
        ended = demo(*small)
    assert ended.code == 2
    assert "--chat-port" in ended.output
    assert not ended.summary


def test_ctrl_c_lets_the_users_leave_and_compares_what_they_did_until_then(demo, otelcol, ports):
    ended = demo("--users", "20", interrupt_at=r"[1-9]\d* messages received")
    assert ended.code == 0, ended.output
    assert ended.summary["equal"] is True
    assert ended.summary["ledger"]["messages_received"] > 0
    require_nobody_listens(ports)


def test_ctrl_c_before_the_users_have_begun_leaves_nothing_running(demo, otelcol, ports):
    ended = demo(interrupt_at="Console:")
    assert ended.code == 130, ended.output
    assert not ended.summary
    require_nobody_listens(ports)


def require_nobody_listens(ports):
    for port in ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, f"{port} is still listened on"
