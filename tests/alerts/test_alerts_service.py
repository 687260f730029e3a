"""Alerts in real processes: `serve`, and `serve --only alerts` beside it, told what an SDK measures."""

import os
import subprocess
import sys
import time

import httpx
import pytest
import yaml

from doubles.receiver_double import ReceiverDouble, json_of
from otlp_source import Source
from service_process import AlertsProcess, ServiceProcess
from socketscope.state.database import Database
from socketscope.state.state import State

RULES = """
rules:
  - alert: Errors
    query: {metric: websocket.server.errors, over_time: increase, window: 2s}
    above: 1
    interval: 250ms
    severity: critical
    summary: "{value:.0f} errors"
"""
TOKEN = "0123456789abcdef" * 2


class Hook(ReceiverDouble):
    """Takes webhooks."""

    def __init__(self):
        super().__init__()
        self.told = []

    def take(self, asked):
        self.told.append(json_of(asked))
        return {}


@pytest.fixture
def hook():
    with Hook() as hook:
        yield hook


@pytest.fixture
def configure(tmp_path, hook):
    (tmp_path / "rules.yaml").write_text(RULES)

    def write(name="socketscope.yaml", **sections):
        settings = {
            "notifiers": {"hook": {"type": "webhook", "url": hook.url}},
            "alerts": {"pack": False, "rules": [str(tmp_path / "rules.yaml")], "cooldown": 0},
            **sections,
        }
        (tmp_path / name).write_text(yaml.safe_dump(settings))
        return tmp_path / name

    return write


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def statuses(hook):
    return [one["status"] for one in hook.told]


def burst(source):
    """Raise the alert, and keep on reporting, so that it can resolve."""
    source.connect("c1")
    for _ in range(5):
        source.fail()
    source.flush()


def test_serve_tells_of_what_the_sdk_measures_and_shows_it(tmp_path, configure, hook):
    config = configure()
    with ServiceProcess("--data", tmp_path / "data", "--config", config) as service:
        assert "1 rules, telling hook" in service.told("alerts")
        source = Source(service.grpc, "a", interval=0.2)
        burst(source)
        until(lambda: statuses(hook) == ["firing", "resolved"])
        source.close()
        answer = httpx.get(f"{service.url}/alerts").json()
        assert service.stop() == 0
        assert service.complaints == []
    firing, resolved = hook.told
    assert firing["rule"] == resolved["rule"] == "Errors"
    assert firing["summary"] == "5 errors"
    assert firing["link"] == service.url
    assert firing["metrics"]["current_connections"] == 1
    assert firing["metrics"]["errors"] == 5
    assert firing["metrics"]["cpu_usage"] == 40
    assert resolved["value"] < 2
    (episode,) = answer["history"]
    assert (episode["rule"], episode["end"]) == ("Errors", "resolved")
    assert [(one["notifier"], one["fate"]) for one in episode["told"]] == [("hook", "delivered")] * 2


def test_after_a_restart_serve_goes_on_where_it_was_and_repeats_nothing(tmp_path, configure, hook):
    config = configure()
    with ServiceProcess("--data", tmp_path / "data", "--config", config) as service:
        source = Source(service.grpc, "a", interval=0.2)
        burst(source)
        until(lambda: statuses(hook) == ["firing"])
        service.process.kill()
        service.process.wait()
        source.close()
    with ServiceProcess("--data", tmp_path / "data", "--config", config) as service:
        source = Source(service.grpc, "b", interval=0.2)
        source.fail()  # one is not too many, and that is known
        source.flush()
        until(lambda: "resolved" in statuses(hook))
        source.close()
        assert service.stop() == 0
    assert len({one["key"] for one in hook.told}) == 2
    assert len({(one["fingerprint"], one["started_at"]) for one in hook.told}) == 1


def test_with_the_store_in_memory_the_state_of_alerts_is_too(tmp_path, configure):
    with ServiceProcess("--memory", "--config", configure(), cwd=tmp_path) as service:
        assert service.told("alerts").endswith("state in memory")
        assert service.stop() == 0
    assert not list(tmp_path.glob("**/*.sqlite"))


def test_without_a_configuration_the_pack_is_evaluated_and_shown_and_nobody_is_told(tmp_path):
    with ServiceProcess("--memory", cwd=tmp_path) as service:
        assert "telling nobody" in service.told("alerts")
        until(lambda: any(one["evaluated_at"] for one in httpx.get(f"{service.url}/alerts/rules").json()["rules"]))
        rules = {one["rule"] for one in httpx.get(f"{service.url}/alerts/rules").json()["rules"]}
        assert {"HighCPU", "HighMemory", "ManyConnections", "BackendUnreachable"} <= rules
        assert service.stop() == 0


def test_alerts_alone_ask_the_console_of_another_service(tmp_path, configure, hook):
    remote = {"kind": "remote", "token": TOKEN}
    nothing = tmp_path / "nothing.yaml"
    nothing.write_text("alerts: {pack: false}")
    with ServiceProcess("--memory", "--config", nothing, environment={"SOCKETSCOPE_CONSOLE_TOKEN": TOKEN}) as service:
        config = configure(
            backend={**remote, "url": service.url}, state={"file": str(tmp_path / "here" / "state.sqlite")}
        )
        with AlertsProcess(config, tmp_path) as alone:
            assert httpx.get(f"{alone.url}/readyz").status_code == 200
            source = Source(service.grpc, "a", interval=0.2)
            burst(source)
            until(lambda: statuses(hook) == ["firing", "resolved"])
            source.close()
            assert httpx.get(f"{alone.url}/alerts").json()["history"][0]["end"] == "resolved"
            assert httpx.get(f"{alone.url}/monitoring/websocket/metrics").status_code == 404
            assert alone.stop() == 0
    assert hook.told[0]["link"] == service.url
    assert hook.told[0]["metrics"]["current_connections"] == 1
    state = State.open(tmp_path / "here" / "state.sqlite")
    assert state.outbox.pending() == {}
    state.close()


def test_alerts_alone_start_and_tell_that_their_backend_is_not_there(tmp_path, configure, hook):
    alerts = {"pack": False, "rules": [str(tmp_path / "rules.yaml")], "unreachable_after": "500ms"}
    config = configure(
        backend={"kind": "remote", "url": "http://127.0.0.1:1"}, state={"file": str(tmp_path / "s")}, alerts=alerts
    )
    with AlertsProcess(config, tmp_path) as alone:
        until(lambda: statuses(hook) == ["firing"])
        assert hook.told[0]["rule"] == "BackendUnreachable"
        assert set(hook.told[0]["metrics"].values()) == {None}
        assert alone.stop() == 0


def serve(*options, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "socketscope", "serve", "--port=0", *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env={**os.environ, **environment},
    )


def refused(ran):
    assert (ran.returncode, ran.stdout) == (2, "")
    return ran.stderr.splitlines()


def test_alerts_alone_can_not_read_the_store_of_a_running_console(tmp_path):
    with ServiceProcess("--data", tmp_path / "data"):
        (complaint,) = refused(serve("--only=alerts", "--data", tmp_path / "data", cwd=tmp_path))
    assert complaint.startswith("backend.kind='embedded' can't be used: expected remote, with the console's address")


def test_two_services_can_not_have_one_state(tmp_path, configure):
    config = configure(backend={"kind": "remote", "url": "http://127.0.0.1:1"}, state={"file": str(tmp_path / "s")})
    with AlertsProcess(config, tmp_path):
        (complaint,) = refused(serve("--only=alerts", "--config", config, cwd=tmp_path))
    assert (
        complaint == f"{tmp_path / 's'} is open in another process. Stop that one, or give another file (state.file)."
    )


def test_a_damaged_state_is_named_and_nothing_is_started(tmp_path, configure):
    damaged = tmp_path / "s"
    damaged.write_bytes(b"no database")
    config = configure(state={"file": str(damaged)})
    (complaint,) = refused(
        serve("--memory", "--otlp-grpc-port=0", "--otlp-http-port=0", "--config", config, cwd=tmp_path)
    )
    assert "it was left as it is" in complaint
    assert damaged.read_bytes() == b"no database"


def test_every_mistake_of_rules_notifiers_and_routes_is_one_line(tmp_path, configure):
    (tmp_path / "rules.yaml").write_text("rules:\n  - alert: A\n    query: {metric: x}\n    abov: 1\n")
    config = configure(
        alerts={
            "rules": [str(tmp_path / "rules.yaml"), "nowhere.yaml"],
            "disabled": ["Ghost"],
            "routes": [{"notify": ["ghost"]}],
        }
    )
    complaints = refused(serve("--memory", "--config", config, cwd=tmp_path))
    assert len(complaints) >= 4
    for part in ("rules.yaml:4", "nowhere.yaml", "alerts.disabled='Ghost'", "alerts.routes.0.notify='ghost'"):
        assert sum(part in complaint for complaint in complaints) == 1, (part, complaints)


def test_an_unknown_part_of_the_service_is_refused(tmp_path):
    assert serve("--only", "reports", cwd=tmp_path).returncode == 2


def test_the_file_of_the_state_is_beside_the_store(tmp_path, configure):
    with ServiceProcess("--data", tmp_path / "data", "--config", configure(), cwd=tmp_path) as service:
        assert service.told("alerts").endswith(f"state {tmp_path / 'data' / 'socketscope-state.sqlite'}")
        assert service.stop() == 0
    Database.open(tmp_path / "data" / "socketscope-state.sqlite").close()
