import re
import socket
from pathlib import Path

import pytest

from socketscope.demo.stack import destinations
from socketscope.demo.stack.collector import configuration, read_counts
from socketscope.demo.stack.options import Options, free_port
from socketscope.errors import ConfigurationError, PortInUseError

ROOT = Path(__file__).parents[2]
PROGRAM = Path("/bin/true")


def program(folder, name="prometheus"):
    path = folder / f"{name}-{destinations.VERSIONS[name]}" / name
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_the_versions_are_those_that_the_script_builds():
    script = (ROOT / "scripts/tools").read_text("utf-8")
    assert {
        name: re.search(rf"^{name}_version=(\S+)$", script, re.MULTILINE)[1] for name in destinations.VERSIONS
    } == destinations.VERSIONS


def test_a_program_is_found_where_the_script_keeps_it_and_on_the_path_before_that(tmp_path):
    built = program(tmp_path / "tools")
    environment = {"SOCKETSCOPE_TOOLS": str(tmp_path / "tools"), "PATH": "/nowhere"}
    assert destinations.find("prometheus", environment) == built
    other = program(tmp_path / "other")
    assert destinations.find("prometheus", environment | {"PATH": str(other.parent)}) == other
    assert destinations.find("prometheus", environment | {"SOCKETSCOPE_PROMETHEUS": str(other)}) == other


def test_one_that_is_nowhere_is_a_mistake_that_says_what_builds_it(tmp_path):
    with pytest.raises(ConfigurationError, match=r"SOCKETSCOPE_JAEGER=None.*scripts/tools jaeger builds it"):
        destinations.find("jaeger", {"SOCKETSCOPE_TOOLS": str(tmp_path), "PATH": "/nowhere"})


def test_one_that_was_chosen_and_is_not_there_is_not_replaced_by_another(tmp_path):
    program(tmp_path)
    environment = {"SOCKETSCOPE_TOOLS": str(tmp_path), "SOCKETSCOPE_PROMETHEUS": "/no/such", "PATH": "/nowhere"}
    with pytest.raises(ConfigurationError, match="/no/such"):
        destinations.find("prometheus", environment)


def test_nothing_is_sent_on_without_a_collector():
    with pytest.raises(ConfigurationError, match="the Collector, which Prometheus and Jaeger get their data from"):
        Options(prometheus=PROGRAM)


def test_their_ports_are_the_demos_only_where_they_are_wanted(tmp_path):
    assert not {"--prometheus-port", "--jaeger-port"} & Options(collector=PROGRAM).ports().keys()
    wanted = Options(collector=PROGRAM, prometheus=PROGRAM, jaeger=PROGRAM)
    assert (wanted.ports()["--prometheus-port"], wanted.ports()["--jaeger-port"]) == (9090, 16686)
    with pytest.raises(ConfigurationError, match=r"--jaeger-port=9090.*--prometheus-port has this one"):
        Options(collector=PROGRAM, prometheus=PROGRAM, jaeger=PROGRAM, jaeger_port=9090)


def test_a_port_in_use_names_its_option(taken_port):
    options = Options(collector=PROGRAM, prometheus=PROGRAM, **dict(free_ports(), prometheus_port=taken_port))
    with pytest.raises(PortInUseError, match="--prometheus-port"):
        options.require_free_ports()


def test_each_has_a_configuration_of_the_collector_by_its_name_and_all_its_variables_are_in_it():
    options = Options(collector=PROGRAM, prometheus=PROGRAM, jaeger=PROGRAM)
    for destination in destinations.chosen(options):
        text = configuration(destination.name).read_text("utf-8")
        assert all(f"${{env:{variable}:-" in text for variable in destination.variables())


def test_all_that_jaeger_listens_on_is_on_loopback():
    [jaeger] = destinations.chosen(Options(collector=PROGRAM, jaeger=PROGRAM))
    command = jaeger.program(Path("/nowhere")).command
    assert len(command) == len(destinations.JAEGER_LISTENERS) + 1
    assert all("=127.0.0.1:" in argument for argument in command[1:])
    assert "--query.http-server.host-port=127.0.0.1:16686" in command


def test_what_goes_to_other_destinations_does_not_count_as_sent_to_the_backend():
    text = """
otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"} 7
otelcol_exporter_sent_spans_total{exporter="otlp_grpc/embedded"} 3
otelcol_exporter_sent_spans_total{exporter="otlp_grpc/jaeger"} 7
otelcol_exporter_queue_size{exporter="otlp_http/prometheus",data_type="metrics"} 5
otelcol_exporter_queue_size{data_type="traces",exporter="otlp_grpc/embedded"} 1
"""
    counts = read_counts(text)
    assert (counts.accepted["spans"], counts.sent["spans"], counts.queued) == (7, 3, 1)
    assert not counts.drained


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free_ports():
    names = ("port", "otlp_grpc_port", "otlp_http_port", "store_grpc_port", "store_http_port", "chat_port")
    return {name: free_port() for name in names}
