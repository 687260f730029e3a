"""What `socketscope doctor` tells of a process, and of the mistakes that are made."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from socketscope.doctor import Finding, State, examine

BIN = Path(sys.executable).parent
EXPORTERS = ("OTEL_METRICS_EXPORTER", "OTEL_TRACES_EXPORTER", "OTEL_LOGS_EXPORTER")


@pytest.fixture
def collector():
    """The address of something that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def found(environment):
    return {finding.subject: finding for finding in examine(environment)}


def test_a_destination_that_takes_connections_is_good_and_another_is_not(collector):
    good = found({"OTEL_EXPORTER_OTLP_ENDPOINT": collector})["destination"]
    assert good.state is State.GOOD
    assert collector in good.found
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        bad = found({"OTEL_EXPORTER_OTLP_ENDPOINT": closed})["destination"]
    assert bad.state is State.BAD
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in bad.advice


@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", "http://127.0.0.1:99999", "nonsense://", "http://[::1"])
def test_no_address_is_too_strange_to_be_told_of(endpoint):
    assert found({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})["destination"].state is State.BAD


def test_each_signal_is_looked_for_where_it_goes(collector):
    told = found(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1",
            "OTEL_LOGS_EXPORTER": "none",
        }
    )
    assert told["destination, metrics"].state is State.GOOD
    assert told["destination, traces"].state is State.BAD
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in told["destination, traces"].advice
    assert told["destination, logs"] == Finding("destination, logs", "nowhere", State.NOTE)


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        (dict.fromkeys(EXPORTERS, "none"), "nowhere"),
        (dict.fromkeys(EXPORTERS, "console"), "through the exporter 'console': not checked"),
        ({"OTEL_SDK_DISABLED": "true"}, "nothing is sent: OTEL_SDK_DISABLED=true; not checked"),
        ({"OTEL_CONFIG_FILE": "otel.yaml"}, "as OTEL_CONFIG_FILE=otel.yaml says; not checked"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "dns:///c:1", "OTEL_EXPORTER_OTLP_INSECURE": "true"}, "not checked, gRPC"),
    ],
)
def test_no_collector_is_wanted_where_nothing_is_sent_to_one_that_we_can_reach(environment, says):
    told = found(environment | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})["destination"]
    assert told.state is State.NOTE
    assert says in told.found


def test_a_socket_of_the_file_system_is_looked_for(tmp_path):
    path = tmp_path / "otel.sock"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"unix://{path}", "OTEL_EXPORTER_OTLP_INSECURE": "true"}
    assert found(environment)["destination"].state is State.BAD
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        assert found(environment)["destination"].state is State.GOOD


def test_tls_that_the_address_does_not_show_is_told(collector):
    told = found({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.removeprefix("http://")})["destination"]
    assert told.state is State.NOTE
    assert "over TLS" in told.found
    assert "OTEL_EXPORTER_OTLP_INSECURE=true" in told.advice


def test_a_setting_that_cannot_be_used_is_told_and_that_nothing_is_watched():
    told = found({"SOCKETSCOPE_SEGMENT": "soon"})
    assert told["settings"].state is State.BAD
    assert "SOCKETSCOPE_SEGMENT='soon'" in told["settings"].found
    assert told["instrumentation"].state is State.BAD


def test_a_variable_that_nobody_reads_has_a_likely_name():
    told = found({"SOCKETSCOPE_USER_FORM": "header:x-user"})["settings"]
    assert told.state is State.BAD
    assert "SOCKETSCOPE_USER_FORM" in told.found
    assert "SOCKETSCOPE_USER_FROM" in told.advice


def test_settings_of_the_console_are_no_mistake():
    told = found({"SOCKETSCOPE_CONSOLE_PORT": "8300", "SOCKETSCOPE_USER_FROM": "header:x-user"})["settings"]
    assert told.state is State.GOOD
    assert told.found == "SOCKETSCOPE_USER_FROM"


@pytest.mark.parametrize(
    ("name", "value", "subject"),
    [
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "fastapi, socketscope", "instrumentation"),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "*", "instrumentation"),
        ("OTEL_SDK_DISABLED", "true", "SDK"),
    ],
)
def test_what_is_switched_off_is_told(name, value, subject):
    told = found({name: value})[subject]
    assert told.state is State.BAD
    assert name in told.found


def run(*command, endpoint, **environment):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SOCKETSCOPE_"))},
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        **environment,
    }
    done = subprocess.run(
        [BIN / name if at == 0 else name for at, name in enumerate(command)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("exporter", "histograms"),
    [("otlp", "will leave through OTLPMetricExporter"), ("socketscope", "leave through OTLPMetricExporter")],
)
def test_as_the_service_runs_it_tells_how_histograms_leave(collector, exporter, histograms):
    code, output = run(
        "opentelemetry-instrument",
        str(BIN / "socketscope"),
        "doctor",
        "--json",
        endpoint=collector,
        OTEL_METRICS_EXPORTER=exporter,
        OTEL_TRACES_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )
    told = {finding["subject"]: finding for finding in json.loads(output)}
    assert told["histograms"]["found"].startswith(histograms)
    assert told["instrumentation"]["state"] == "good"
    assert code == 0


def test_by_itself_it_says_how_to_run_it(collector):
    code, output = run("socketscope", "doctor", endpoint=collector)
    assert "opentelemetry-instrument socketscope doctor" in output
    assert code == 0


@pytest.mark.parametrize(
    ("environment", "destination"),
    [
        ({"OTEL_METRICS_EXPORTER": "bogus"}, "OTEL_METRICS_EXPORTER='bogus'"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL='http/json'"),
        ({"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "soon"}, "takes connections"),
    ],
)
def test_a_set_up_that_failed_is_a_failure(collector, environment, destination):
    command = "opentelemetry-instrument", str(BIN / "socketscope"), "doctor", "--json"
    code, output = run(*command, endpoint=collector, **environment)
    told = {finding["subject"]: finding for finding in json.loads(output)}
    [sdk] = [finding for subject, finding in told.items() if subject.startswith("SDK") and "metrics" in subject]
    assert (sdk["state"], told["instrumentation"]["state"]) == ("bad", "bad")
    assert "Failed to auto initialize OpenTelemetry" in sdk["advice"]
    assert destination in told["destination"]["found"]
    assert code == 1
