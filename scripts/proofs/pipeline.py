"""One workload into every backend, equal to the unit; traces that read while open; a store that loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import ROOT, Report, pytest_passes

sys.path[:0] = [str(ROOT / "tests" / name) for name in ("", "contract", "stack", "store")]

import jaeger_story  # noqa: E402 - found by the line above
import killing  # noqa: E402
import workload  # noqa: E402

from socketscope.demo.stack import collector, destinations  # noqa: E402


def backends(report: Report, folder: Path) -> None:
    """Ask every backend the same questions about one workload."""
    outcome = workload.run(folder)
    for name, value, bar, passed in workload.verdicts(outcome):
        report.add(name, value, bar, passed)


def traces(report: Report, folder: Path) -> None:
    """Read a connection's trace in the real Jaeger, while it is open and afterwards."""
    otelcol, jaeger = collector.find(os.environ), destinations.find("jaeger", os.environ)
    for native in (False, True):
        place = folder / f"native-{native}"
        place.mkdir()
        facts = jaeger_story.tell(place, jaeger=jaeger, collector=otelcol, native=native)
        name = f"Jaeger, FastAPI's telemetry {'on' if native else 'off'}"
        report.add(f"{name}: mistakes", len(facts.mistakes()), "0", not facts.mistakes())
        allowed = "only of the missing native parent" if native else "none"
        open_ones = facts.open.warnings
        report.add(f"{name}: warnings while open", len(open_ones), allowed, native or not open_ones)
        report.add(f"{name}: warnings after the close", len(facts.closed.warnings), "0", not facts.closed.warnings)


def tests(report: Report) -> None:
    """Run the tests whose passing is a promise of its own."""
    for name, paths in (
        (
            "the Datadog double refuses what Datadog refuses",
            ["tests/backends/test_datadog.py", "tests/stack/test_datadog_double.py"],
        ),
        ("every panel's query returns data, three translations", ["tests/dashboards"]),
        ("Node and Go SDKs land right", ["tests/peers"]),
        ("an address but loopback demands a token", ["tests/test_access.py", "tests/console/test_console_access.py"]),
        ("the composition, checked without an engine", ["tests/compose"]),
    ):
        passed, line = pytest_passes(*paths)
        report.add(name, line, "all pass, none skipped", passed)


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Run a benchmark and give its figures; empty where it did not run to its end."""
    result = folder / f"{name}.json"
    subprocess.run(["scripts/bench", name, "--json", str(result)], cwd=ROOT, check=False)
    return dict(json.loads(result.read_text())) if result.exists() else {}


def speed(report: Report, folder: Path) -> None:
    """Measure what the embedded backend takes in and how fast it answers."""
    ingest = measured("ingest", folder)
    for kind, least in (("metric points/s", 50_000), ("spans/s", 10_000)):
        figures = ingest.get("figures", {}).get(kind, {})
        ours = figures.get("embedded backend", {}).get("median", 0)
        report.add(f"bench ingest: {kind} (median)", f"{ours:,.0f}", f">= {least:,}", ours >= least)
        complete = bool(ingest) and ingest["sent"][kind] == ingest["found"][kind]
        report.add(f"bench ingest: what was sent is there, {kind}", complete, "True", complete)
    seconds = measured("questions", folder).get("seconds")
    report.add("bench questions: the overview over a day, seconds", seconds, "< 1", seconds is not None and seconds < 1)


def main() -> None:
    """Prove the pipeline."""
    report = Report("pipeline")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("workload", "jaeger", "kills"):
            (folder / part).mkdir()
        backends(report, folder / "workload")
        traces(report, folder / "jaeger")
        tests(report)
        account = killing.kill_rounds(folder / "kills", 100)
        report.add(
            f"{account.rounds} x kill -9 while OTLP comes in: acknowledged and missing",
            f"{len(account.missing)} of {len(account.acknowledged)}",
            "0",
            account.rounds == 100 and bool(account.acknowledged) and not account.missing,
        )
        report.add(
            "after them: never sent and there, wrong totals",
            f"{len(account.unknown)}, {account.wrong_totals}",
            "0, 0",
            not account.unknown and not account.wrong_totals,
        )
        speed(report, folder)
    report.finish()


if __name__ == "__main__":
    main()
