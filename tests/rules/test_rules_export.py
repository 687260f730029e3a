"""Exports are what the backends take, and say what they do differently."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from promtool_cases import STRATEGY, promtool_test

from doubles.datadog_query import parse
from prometheus_process import required_prometheus
from socketscope.query.model import Query
from socketscope.query.naming import STRATEGIES, Naming
from socketscope.rules.cases import load_cases
from socketscope.rules.export import datadog, grafana, prometheus
from socketscope.rules.load import load_rules
from socketscope.rules.model import Raw, Rule

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


@pytest.fixture(scope="module")
def promtool():
    program = required_prometheus().parent / "promtool"

    def run(*arguments, cwd):
        return subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("histograms", ["classic", "native"])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("anchored", [False, True])
def test_promtool_takes_the_exported_pack(promtool, tmp_path, strategy, histograms, anchored):
    text = prometheus.export(load_rules(), Naming.of(strategy, histograms=histograms), anchored=anchored)
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    ran = promtool("check", "rules", "rules.yaml", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SUCCESS: 14 rules found" in ran.stdout
    assert "Not exported" not in text


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_the_exported_rules_fire_in_promtool_as_the_cases_expect(promtool, tmp_path, file):
    naming = Naming.of(STRATEGY)
    portable = [case for case in load_cases(file) if case.form.portable]
    assert portable
    named = {expected.alert for case in portable for check in case.form.checks for expected in check.expect}
    rules = [rule for rule in portable[0].rules.values() if rule.name in named]
    exported = yaml.safe_load(prometheus.export(rules, naming))
    for rule in (rule for group in exported["groups"] for rule in group["rules"]):
        del rule["annotations"]  # promtool would compare the sentences too
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(exported), encoding="utf-8")
    made = promtool_test(portable, "rules.yaml", naming)
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(made), "utf-8")
    ran = promtool("test", "rules", "test.yaml", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # And what is generated can fail.
    firing = next(test for test in made["tests"] if any(check["exp_alerts"] for check in test["alert_rule_test"]))
    wrong = yaml.safe_dump(made | {"tests": [firing]}).replace("severity: ", "severity: not-")
    (tmp_path / "test.yaml").write_text(wrong, "utf-8")
    assert promtool("test", "rules", "test.yaml", cwd=tmp_path).returncode == 1


def test_prometheus_is_told_everything_and_what_it_does_differently():
    text = prometheus.export(load_rules(), Naming.of(STRATEGY))
    assert "socketscope keeps an alert firing until a value says that it is over" in text
    [group] = yaml.safe_load(text)["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert group["interval"] == "15s"
    errors = rules["HighErrorRatio"]
    assert (errors["for"], errors["keep_firing_for"]) == ("2m", "5m")
    assert errors["labels"] == {"severity": "critical", "family": "messages"}
    assert errors["annotations"]["summary"].startswith("{{ $value | humanizePercentage }} errors for the messages")
    assert "Resolves at once when there is no data" in errors["annotations"]["differs"]
    assert "estimated" in errors["annotations"]["differs"]
    assert "differs" in rules["TelemetryGone"]["annotations"]
    assert '{{ index $labels "http_route" }}' in rules["SlowHandling"]["annotations"]["summary"]


def test_a_delay_is_a_group_of_its_own_with_a_query_offset():
    query = Query("websocket.server.active_connections")
    rules = [Rule(name="A", query=query, above=1), Rule(name="B", query=query, above=1, delay=30, interval=60)]
    groups = yaml.safe_load(prometheus.export(rules, Naming.of(STRATEGY)))["groups"]
    assert [(group["name"], group["interval"], group.get("query_offset")) for group in groups] == [
        ("socketscope-15s", "15s", None),
        ("socketscope-1m-delay-30s", "1m", "30s"),
    ]


def test_no_data_that_is_bad_is_absence_in_prometheus():
    rule = Rule(name="A", query=Query("websocket.server.active_connections"), below=1, no_data="alert")
    [group] = yaml.safe_load(prometheus.export([rule], Naming.of(STRATEGY)))["groups"]
    assert " < 1) or absent(" in group["rules"][0]["expr"]


def test_what_can_not_be_said_is_named_with_its_reason():
    rules = [
        Rule(name="Unknown", query=Query("shop.orders"), above=1),
        Rule(name="OnlyDatadog", query=Raw({"datadog": "avg(last_5m):avg:shop.orders{*}"}), above=1),
        Rule(name="OnlyPrometheus", query=Raw({"prometheus": "sum(shop_orders)"}), above=1),
    ]
    naming = Naming.of(STRATEGY)
    for text in (prometheus.export(rules, naming), grafana.export(rules, naming, datasource="p")):
        assert "# Not exported: Unknown: shop.orders is no metric of ours" in text
        assert "# Not exported: OnlyDatadog: it has no raw query for prometheus" in text
        exported = yaml.safe_load(text)["groups"][0]["rules"]
        assert [rule.get("alert") or rule["title"] for rule in exported] == ["OnlyPrometheus"]
    made = json.loads(datadog.export(rules))
    assert [monitor["query"] for monitor in made["monitors"]] == [
        "avg(last_1m):sum:shop.orders{*} > 1",
        "avg(last_5m):avg:shop.orders{*} > 1",
    ]
    assert made["not_exported"] == [{"rule": "OnlyPrometheus", "why": "it has no raw query for datadog"}]


def test_text_that_looks_like_a_template_is_none():
    rule = Rule(
        name="A",
        query=Query("websocket.server.active_connections"),
        above=1,
        summary="{{{{ $secret }}}} {value} {{{value}}}",
        labels={"team": "{{ $labels }}"},
    )
    [group] = yaml.safe_load(prometheus.export([rule], Naming.of(STRATEGY)))["groups"]
    assert group["rules"][0]["annotations"]["summary"] == (
        '{{ "{{" }} $secret }} {{ $value | humanize }} {{ "{" }}{{ $value | humanize }}}'
    )
    assert group["rules"][0]["labels"]["team"] == '{{ "{{" }} $labels }}'


def test_grafana_keeps_the_state_without_data_and_gives_up_after_an_hour():
    text = grafana.export(load_rules(), Naming.of(STRATEGY), datasource="metrics")
    made = yaml.safe_load(text)
    assert made["apiVersion"] == 1
    [group] = made["groups"]
    rules = {rule["title"]: rule for rule in group["rules"]}
    assert len({rule["uid"] for rule in rules.values()}) == 14
    for name, rule in rules.items():
        assert len(rule["uid"]) <= 40
        assert rule["condition"] == "C"
        assert rule["execErrState"] == "KeepLast"
        assert rule["noDataState"] == ("OK" if name == "TelemetryGone" else "KeepLast")
        assert rule["missing_series_evals_to_resolve"] == 240
        references = [query["refId"] for query in rule["data"]]
        assert references == (["A", "B", "C"] if "B" in references else ["A", "C"])
        assert {query["datasourceUid"] for query in rule["data"]} == {"metrics", "__expr__"}
    ratio = rules["HighErrorRatio"]["data"]
    assert ratio[-1]["model"]["expression"] == "$A > 0.1 && $B > 0"
    assert " or (" in ratio[0]["model"]["expr"]  # a numerator that nobody counted is 0


def test_the_queries_for_grafana_are_promql(promtool, tmp_path):
    made = yaml.safe_load(grafana.export(load_rules(), Naming.of(STRATEGY), datasource="p"))
    expressions = [
        query["model"]["expr"] for rule in made["groups"][0]["rules"] for query in rule["data"] if query["refId"] != "C"
    ]
    recorded = [{"record": f"r{number}", "expr": text} for number, text in enumerate(expressions)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": recorded}]}), "utf-8")
    ran = promtool("check", "rules", "rules.yaml", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_datadog_monitors_are_what_its_client_takes():
    from datadog_api_client.api_client import ApiClient
    from datadog_api_client.configuration import Configuration
    from datadog_api_client.v1.model.monitor import Monitor

    made = json.loads(datadog.export(load_rules()))
    assert made["not_exported"] == []
    assert len(made["monitors"]) == 14
    for monitor in made["monitors"]:
        read = ApiClient(Configuration()).deserialize(json.dumps(monitor), (Monitor,), check_type=True)
        assert not read._unparsed
        assert not read.options._unparsed
        assert read.query == monitor["query"]
        assert "Other than in socketscope" in monitor["message"]


def test_the_double_of_datadog_understands_what_monitors_ask():
    by_rule = {}
    for monitor in json.loads(datadog.export(load_rules()))["monitors"]:
        aggregation, _, asked = monitor["query"].partition("):")
        assert aggregation.split("(")[0] in ("avg", "max", "min", "sum", "percentile")
        by_rule[monitor["name"]] = asked.rsplit(" ", 2)[0]
    assert parse(by_rule["ManyConnections"])
    assert parse(by_rule["SlowHandling"])
    assert parse(by_rule["TelemetryOverflow"])


def test_absence_is_a_monitor_that_notifies_of_no_data():
    [gone] = [m for m in json.loads(datadog.export(load_rules()))["monitors"] if m["name"] == "TelemetryGone"]
    assert gone["options"]["on_missing_data"] == "show_and_notify_no_data"
    assert "NO DATA is the alert" in gone["message"]


def test_names_of_rules_are_spread_over_exports_without_loss():
    counted = defaultdict(int)
    naming = Naming.of(STRATEGY)
    for rule in load_rules():
        counted["rules"] += 1
        counted["prometheus"] += f"alert: {rule.name}\n" in prometheus.export([rule], naming)
        counted["grafana"] += f"title: {rule.name}\n" in grafana.export([rule], naming, datasource="p")
    assert set(counted.values()) == {14}
