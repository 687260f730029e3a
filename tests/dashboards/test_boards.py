"""What is on the boards, without a backend."""

import json
import re
from pathlib import Path

import pytest

from dashboards import overview
from dashboards.generate import FILES, STRATEGIES
from dashboards.panels import Line
from socketscope import semconv
from socketscope.query.model import Ratio
from socketscope.query.naming import Naming, metric_name

ROOT = Path(__file__).parents[2]
PANELS = [panel for row in overview.ROWS for panel in row.panels]


def board(strategy):
    return json.loads((ROOT / f"dashboards/grafana/{strategy}/overview.json").read_text("utf-8"))


def panels_of(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries_of(query):
    return (query.numerator, query.denominator) if isinstance(query, Ratio) else (query,)


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_what_the_generator_writes(name):
    assert (ROOT / name).read_text("utf-8") == FILES[name]()


def test_every_metric_that_we_emit_is_on_the_board_or_known_to_be_left_out():
    shown = {query.metric for panel in PANELS for line in panel.lines for query in queries_of(line.query)}
    left_out = {metric.name for metric in semconv.METRICS} - shown
    assert left_out == {
        "socketscope.alerts.evaluation.duration",  # of the alert service, not of those that it watches
        "socketscope.alerts.evaluations",
        "socketscope.alerts.evaluations.missed",
        "socketscope.alerts.notifications",
        "websocket.channel.deliveries",  # for a board about the hub
        "websocket.channel.io",  # the board's channels are about connections
        "websocket.channel.messages",
        "websocket.channel.pending",
        "websocket.engineio.packets",  # of one framework only
        "websocket.hub.broker.duration",  # for a board about the hub
        "websocket.hub.broker.messages",
        "websocket.hub.queue.size",
        "websocket.server.first_message.duration",  # for a board about the start of connections
        "websocket.server.handshake.duration",
        "websocket.server.ping.duration",
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_all_panels_of_the_plan_are_drawn_once_and_none_over_another(strategy):
    drawn = panels_of(board(strategy))
    assert [panel["title"] for panel in drawn] == [panel.title for panel in PANELS]
    places = [panel["gridPos"] for panel in board(strategy)["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    ids = [panel["id"] for panel in board(strategy)["panels"]]
    assert sorted(ids) == list(range(1, len(ids) + 1))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_query_has_variables_for_the_chosen_services_and_no_placeholder_is_left(strategy):
    for panel in panels_of(board(strategy)):
        for target in panel["targets"]:
            assert '=~"$service"' in target["expr"]
            assert not re.search(r'6000[12]|="\$', target["expr"])
            assert not re.search(r"(?<!\{)\{(?!\{)\w", target["legendFormat"])


def test_names_are_those_of_the_strategy():
    name = metric_name(semconv.MESSAGES, "NoUTF8EscapingWithSuffixes")
    assert f'__name__="{name}"' in json.dumps(board("NoUTF8EscapingWithSuffixes")).replace('\\"', '"')
    assert "websocket_server_messages_total" in json.dumps(board("UnderscoreEscapingWithSuffixes"))
    assert "service.name" not in json.dumps([panel["targets"] for panel in panels_of(board(STRATEGIES[0]))])


def test_a_board_is_read_only_is_of_the_old_schema_and_has_an_identity_of_its_own():
    boards = [board(strategy) for strategy in STRATEGIES]
    assert len({board["uid"] for board in boards}) == len(STRATEGIES)
    for board_ in boards:
        assert len(board_["uid"]) <= 40
        assert board_["editable"] is False
        assert board_["schemaVersion"] >= 39
        assert {"panels", "templating", "time"} <= board_.keys()


def test_the_variables_choose_source_services_and_routes():
    variables = {variable["name"]: variable for variable in board(STRATEGIES[0])["templating"]["list"]}
    assert list(variables) == ["datasource", "service", "route"]
    assert "$service" not in variables["service"]["query"]["query"]
    assert '=~"$service"' in variables["route"]["query"]["query"]
    assert "$route" not in variables["route"]["query"]["query"]


def test_a_query_for_a_metric_that_has_no_name_is_a_mistake_of_the_board():
    line = Line(overview.SERVICES)
    with pytest.raises(ValueError, match="not in semconv"):
        line.promql(Naming({}, {}, escaped=True))
