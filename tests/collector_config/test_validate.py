"""The shipped configurations, by the word of the real Collector."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from prometheus_process import required_prometheus
from real_program import required_collector
from socketscope.demo.stack.collector import VERSION, configurations, version

FOLDER = Path(__file__).parents[2] / "collector-config"
DESTINATIONS = sorted(
    path for path in FOLDER.glob("*.yaml") if path.stem not in ("base", "builder", "prometheus-server", "tail-sampling")
)


@pytest.fixture(scope="module")
def otelcol():
    return required_collector()


def validate(otelcol, *paths):
    arguments = [argument for path in paths for argument in ("--config", path)]
    return subprocess.run([otelcol, "validate", *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("destination", DESTINATIONS, ids=lambda path: path.stem)
def test_the_collector_accepts_the_base_with_a_destination(otelcol, destination):
    answer = validate(otelcol, FOLDER / "base.yaml", destination)
    assert answer.returncode == 0, answer.stderr


def test_all_destinations_together_are_their_union(otelcol):
    answer = validate(otelcol, FOLDER / "base.yaml", *DESTINATIONS)
    assert answer.returncode == 0, answer.stderr
    pipelines = [yaml.safe_load(path.read_text("utf-8"))["service"]["pipelines"] for path in DESTINATIONS]
    names = [name for one in pipelines for name in one]
    assert len(set(names)) == len(names), "one file's pipeline would replace another's"
    assert all("extensions" not in yaml.safe_load(path.read_text("utf-8"))["service"] for path in DESTINATIONS)


@pytest.mark.parametrize("destination", ["datadog", "embedded", "jaeger"])
def test_traces_to_any_destination_may_be_sampled(otelcol, destination):
    named = f"yaml:service::pipelines::traces/{destination}::processors: [memory_limiter, tail_sampling]"
    assert named.replace(destination, "jaeger") in (FOLDER / "tail-sampling.yaml").read_text("utf-8")
    answer = validate(
        otelcol, FOLDER / "base.yaml", FOLDER / f"{destination}.yaml", FOLDER / "tail-sampling.yaml", named
    )
    assert answer.returncode == 0, answer.stderr


def test_prometheus_own_configuration_is_valid():
    promtool = required_prometheus().parent / "promtool"
    answer = subprocess.run(
        [promtool, "check", "config", FOLDER / "prometheus-server.yaml"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_what_prometheus_gets_after_an_outage_it_takes_in_order_or_late():
    exporter = yaml.safe_load((FOLDER / "prometheus.yaml").read_text("utf-8"))["exporters"]["otlp_http/prometheus"]
    server = yaml.safe_load((FOLDER / "prometheus-server.yaml").read_text("utf-8"))
    assert (exporter["sending_queue"]["storage"], exporter["sending_queue"]["num_consumers"]) == ("file_storage", 1)
    assert server["storage"]["tsdb"]["out_of_order_time_window"] == "30m"
    assert "service.instance.id" in server["otlp"]["promote_resource_attributes"]


def test_the_collector_says_no_to_a_destination_that_is_spoilt(otelcol, tmp_path):
    spoilt = tmp_path / "spoilt.yaml"
    text = (FOLDER / "embedded.yaml").read_text(encoding="utf-8")
    spoilt.write_text(text.replace("num_consumers:", "number_of_consumers:"), encoding="utf-8")
    answer = validate(otelcol, FOLDER / "base.yaml", spoilt)
    assert answer.returncode != 0
    assert "number_of_consumers" in answer.stderr


def test_the_collector_is_of_the_version_that_the_configurations_are_written_for(otelcol):
    assert version(otelcol) == VERSION


def test_the_demo_finds_the_configurations_of_this_repository():
    assert configurations() == (FOLDER / "base.yaml", FOLDER / "embedded.yaml")


def test_whoever_starts_the_collector_alone_gets_addresses_on_loopback_only():
    listening = re.findall(r"\$\{env:(\w+):-([^}]*)\}", "".join(path.read_text("utf-8") for path in configurations()))
    assert dict(listening) == {
        "SOCKETSCOPE_COLLECTOR_GRPC": "127.0.0.1:4317",
        "SOCKETSCOPE_COLLECTOR_HTTP": "127.0.0.1:4318",
        "SOCKETSCOPE_COLLECTOR_MEMORY_MIB": "512",
        "SOCKETSCOPE_COLLECTOR_HEALTH": "127.0.0.1:13133",
        "SOCKETSCOPE_COLLECTOR_METRICS_HOST": "127.0.0.1",
        "SOCKETSCOPE_COLLECTOR_METRICS_PORT": "8888",
        "SOCKETSCOPE_COLLECTOR_QUEUE": "./queue",
        "SOCKETSCOPE_COLLECTOR_STORE": "127.0.0.1:14317",
        "SOCKETSCOPE_OTLP_TOKEN": "none",
    }
