"""Files of rules: what is read, and that every mistake is told with its place."""

import re
from pathlib import Path

import pytest

from socketscope.errors import ConfigurationError, RuleError
from socketscope.query.model import Query, Ratio
from socketscope.rules.load import load_rules
from socketscope.rules.model import Raw


@pytest.fixture
def file(tmp_path):
    def write(text, name="rules.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def mistakes(*files, **keys):
    with pytest.raises(ExceptionGroup) as raised:
        load_rules(files, **({"pack": False} | keys))
    return raised.value.exceptions


def test_everything_that_a_rule_may_say_is_read(file):
    path = file("""
rules:
  - alert: Everything
    query: {metric: websocket.server.messages, over_time: rate, window: 1h30m, across: max, by: [http.route],
            where: {network.io.direction: receive, service.name: [a, b]}, offset: 90}
    below: 2.5%
    for: 2m
    keep_firing_for: 1d
    no_data: alert
    severity: critical
    summary: "{value:.1%} of {labels[http.route]}"
    runbook: https://example.com
    labels: {team: chat}
    interval: 30s
    delay: 5s
""")
    [rule] = load_rules([path], pack=False)
    assert rule.query == Query(
        "websocket.server.messages", "rate", 5400, "max", ("http.route",),
        {"network.io.direction": ("receive",), "service.name": ("a", "b")}, 90,
    )  # fmt: skip
    assert (rule.above, rule.below, rule.threshold) == (None, 0.025, 0.025)
    assert (rule.for_, rule.keep_firing_for, rule.interval, rule.delay) == (120, 86_400, 30, 5)
    assert (rule.no_data, rule.severity, rule.labels) == ("alert", "critical", {"team": "chat"})
    assert rule.source == (path, 3)


def test_the_sides_of_a_ratio_have_what_stands_beside_it_unless_they_say_otherwise(file):
    path = file("""
rules:
  - alert: A
    query:
      ratio:
        - websocket.server.errors
        - {metric: websocket.server.messages, window: 10m, offset: 1h}
      over_time: increase
      window: 5m
      where: {http.route: /ws}
    above: 1
""")
    [rule] = load_rules([path], pack=False)
    where = {"http.route": ("/ws",)}
    assert rule.query == Ratio(
        Query("websocket.server.errors", "increase", 300, where=where),
        Query("websocket.server.messages", "increase", 600, where=where, offset=3600),
    )


def test_absence_needs_no_threshold_and_raw_queries_are_kept_as_they_are(file):
    path = file("""
rules:
  - {alert: Gone, query: {metric: websocket.server.active_connections, absent: true}}
  - {alert: Raw, query: {raw: {prometheus: " up == 0 ", datadog: x}}, above: 0}
  - {alert: Theirs, query: {metric: shop.orders}, above: 3}
""")
    gone, raw, theirs = load_rules([path], pack=False)
    assert gone.absent
    assert gone.above == 0
    assert raw.query == Raw({"prometheus": "up == 0", "datadog": "x"})
    assert theirs.query.metric == "shop.orders"


WRONG = [
    ("alert: two words", 2, "alert", "letters, digits and _"),
    ("query: {metric: websocket.server.active_connections, window: five}", 3, "query.window", "as 30s, 5m, 2h or 1d"),
    ("query: {metric: websocket.server.active_connections, window: 0}", 3, "query.window", "a duration over 0"),
    ("query: {metric: websocket.server.active_connections, windw: 5}", 3, "query.windw", "(nearest: window)"),
    ("query: {metric: websocket.server.active_connection}", 3, "query.metric", "(nearest: websocket.server.active_con"),
    ("query: {metric: system.cpu.utilisation}", 3, "query.metric", "(nearest: system.cpu.utilization"),
    ("query: {metric: websocket.server.errors}", 3, "query.metric", "increase or rate"),
    ("query: {metric: websocket.server.errors, over_time: avg}", 3, "query.over_time", "increase or rate"),
    ("query: {metric: websocket.server.io, over_time: p95}", 3, "query.over_time", "no quantile"),
    ("query: {metric: websocket.server.active_connections, over_time: rate}", 3, "query.over_time", "last, avg, min"),
    ("query: {metric: websocket.server.active_connections, over_time: lst}", 3, "query.over_time", "'last', 'avg'"),
    ("query: {metric: websocket.server.active_connections, by: [websocket.close.code]}", 3, "query.by[0]", "attribute"),
    ("query: {metric: websocket.server.io, over_time: rate, where: {network.io.direction: in}}", 3,
     "query.where.network.io.direction", "one of receive, transmit"),
    ("query: {metric: websocket.server.active_connections, by: http.route}", 3, "query.by", "a list"),
    ("query: text", 3, "query", "with 'metric', 'ratio' or 'raw'"),
    ("query: {}", 3, "query.metric", "has to be there"),
    ("query: {ratio: [websocket.server.io]}", 3, "query.ratio", "two sides, 1 are there"),
    ("query: {ratio: [{metric: websocket.server.io, absent: true}, websocket.server.io], over_time: rate}", 3,
     "query.ratio[0].absent", "no absence in a ratio"),
    ("query: {ratio: [{metric: websocket.server.io, by: [http.route]}, websocket.server.io], over_time: rate}", 3,
     "query.ratio[1].by", "the same attributes on both sides"),
    ("query: {raw: {}}", 3, "query.raw", "at least 1"),
    ("query: {raw: {prometeus: x}}", 3, "query.raw.prometeus", "'prometheus' or 'datadog'"),
    ("query: {metric: system.cpu.utilization, across: avg}", 4, "above", "a share from 0 to 1, or a percentage"),
    ("above: many", 4, "above", "a number, or a share as 80%"),
    ("above: 1\n    below: 2", 5, "below", "only one of 'above' and 'below'"),
    ("at_least: 3", 5, "at_least", "a ratio or a quantile"),
    ("severity: bad", 5, "severity", "'critical', 'warning' or 'info'"),
    ("summary: '{valu}'", 5, "summary", "no placeholders but"),
    ("summary: '{value:.2q}'", 5, "summary", "a format of numbers"),
    ("summary: '{'", 5, "summary", "{{ for a brace"),
    ("labels: {a: 3}", 5, "labels.a", "text"),
    ("interval: 0", 5, "interval", "a duration of 100ms or more"),
    ("for: 3661d", 5, "for", "at most 3660d"),
    ("query: {metric: websocket.server.send.duration}", 3, "query.metric", "p50 to p99, increase or rate"),
    ("query: {metric: websocket.server.active_connections, where: {service.name: []}}", 3, "query.where.service.name",
     "a value, or a list"),
    ("query: {metric: websocket.server.active_connections, by: [error.type]}", 3, "query.by[0]", "attribute of"),
    ("summary: '{labels[http.route]}'", 5, "summary", "labels that the rule has"),
    ("labels: {rule: x}", 5, "labels.rule", "another name"),
    ("labels: {__name__: x}", 5, "labels.__name__", "another name"),
    ("for: -3", 5, "for", "a duration as"),
    ("for: yes", 5, "for", "a duration as"),
    ("thresold: 3", 5, "thresold", "one of the keys"),
]  # fmt: skip


def test_a_number_may_be_written_as_science_does(file):
    path = file("rules: [{alert: A, query: {metric: websocket.server.active_connections}, above: 1e-9}]")
    assert load_rules([path], pack=False)[0].above == 1e-9


@pytest.mark.parametrize(("changed", "line", "key", "expected"), WRONG, ids=[text for text, *_ in WRONG])
def test_a_mistake_is_told_with_line_key_and_what_was_expected(file, changed, line, key, expected):
    lines = ["rules:", "  - alert: A", "    query: {metric: websocket.server.active_connections}", "    above: 5"]
    first = changed.split("\n")[0].split(":")[0]
    for index, text in enumerate(lines):
        if text.strip(" -").startswith(f"{first}:"):
            lines[index] = text[: len(text) - len(text.lstrip(" -"))] + changed
            break
    else:
        lines.append(f"    {changed}")
    [mistake] = mistakes(file("\n".join(lines)))
    assert isinstance(mistake, RuleError)
    assert (mistake.line, mistake.key) == (line, key)
    assert expected in mistake.expected
    assert str(mistake).startswith(f"{mistake.file}:{line}: {key}: expected ")


def test_all_mistakes_of_all_files_are_told_at_once(file):
    one = file("""
rules:
  - {alert: A, query: {metric: websocket.server.eror, window: x}, abve: 1, severity: bad}
  - {alert: A, query: {metric: websocket.server.io, over_time: rate}, above: 1}
rulez: []
""")
    two = file("rules:\n  - {alert: A, query: {metric: websocket.server.io, over_time: rate}, above: 1}\n", "two.yaml")
    three = file("rules: [", "three.yaml")
    told = [(mistake.file.name, mistake.line, mistake.key) for mistake in mistakes(one, two, three)]
    assert told == [
        ("rules.yaml", 3, "query.window"),
        ("rules.yaml", 3, "severity"),
        ("rules.yaml", 3, "abve"),
        ("rules.yaml", 3, "query.metric"),
        ("rules.yaml", 5, "rulez"),
        ("three.yaml", 1, "file"),
        ("two.yaml", 2, "alert"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a list of rules under the key 'rules'"),
        pytest.param(f"rules: {'[' * 5000}{']' * 5000}", "YAML with values that there are", id="too deep"),
        ("- alert: A", "a list of rules under the key 'rules'"),
        ("rules: 3", "a list of rules under the key 'rules'"),
        ("rules: [3]", "keys and values"),
        ("rules:\n  - alert: A\n    alert: B", "each key once"),
        ("rules: !!python/object:os.system {}", "YAML"),
        ("rules: &a [*a]", "keys and values"),
        ("rules: 2026-02-30", "values that there are"),
    ],
)
def test_files_that_are_no_rules_are_told(file, text, expected):
    assert any(expected in mistake.expected for mistake in mistakes(file(text)))


def test_a_file_that_is_not_there_is_told(tmp_path):
    [mistake] = mistakes(tmp_path / "no.yaml")
    assert "can be read" in mistake.expected
    (tmp_path / "latin.yaml").write_bytes(b"rules: \xff")
    [mistake] = mistakes(tmp_path / "latin.yaml")
    assert "UTF-8" in mistake.expected


def test_a_rule_of_the_pack_can_not_be_defined_again(file):
    path = file("rules:\n  - {alert: HighCPU, query: {metric: websocket.server.active_connections}, above: 1}\n")
    [mistake] = mistakes(path, pack=True)
    assert (mistake.file, mistake.line) == (path, 2)
    assert re.search(r"service\.yaml:\d+ has it", mistake.expected)


def test_thresholds_are_changed_and_rules_left_out_without_copying_them():
    rules = {rule.name: rule for rule in load_rules()}
    changed = load_rules(
        thresholds={"HighCPU": "90%", "ManyConnections": 5000, "ConnectionsDropped": 0.2}, disabled=["HighMemory"]
    )
    thresholds = {rule.name: (rule.above, rule.below) for rule in changed}
    assert set(rules) - set(thresholds) == {"HighMemory"}
    assert thresholds["HighCPU"] == (0.9, None)
    assert thresholds["ManyConnections"] == (5000, None)
    assert thresholds["ConnectionsDropped"] == (None, 0.2)
    assert thresholds["HighErrorRatio"] == (rules["HighErrorRatio"].above, None)


def test_mistakes_in_thresholds_and_in_what_is_left_out_are_told():
    found = mistakes(
        pack=True,
        thresholds={"HighCpu": 1, "HighCPU": 90, "HighMemory": "much", "TelemetryGone": 1},
        disabled=["SlowHandlin"],
    )
    assert all(isinstance(mistake, ConfigurationError) for mistake in found)
    told = {mistake.setting: mistake.expected for mistake in found if mistake.value != "SlowHandlin"}
    assert "nearest: HighCPU" in told["alerts.thresholds.HighCpu"]
    assert "90%" in told["alerts.thresholds.HighCPU"]
    assert told["alerts.thresholds.HighMemory"] == "a number, or a share as 80%"
    assert "no threshold" in told["alerts.thresholds.TelemetryGone"]
    [left_out] = [mistake for mistake in found if mistake.value == "SlowHandlin"]
    assert left_out.setting == "alerts.disabled"
    assert "nearest: SlowHandling" in left_out.expected


def test_the_same_file_twice_is_read_once(file):
    path = file("rules:\n  - {alert: A, query: {metric: websocket.server.active_connections}, above: 1}\n")
    assert len(load_rules([path, Path(path)], pack=False)) == 1
