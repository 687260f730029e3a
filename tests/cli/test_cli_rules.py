"""`socketscope rules` as people run it."""

import json
import re
import time

import pytest
import yaml

from socketscope.rules.case_series import Timeline, export
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.store import Store


@pytest.fixture
def rules(socketscope, tmp_path):
    def run(*arguments, environment=None):
        return socketscope("rules", *arguments, cwd=tmp_path, environment=environment)

    return run


def test_without_files_the_pack_is_checked(rules):
    ran = rules("check")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("14 rules: ")


def test_a_wrong_file_ends_with_1_and_a_line_for_each_mistake(rules, tmp_path):
    (tmp_path / "wrong.yaml").write_text("rules:\n  - {alert: A, query: {metric: websocket.server.eror}, abov: 1}\n")
    ran = rules("check", "wrong.yaml")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert [line.split(": expected")[0] for line in ran.stderr.splitlines()] == [
        "wrong.yaml:2: abov",
        "wrong.yaml:2: query.metric",
    ]


CASES = """
cases:
  - name: it fires
    series: {'websocket.server.active_connections': "600x20"}
    checks: [{at: 2m, expect: [{alert: ManyConnections, state: STATE}]}]
"""


@pytest.mark.parametrize(("state", "code", "told"), [("firing", 0, "1 of 1"), ("pending", 1, "0 of 1")])
def test_cases_are_run_and_the_exit_code_tells(rules, tmp_path, state, code, told):
    (tmp_path / "cases.yaml").write_text(CASES.replace("STATE", state))
    ran = rules("test", "cases.yaml")
    assert ran.returncode == code, ran.stderr
    assert f"{told} cases are as expected" in ran.stdout
    assert ("cases.yaml:5: it fires: at 120 s ManyConnections is firing" in ran.stdout) == bool(code)


def test_a_wrong_file_of_cases_does_not_hide_the_others(rules, tmp_path):
    (tmp_path / "cases.yaml").write_text(CASES.replace("STATE", "firing"))
    (tmp_path / "wrong.yaml").write_text("cases: []\nother: 3\n")
    ran = rules("test", "wrong.yaml", "cases.yaml")
    assert ran.returncode == 1
    assert "wrong.yaml:2: other: expected one of the keys rules, rule_files, cases" in ran.stderr
    assert "1 of 1 cases are as expected" in ran.stdout


def test_a_replay_of_a_store_tells_when_rules_would_have_fired(rules, tmp_path):
    end = time.time() // 15 * 15
    timelines = [
        Timeline.read("websocket.server.active_connections", "100x40 700x40 100x40"),
        Timeline.read("websocket.server.errors", "0x120"),
    ]
    store = Store.open(tmp_path / "socketscope.duckdb", clock=lambda: round((end - 1801) * 1e9))
    for body in export(timelines, start=end - 1800, step=15, until=1800):
        submit(store, SIGNALS[0], body)[1].result()
    store.close()
    ran = rules("replay", "--backend", "embedded", "--data", tmp_path, "--since", "29m")
    assert ran.returncode == 0, ran.stderr
    assert "2 alerts would have fired" in ran.stdout
    [row] = [line for line in ran.stdout.splitlines() if "ManyConnections  " in line]
    assert re.search(r"\d\d:\d\d:\d\d +1[45] min \d\d s +ManyConnections +warning +resolved +700 open connections", row)
    assert re.search(r"^ManyConnections: fired once in 11[67] evaluations$", ran.stdout, re.MULTILINE)
    assert re.search(
        r"^HighCPU: did not fire in (11[67]) evaluations, \1 of them without data$", ran.stdout, re.MULTILINE
    )
    ran = rules("replay", "--backend", "embedded", "--data", tmp_path, "--threshold", "ManyConnections=1000")
    assert "ManyConnections: did not fire" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--since", "yesterday"], "--since='yesterday' can't be used: expected a duration as 90m or 7d, or a time"),
        (["--since", "1h", "--until", "2h"], "--since='1h' can't be used: expected a time before --until (2h)"),
        (["--backend", "prometheus"], "--url=None can't be used: expected the address of Prometheus"),
        (["--backend", "embedded", "--data", "nowhere"], "the directory of a store that `serve` has made"),
        (["--backend", "datadog"], "DD_API_KEY=None can't be used"),
        (["--user", "nobody"], "--user='(hidden)' can't be used: expected NAME:PASSWORD"),
        (["--threshold", "HighCPU"], "--threshold='HighCPU' can't be used: expected NAME=VALUE"),
        (["--url", "http://127.0.0.1:9"], "could not be asked"),
    ],
)
def test_what_can_not_be_replayed_is_said_in_a_line(rules, arguments, told):
    ran = rules("replay", *arguments, environment={"PATH": "/usr/bin:/bin"})
    assert ran.returncode == 2
    assert told in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_rules_that_are_named_wrongly_end_with_1(rules):
    ran = rules("export", "--to", "datadog", "--threshold", "HighCpu=1", "--without", "Nothing")
    assert ran.returncode == 1
    assert [line.split("=")[0] for line in ran.stderr.splitlines()] == ["alerts.thresholds.HighCpu", "alerts.disabled"]


def test_exports_are_written_to_stdout_or_a_file(rules, tmp_path):
    ran = rules("export", "--to", "datadog", "--without", "HighCPU", "--threshold", "HighMemory=95%")
    monitors = {monitor["name"]: monitor for monitor in json.loads(ran.stdout)["monitors"]}
    assert len(monitors) == 13
    assert monitors["HighMemory"]["query"].endswith("> 0.95")
    assert rules("export", "--to", "prometheus", "--names", "NoTranslation", "-o", "out.yaml").stdout == ""
    text = (tmp_path / "out.yaml").read_text("utf-8")
    assert '{__name__="websocket.server.active_connections"}' in text
    assert "anchored" not in text
    assert len(yaml.safe_load(text)["groups"][0]["rules"]) == 14
    assert " anchored" in rules("export", "--to", "prometheus", "--anchored").stdout


def test_an_export_that_can_not_be_written_is_said_in_a_line(rules, tmp_path):
    ran = rules("export", "--to", "prometheus", "--output", tmp_path / "nowhere" / "rules.yaml")
    assert (ran.returncode, ran.stdout) == (2, "")
    (line,) = ran.stderr.splitlines()
    assert line.startswith("--output=")
    assert "a file that can be written (No such file" in line
