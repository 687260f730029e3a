import os
from pathlib import Path

import pytest

import one_chat
from socketscope.demo.stack import programs
from socketscope.demo.stack.collector import VERSION, configurations, find, read_counts, tools
from socketscope.demo.stack.options import Options
from socketscope.errors import ConfigurationError


@pytest.fixture
def otelcol(tmp_path):
    def make(folder):
        program = tmp_path / folder / "otelcol"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        program.chmod(0o755)
        return program

    return make


def test_the_one_that_is_chosen_comes_before_the_one_on_the_path_and_that_before_the_built_one(tmp_path, otelcol):
    chosen, on_path, built = otelcol("a"), otelcol("b"), otelcol(f"tools/otelcol-{VERSION}")
    environment = {
        "SOCKETSCOPE_OTELCOL": str(chosen),
        "PATH": str(on_path.parent),
        "SOCKETSCOPE_TOOLS": str(tmp_path / "tools"),
    }
    found = []
    for name in environment.copy():
        found.append(find(environment))
        environment[name] = ""
    assert found == [chosen, on_path, built]


def test_without_any_there_is_none(tmp_path):
    assert find({"PATH": str(tmp_path), "SOCKETSCOPE_TOOLS": str(tmp_path)}) is None


def test_a_choice_that_is_no_program_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="SOCKETSCOPE_OTELCOL='/nowhere/otelcol'"):
        find({"SOCKETSCOPE_OTELCOL": "/nowhere/otelcol", "PATH": str(tmp_path)})


def test_tools_are_kept_where_caches_are():
    assert tools({"XDG_CACHE_HOME": "/c"}) == Path("/c/socketscope/tools")
    assert tools({}) == Path.home() / ".cache/socketscope/tools"


def test_its_version_is_the_one_of_the_builders_manifest():
    manifest = configurations()[0].with_name("builder.yaml").read_text(encoding="utf-8")
    assert f"  version: {VERSION}\n" in manifest


def test_its_own_metrics_are_summed_over_their_labels():
    counts = read_counts(
        "# HELP otelcol_receiver_accepted_spans_total Spans\n"
        'otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"} 5\n'
        'otelcol_receiver_accepted_spans_total{receiver="otlp",transport="http"} 2\n'
        'otelcol_receiver_accepted_metric_points{receiver="otlp"} 1e+03\n'
        'otelcol_exporter_sent_spans_total{exporter="otlp_grpc"} 7\n'
        'otelcol_exporter_queue_size{data_type="logs"} 0\n'
    )
    assert counts.accepted == {"metric_points": 1000, "spans": 7, "log_records": 0}
    assert not counts.drained, "the metric points have not been sent"


def test_it_is_drained_when_all_that_came_in_went_out():
    text = "otelcol_receiver_accepted_spans 5\notelcol_exporter_sent_spans 5\notelcol_exporter_queue_size {}\n"
    assert read_counts(text.format(0)).drained
    assert not read_counts(text.format(1)).drained


def test_no_setting_of_the_surroundings_reaches_the_programs_and_no_proxy_is_asked_for_loopback():
    given = {"OTEL_SDK_DISABLED": "true", "SOCKETSCOPE_USER_ID": "1", "no_proxy": "corp", "HOME": "/h"}
    made = programs.surroundings(given)
    assert not [name for name in made if name.startswith(("OTEL_", "SOCKETSCOPE_"))]
    assert made["no_proxy"] == made["NO_PROXY"] == "corp,127.0.0.1,localhost"
    assert made["HOME"] == "/h"


def test_the_chat_sends_to_the_collector_or_where_there_is_none_to_the_backend_or_where_it_is_told(tmp_path):
    def endpoint(options):
        return one_chat.chat(options).environment["OTEL_EXPORTER_OTLP_ENDPOINT"]

    assert endpoint(Options(collector=tmp_path)) == "http://127.0.0.1:4317"
    assert endpoint(Options()) == "http://127.0.0.1:14317"
    assert endpoint(Options(otlp_endpoint="http://127.0.0.1:9")) == "http://127.0.0.1:9"


def test_the_chat_is_told_what_to_do_by_variables_alone_and_each_run_has_a_key_of_its_own():
    first, second = (one_chat.chat(Options()) for _ in range(2))
    assert all(name.startswith(("OTEL_", "SOCKETSCOPE_")) for name in first.environment)
    assert first.environment["SOCKETSCOPE_USER_KEY"] != second.environment["SOCKETSCOPE_USER_KEY"]
    assert Path(first.command[0]).name == "opentelemetry-instrument"
    assert os.access(first.command[0], os.X_OK)
