"""Every query of every board, asked of a real Prometheus that has the demo's traffic."""

import json
import math
from pathlib import Path
from urllib.parse import urlencode

import pytest

from dashboards import overview
from dashboards.generate import STRATEGIES
from socketscope.demo.stack.http import get

ROOT = Path(__file__).parents[2]
SUBSTITUTES = {"$__rate_interval": "20s", "$__range": "900s", "$service": ".*", "$route": ".*"}
PANELS = [panel.title for row in overview.ROWS for panel in row.panels]


def with_substitutes(expression, **chosen):
    for variable, value in (SUBSTITUTES | {f"${name}": value for name, value in chosen.items()}).items():
        expression = expression.replace(variable, value)
    return expression


def ask(server, path, **parameters):
    answer = json.loads(get(f"{server.url}/api/v1/{path}?{urlencode(parameters)}", timeout=30))
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def numbers(server, target, **chosen):
    """Ask as Grafana does: for a moment, or for the whole range; the numbers by the labels of their series."""
    query = with_substitutes(target["expr"], **chosen)
    if target["instant"]:
        result = ask(server, "query", query=query, time=server.end)
        series = [(found["metric"], [found["value"]]) for found in result]
    else:
        result = ask(server, "query_range", query=query, start=server.start, end=server.end, step=1)
        series = [(found["metric"], found["values"]) for found in result]
    return [
        (labels, [float(value) for _, value in values if not math.isnan(float(value))]) for labels, values in series
    ]


def board(strategy):
    return json.loads((ROOT / f"dashboards/grafana/{strategy}/overview.json").read_text("utf-8"))


def panel(strategy, title):
    [found] = [panel for panel in board(strategy)["panels"] if panel["title"] == title and panel["type"] != "row"]
    return found


def shown(server, strategy, title, **chosen):
    """What a panel of one query for a moment shows: numbers by legend."""
    [target] = panel(strategy, title)["targets"]
    names = {}
    for labels, [value] in numbers(server, target, **chosen):
        legend = target["legendFormat"]
        for name, text in labels.items():
            legend = legend.replace(f"{{{{{name}}}}}", text)
        names[legend] = value
    return names


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("title", PANELS)
def test_every_query_of_the_panel_returns_data(filled, strategy, title):
    for target in panel(strategy, title)["targets"]:
        found = numbers(filled[strategy], target)
        assert [values for _, values in found if values], target["expr"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_label_of_a_legend_is_one_that_the_series_have(filled, strategy):
    for drawn in board(strategy)["panels"]:
        for target in drawn.get("targets", []):
            labels = [text.partition("}}")[0] for text in target["legendFormat"].split("{{")[1:]]
            found = numbers(filled[strategy], target)
            assert [label for label in labels if not any(label in series for series, _ in found)] == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_numbers_of_a_moment_are_those_of_the_users_ledger(filled, strategy):
    ledger = filled["ledger"]

    def shown_of_chat(title):
        return shown(filled[strategy], strategy, title, service="chat")

    assert shown_of_chat("Accepted") == {"__auto": ledger["connections_accepted"]}
    assert shown_of_chat("Lost links") == {"__auto": ledger["connections_lost"]}
    assert shown_of_chat("Errors") == {"__auto": ledger["errors"]}
    assert shown_of_chat("Errors per message received") == {
        "__auto": pytest.approx(ledger["errors"] / ledger["messages_received"])
    }
    outcomes = shown_of_chat("Handshakes by outcome")
    assert outcomes == {"accepted": ledger["connections_accepted"], "denied": ledger["connections_denied"]}
    closed = shown_of_chat("Close codes by who closed")
    assert sum(closed.values()) == ledger["connections_accepted"]
    assert sum(count for legend, count in closed.items() if "network" in legend) == ledger["connections_lost"]
    assert sum(shown_of_chat("Errors by type").values()) == ledger["errors"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_variables_list_the_services_and_the_routes(filled, strategy):
    variables = {variable["name"]: variable for variable in board(strategy)["templating"]["list"]}
    found = {}
    for name in ("service", "route"):
        query = variables[name]["query"]["query"].removeprefix("query_result(").removesuffix(")")
        result = ask(filled[strategy], "query", query=with_substitutes(query), time=filled[strategy].end)
        found[name] = sorted(value for series in result for value in series["metric"].values())
        assert all(len(series["metric"]) == 1 for series in result)  # the regular expression takes the only label
    assert found == {"service": ["chat", "slow"], "route": ["/ws/{room}"]}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_service_or_route_that_is_not_chosen_is_not_shown(filled, strategy):
    assert shown(filled[strategy], strategy, "Accepted", service="other") == {}
    assert shown(filled[strategy], strategy, "Accepted", route="/other") == {}
    both = [shown(filled[strategy], strategy, "Accepted", service=name)["__auto"] for name in ("chat", "slow")]
    assert shown(filled[strategy], strategy, "Accepted", service="(slow|chat)") == {"__auto": sum(both)}
    assert both[1] == 2
