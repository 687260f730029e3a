"""Alerts that can be trusted: against Prometheus' own, through kill -9, at a rule's bench, and in the demo."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import ROOT, Report, pytest_passes
from spine import demo

sys.path[:0] = [str(ROOT / "tests" / name) for name in ("", "stack", "alerts")]

import faults  # noqa: E402 - found by the line above
import rules_story  # noqa: E402

NOTHING = ("missing", "unexpected", "false_resolved", "keys_not_shared", "out_of_order", "undelivered")


def beside_prometheus(report: Report, folder: Path) -> None:
    """Compare our evaluator with the exported rules on the real Prometheus, at its own timestamps."""
    facts = rules_story.tell(folder)
    report.add("evaluations compared with Prometheus' own", facts.evaluations, ">= 30", facts.evaluations >= 30)
    report.add("transitions that differ where data exists", len(facts.unequal), "0", not facts.unequal)
    report.add("transitions that differ between backends", len(facts.backends_unequal), "0", not facts.backends_unequal)
    changes = sum(facts.changes().values())
    report.add("transitions seen", changes, "> 20", changes > 20)
    report.add("alerts kept in the gap where Prometheus resolved", len(facts.kept), "> 0", bool(facts.kept))
    passed, line = pytest_passes("tests/rules/test_rules_export.py", "-k", "promtool")
    report.add("promtool check rules, promtool test rules", line, "all pass", passed)


def through_kills(report: Report, folder: Path) -> None:
    """Kill two alert services again and again; see what their receivers got."""
    found = faults.run_faults(folder, evaluations=200, seed=1)
    report.add("evaluations under kill -9", found["evaluations"], ">= 200", found["evaluations"] >= 200)
    for name in NOTHING:
        report.add(f"fault test: {name.replace('_', ' ')}", found[name], "0", not found[name])
    told = found["unreachable_told"]
    once = all(counts == {"firing": 1, "resolved": 1} for counts in told.values())
    report.add("'backend unreachable' told once and taken back once", told, "once each", bool(told) and once)


def bench(report: Report, folder: Path) -> None:
    """Evaluate 1,000 rules over a day of 10-second data."""
    result = folder / "rules.json"
    done = subprocess.run(["scripts/bench", "rules", "--json", str(result)], cwd=ROOT, check=False)
    ran = done.returncode == 0 and result.exists()
    report.add("bench rules: 1,000 rules in under 10 s", f"exit {done.returncode}", "exit 0 (a miss is 1)", ran)


def in_the_demo(report: Report, folder: Path) -> None:
    """See an alert of the demo fire, arrive as a mail, and resolve."""
    found: dict[str, Any] = demo(folder)
    alerts = found.get("alerts", [])
    whole = bool(alerts) and all(a["fired_at"] and a["resolved_at"] and a["delivered"] for a in alerts)
    report.add("demo: alerts fired, delivered by mail and resolved", json.dumps(alerts)[:120], ">= 1, whole", whole)
    report.add("demo: exit", found["exit"], "0", found["exit"] == 0)


def main() -> None:
    """Prove the alerts."""
    report = Report("alerts")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("prometheus", "kills"):
            (folder / part).mkdir()
        beside_prometheus(report, folder / "prometheus")
        through_kills(report, folder / "kills")
        passed, line = pytest_passes("tests/notify", "tests/cli/test_cli_notify.py", "tests/delivery", "tests/state")
        report.add("notifiers, delivery and state against real receivers and doubles", line, "all pass", passed)
        in_the_demo(report, folder)
        bench(report, folder)
    report.finish()


if __name__ == "__main__":
    main()
