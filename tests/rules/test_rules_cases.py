"""The cases beside this file: each is a test."""

from pathlib import Path

import pytest

from socketscope.rules.cases import load_cases
from socketscope.rules.load import load_rules

FILES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
CASES = [(file.stem, case) for file in FILES for case in load_cases(file)]


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[case.form.name for _, case in CASES])
def test_case(case):
    assert [str(failure) for failure in case.run()] == []


def test_every_rule_of_the_pack_fires_in_a_case():
    fired = {
        expected.alert
        for _, case in CASES
        for check in case.form.checks
        for expected in check.expect
        if expected.state == "firing"
    }
    assert {rule.name for rule in load_rules()} <= fired


CASE = """
rules:
  - {alert: Many, query: {metric: websocket.server.active_connections}, above: 10, interval: 10s}
cases:
  - name: it fires
    step: 10s
    series: {'websocket.server.active_connections{http.route="/ws"}': %s}
    checks: [{at: 20s, expect: [{alert: Many, %s}]}]
"""


def test_an_expectation_that_is_not_met_is_told_with_its_line(tmp_path):
    file = tmp_path / "cases.yaml"
    file.write_text(CASE % ('"20x5"', "state: pending"))
    [case] = load_cases(file)
    [failure] = case.run()
    assert str(failure) == f"{file}:8: it fires: at 20 s Many is firing, expected is pending"


def test_health_is_compared_where_it_is_expected(tmp_path):
    file = tmp_path / "cases.yaml"
    file.write_text(CASE % ('"20x5"', "state: firing, health: no data"))
    [case] = load_cases(file)
    [failure] = case.run()
    assert "the health of Many is 'ok', expected is 'no data'" in str(failure)


@pytest.mark.parametrize(
    ("values", "expect", "wrong"),
    [
        ('"20x"', "state: firing", "values as 1, 1x5, 1+2x5, _ or _x5; found '20x'"),
        ("20", "state: firing", "expected text; found '20'"),
        ('"1"', "state: fired", "expected 'inactive', 'pending' or 'firing'"),
        ('"1"', "status: firing", "expected one of the keys alert, state, labels, health"),
    ],
)
def test_mistakes_in_cases_are_told_with_their_line(tmp_path, values, expect, wrong):
    file = tmp_path / "cases.yaml"
    file.write_text(CASE % (values, expect))
    with pytest.raises(ExceptionGroup) as raised:
        load_cases(file)
    [mistake] = raised.value.exceptions
    assert wrong in str(mistake)
    assert mistake.line in (7, 8)


@pytest.mark.parametrize(
    ("series", "wrong"),
    [
        ("websocket.server.erors", "a metric of socketscope"),
        ("websocket.server.errors{http.route=/ws}", "attributes as name="),
        ('websocket.server.send.duration{http.route="/ws"}', "observed="),
        ('websocket.server.send.duration{observed="nan"}', "observed="),
        ("websocket.server.errors{", "a series as"),
    ],
)
def test_series_that_can_not_be_read_are_told(tmp_path, series, wrong):
    file = tmp_path / "cases.yaml"
    written = f"cases: [{{name: n, series: {{'{series}': '1'}}, checks: [{{at: 1m, expect: [{{alert: HighCPUs}}]}}]}}]"
    file.write_text(written)
    with pytest.raises(ExceptionGroup) as raised:
        load_cases(file)
    told = [str(mistake) for mistake in raised.value.exceptions]
    assert wrong in told[0]
    assert "the name of a rule (nearest: HighCPU" in told[1]


@pytest.mark.parametrize("values", ["-1 2", "1 2.5", "3-2x2"])
def test_a_histogram_counts_observations(tmp_path, values):
    file = tmp_path / "cases.yaml"
    series = f"""{{'websocket.server.send.duration{{observed="1"}}': '{values}'}}"""
    file.write_text(f"cases: [{{name: n, series: {series}, checks: [{{at: 1m, expect: [{{alert: SlowConsumers}}]}}]}}]")
    with pytest.raises(ExceptionGroup) as raised:
        load_cases(file)
    assert "expected numbers of observations" in str(raised.value.exceptions[0])


def test_a_case_is_bounded_and_its_steps_take_time(tmp_path):
    file = tmp_path / "cases.yaml"
    file.write_text(
        "cases:\n"
        "  - name: n\n"
        "    series: {}\n"
        "    step: 0\n"
        "    checks:\n"
        "      - {at: 45h, expect: [{alert: ManyConnections}]}\n"
        "      - {at: 3000d, expect: [{alert: ManyConnections}]}\n"
    )
    with pytest.raises(ExceptionGroup) as raised:
        load_cases(file)
    assert [str(mistake).partition("; found")[0] for mistake in raised.value.exceptions] == [
        f"{file}:4: step: expected a duration over 0",
        f"{file}:7: checks[1].at: expected at most 164985s, 11000 evaluations of ManyConnections",
    ]


def test_a_rule_that_the_embedded_backend_can_not_be_asked_fails_its_case_alone(tmp_path):
    file = tmp_path / "cases.yaml"
    file.write_text(
        "rules: [{alert: Up, query: {raw: {prometheus: up}}, above: 1}]\n"
        "cases: [{name: n, series: {}, checks: [{at: 1m, expect: [{alert: Up}]}]}]\n"
    )
    (case,) = load_cases(file)
    (failure,) = case.run()
    assert str(failure).startswith(f"{file}:2: n: Up can't be asked here: ")
