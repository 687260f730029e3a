"""docs/compatibility.md, from the results of the last full run."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results.json"

NOT_TOLD = [
    "Most of these the messages do not say: granian tells an empty close frame and a lost link alike, and nothing when",
    "a client leaves during the handshake; daphne and uvicorn's legacy protocol tell 1006 for what they refuse. With",
    "FastAPI's own telemetry a handler that raises before accept is told by FastAPI's span. Cells of handlers that send",
    "after the client has left depend on timing and may differ from run to run.",
]


def page(note):
    results = json.loads(RESULTS.read_text("utf-8"))
    lines = [
        "# Compatibility",
        "",
        note,
        "",
        "Each cell is a run: the server as it is installed, under `opentelemetry-instrument`, with an application that",
        "knows nothing of socketscope, and a real client over the loopback interface. `1000 client` is what was told:",
        "close code and who ended the connection, or the handshake's outcome and status, and the errors counted. A cell",
        "is plain where that is what happened, with the route's template right; **bold** where it is not, and then the",
        "ASGI messages that the application got stand [below](#what-is-not-told-as-it-was). An empty cell: there is no such thing.",
        "",
        "`scripts/compatibility` runs all of it and writes the results; `make test` runs every server with plain ASGI",
        "and uvicorn with the frameworks, and fails where a cell differs.",
        "",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in results["versions"].items()) + ".",
        "",
        *summary(results),
    ]
    for server, frameworks in results["cells"].items():
        lines += ["", f"## {server}", "", *table(results["titles"], frameworks)]
    lines += ["", "## What is not told as it was", "", *NOT_TOLD, ""]
    lines += untold(results)
    return "\n".join(lines) + "\n"


def summary(results):
    cells = [
        cell
        for frameworks in results["cells"].values()
        for scenarios in frameworks.values()
        for cell in scenarios.values()
        if cell["told"]
    ]
    wrong = sum(not cell["right"] for cell in cells)
    told = f"{len(cells)} cells, {len(cells) - wrong} told as it was, {wrong} not."
    compared = "ends by code, initiator and error, messages each way, connections left open"
    if not results["disagree"]:
        return [f"{told} In every run metrics and events agreed: {compared}."]
    pairs = ", ".join(" with ".join(pair) for pair in results["disagree"])
    return [f"{told} Metrics and events ({compared}) agreed in every run but: {pairs}."]


def table(titles, frameworks):
    rows = [["What happens", *frameworks], ["---"] * (len(frameworks) + 1)]
    for name, title in titles.items():
        cells = [shown(scenarios.get(name)) for scenarios in frameworks.values()]
        if any(cells):
            rows.append([title, *cells])
    return ["| " + " | ".join(row) + " |" for row in rows]


def shown(cell):
    if cell is None or not cell["told"]:
        return cell["why"] if cell else ""
    return cell["told"] if cell["right"] else f"**{cell['told']}**"


def untold(results):
    """The messages of each cell that is not right, once for all frameworks that got the same."""
    found = {}
    for server, frameworks in results["cells"].items():
        for framework, scenarios in frameworks.items():
            for name, cell in scenarios.items():
                if cell["told"] and not cell["right"]:
                    key = (server, name, cell["told"])
                    found.setdefault(key, ([], cell))[0].append(framework)
    lines = []
    for (server, name, told), (frameworks, cell) in found.items():
        lines += [
            f"**{server}: {results['titles'][name]}** ({', '.join(frameworks)}): told as `{told}`",
            f"(route `{cell['route'] or 'none'}`); the client saw {seen(cell['client'])}.",
            "",
            "```",
            *(f"{what:8} {json.dumps(message, ensure_ascii=False)}" for what, message in cell["messages"]),
            "```",
            "",
        ]
    return lines[:-1]


def seen(client):
    told = {key: value for key, value in client.items() if value is not None and key != "messages"}
    return json.dumps(told, ensure_ascii=False) if told else "no answer"
