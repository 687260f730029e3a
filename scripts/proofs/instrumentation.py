"""What watching costs, beside the peers; what each server and framework tells; any order of ASGI messages."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from report import ROOT, Report, pytest_passes

BENCHES = (
    ("messages", ("--app", "raw ASGI", "--generations", "4", "--rounds", "20"), 5),
    ("network", ("--generations", "3"), 4),
    ("memory", (), 2),
    ("export", (), 1),
)
"""Name, arguments, and how many figures have a bar: a peer that is missing must not go unnoticed."""

EXAMPLES = "500"


def benches(report: Report, folder: Path) -> None:
    """Hold every figure against its bar."""
    for name, arguments, expected in BENCHES:
        result = folder / f"{name}.json"
        subprocess.run(["scripts/bench", name, *arguments, "--json", str(result)], cwd=ROOT, check=False)
        verdicts: list[dict[str, Any]] = json.loads(result.read_text())["verdicts"] if result.exists() else []
        for verdict in verdicts:
            report.add(f"bench {name}: {verdict['name']}", verdict["value"], verdict["bar"], verdict["ok"])
        if len(verdicts) != expected:
            report.add(f"bench {name}: figures", len(verdicts), str(expected), ok=False)


def compatibility(report: Report) -> None:
    """Compare docs/compatibility.md with fresh runs, and count what stands in it."""
    results = json.loads((ROOT / "tests" / "compatibility" / "results.json").read_text())
    cells = [
        (server, scenario, cell)
        for server, frameworks in results["cells"].items()
        for scenarios in frameworks.values()
        for scenario, cell in scenarios.items()
        if "right" in cell
    ]
    wrong = [(server, scenario, cell) for server, scenario, cell in cells if not cell["right"]]
    right = len(cells) - len(wrong)
    report.add("docs/compatibility.md: told as it was", f"{right} of {len(cells)}", "most", 2 * right > len(cells))
    # The page shows messages once for all frameworks of a server that got the same.
    shown = {(server, scenario, cell["told"]) for server, scenario, cell in wrong if cell.get("messages")}
    bare = {(server, scenario, cell["told"]) for server, scenario, cell in wrong} - shown
    report.add("docs/compatibility.md: not told, and no ASGI messages shown", len(bare), "0", not bare)
    titles = len(results["titles"])
    report.add("docs/compatibility.md: scenarios", titles, ">= 22", titles >= 22)
    passed, line = pytest_passes("tests/compatibility")
    report.add("fresh runs tell what docs/compatibility.md says", line, "all pass, none skipped", passed)


def any_order(report: Report) -> None:
    """Run the stateful test of the middleware."""
    passed, line = pytest_passes("tests/instrumentation/test_any_order.py", SOCKETSCOPE_ORACLE_EXAMPLES=EXAMPLES)
    report.add(f"any order of ASGI messages, {EXAMPLES} examples", line, "all pass, none skipped", passed)


def main() -> None:
    """Prove the instrumentation."""
    report = Report("instrumentation")
    with tempfile.TemporaryDirectory() as folder:
        benches(report, Path(folder))
    compatibility(report)
    any_order(report)
    report.finish()


if __name__ == "__main__":
    main()
