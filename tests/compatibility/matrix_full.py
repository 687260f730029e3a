"""Runs the matrix and writes its results: of every server, or of those that are named."""

import importlib.metadata
import json
import platform
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from matrix_page import RESULTS
from matrix_run import is_right, run, sums
from matrix_scenarios import SCENARIOS, scenario
from matrix_servers import FRAMEWORKS, SERVERS

AT_ONCE = 3
MOST_MESSAGES = 12


def result(ran, framework):
    """The cells of one pair as they are kept."""
    kept = {}
    for name, cell in ran.cells.items():
        if cell.why is not None:
            kept[name] = {"told": "", "why": cell.why}
            continue
        right = is_right(scenario(name), cell, framework)
        kept[name] = {"told": cell.told, "route": cell.route, "right": right}
        if not right:
            kept[name] |= {"client": cell.client, "messages": shortened(cell.messages)}
    return kept


def shortened(messages):
    """The beginning and the end of a long tape; what the server says of itself is left out."""
    messages = [[what, message] for what, message in messages if what != "scope"]
    if len(messages) > MOST_MESSAGES:
        half = MOST_MESSAGES // 2
        messages = [*messages[:half], ["...", {}], *messages[-half:]]
    return messages


def drop_repeated_tapes(cells):
    """Keep the messages of the first framework that got them."""
    for frameworks in cells.values():
        known = set()
        for scenarios in frameworks.values():
            for name, cell in scenarios.items():
                if cell.get("right") is False:
                    if (name, cell["told"]) in known:
                        del cell["messages"]
                    known.add((name, cell["told"]))


def versions():
    names = [each.distribution for each in (*SERVERS, *FRAMEWORKS) if each.distribution]
    names += ["websockets", "wsproto", "opentelemetry-sdk", "opentelemetry-instrumentation-fastapi"]
    found = {name: importlib.metadata.version(name) for name in dict.fromkeys(names)}
    return {"Python": platform.python_version(), **found}


def one(pair):
    server, framework = pair
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="socketscope.") as directory:
        ran = run(server, framework, Path(directory))
    by_events, by_metrics = sums(ran)
    agree = by_events == by_metrics
    wrong = Counter(cell.why is None and not is_right(scenario(n), cell, framework) for n, cell in ran.cells.items())
    print(f"{server.name} / {framework.name}: {wrong[True]} not right, {time.monotonic() - started:.0f} s", flush=True)
    if not agree:
        print(f"   metrics and events differ: {by_events} {by_metrics}", flush=True)
    return server.name, framework.name, result(ran, framework), agree


def main(wanted):
    results = json.loads(RESULTS.read_text("utf-8")) if wanted else {"cells": {}}
    servers = [server for server in SERVERS if not wanted or server.name in wanted]
    pairs = [(server, framework) for server in servers for framework in FRAMEWORKS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ran = list(pool.map(one, pairs))
    cells = results["cells"]
    for server in servers:
        cells[server.name] = {framework: kept for name, framework, kept, _ in ran if name == server.name}
    drop_repeated_tapes(cells)
    kept = {
        "versions": versions(),
        "titles": {scenario.name: scenario.title for scenario in SCENARIOS},
        "disagree": sorted(
            {tuple(pair) for pair in results.get("disagree", []) if pair[0] not in {each.name for each in servers}}
            | {(name, with_framework) for name, with_framework, _, agree in ran if not agree}
        ),
        "cells": {server.name: cells[server.name] for server in SERVERS if server.name in cells},
    }
    RESULTS.write_text(
        json.dumps(kept, ensure_ascii=False, separators=(",", ":"), default=str) + "\n", encoding="utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
