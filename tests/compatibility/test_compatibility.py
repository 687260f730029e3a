"""Real servers and clients against docs/compatibility.md; `scripts/compatibility` runs the whole matrix."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from matrix_page import RESULTS
from matrix_run import is_right, run, sums
from matrix_scenarios import scenario
from matrix_servers import FRAMEWORKS, SERVERS, framework, server

PAIRS = [(each.name, "ASGI") for each in SERVERS]
PAIRS += [("uvicorn", name) for name in ("FastAPI, native", "FastAPI, contrib", "Quart", "Channels", "python-socketio")]
TIMING = {"send-after-gone"}
"""It depends on what the server finds first: the page says so, and it is not compared."""
SLOW = {"stops-reading", "missed-pong"}
PLAIN = {"client-1000", "reset", "server-close", "raises", "denied", "broken", "subprotocol", "binary"}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Each pair once, three at a time."""

    directories = {pair: tmp_path_factory.mktemp("matrix") for pair in PAIRS}  # pytest's factory is for one thread

    def one(pair):
        wanted = {name for name in kept(*pair) if name not in SLOW}
        return run(server(pair[0]), framework(pair[1]), directories[pair], only=wanted)

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(PAIRS, pool.map(one, PAIRS), strict=True))


def kept(of, with_framework):
    return json.loads(RESULTS.read_text("utf-8"))["cells"][of][with_framework]


@pytest.mark.parametrize("pair", PAIRS, ids=" / ".join)
def test_what_is_told_is_what_the_document_says(ran, pair):
    differing = {}
    for name, cell in ran[pair].cells.items():
        if cell.why is not None or name in TIMING:
            continue
        before = kept(*pair)[name]
        right = is_right(scenario(name), cell, framework(pair[1]))
        if right != before["right"] or (right and cell.told != before["told"]):
            differing[name] = (cell.told, cell.route, before["told"], cell.client, cell.messages[-6:])
    assert differing == {}


@pytest.mark.parametrize("pair", PAIRS, ids=" / ".join)
def test_metrics_and_events_agree_and_nothing_is_counted_twice(ran, pair):
    by_events, by_metrics = sums(ran[pair])
    assert by_metrics["closed"] == by_events["closed"]
    assert by_metrics["open"] == 0
    assert by_metrics["received"] == by_events["received"]


def test_every_cell_that_is_not_right_shows_the_messages_of_somebody():
    for frameworks in json.loads(RESULTS.read_text("utf-8"))["cells"].values():
        shown = {(name, c["told"]) for cells in frameworks.values() for name, c in cells.items() if "messages" in c}
        wrong = {(n, c["told"]) for cells in frameworks.values() for n, c in cells.items() if c.get("right") is False}
        assert wrong <= shown


def test_the_document_has_every_server_and_framework():
    cells = json.loads(RESULTS.read_text("utf-8"))["cells"]
    assert list(cells) == [each.name for each in SERVERS]
    assert all(list(frameworks) == [each.name for each in FRAMEWORKS] for frameworks in cells.values())


@pytest.mark.parametrize("name", ["uvicorn", "hypercorn", "granian", "daphne"])
def test_the_application_and_its_client_see_what_they_see_without_us(name, tmp_path):
    seen = []
    for bare in (True, False):
        directory = tmp_path / str(bare)
        directory.mkdir()
        cells = run(server(name), framework("ASGI"), directory, only=PLAIN, bare=bare).cells
        seen.append({key: (cell.client, cell.messages) for key, cell in cells.items() if cell.why is None})
    assert seen[0] == seen[1]


@pytest.mark.parametrize("zero_code", [True, False], ids=["with zero code", "alone"])
@pytest.mark.parametrize("how", ["instrument", "middleware", "both"])
def test_however_often_it_is_switched_on_it_counts_once(how, zero_code, tmp_path):
    without = "system_metrics,fastapi" + ("" if zero_code else ",socketscope")
    environment = {"COMPATIBILITY_WATCH": how, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": without}
    ran = run(server("uvicorn"), framework("Starlette"), tmp_path, only=PLAIN, environment=environment)
    assert {key: is_right(scenario(key), ran.cells[key], framework("Starlette")) for key in PLAIN} == dict.fromkeys(
        PLAIN, True
    )
    by_events, by_metrics = sums(ran)
    assert by_metrics == by_events


@pytest.mark.parametrize(
    "environment",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "socketscope,system_metrics,fastapi"}],
    ids=["OTEL_SDK_DISABLED", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"],
)
def test_what_switches_it_off_is_honoured(environment, tmp_path):
    ran = run(server("uvicorn"), framework("ASGI"), tmp_path, only={"client-1000"}, environment=environment)
    assert ran.cells["client-1000"].client["messages"] == ["x"]
    assert ran.receiver.events == []
    assert [span for span in ran.receiver.spans if span["scope"] == "socketscope"] == []
