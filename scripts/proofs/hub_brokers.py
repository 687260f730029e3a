"""The part of the hub's proof that is about brokers: faults under load, the bench of two processes, the demo."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from report import ROOT, Report, pytest_passes
from spine import compare, demo

sys.path[:0] = [str(ROOT / "tests" / name) for name in ("", "hub/brokers")]

import fault_story  # noqa: E402 - found by the line above

from redis_process import required_redis  # noqa: E402

LONG: dict[str, dict[str, Any]] = {
    "kill": {"seconds": 5.0},
    "kill, kept on disk": {"seconds": 5.0},
    "pause": {"seconds": 30.0},
    "reset": {"seconds": 5.0},
    "cut off": {"seconds": 5.0, "size": 4096},
    "cut off, then kill": {"seconds": 5.0, "size": 4096},
}
SUBSCRIBED_SECONDS = 3.0


def faults(report: Report, folder: Path) -> None:
    """Have Redis killed, paused, reset and cut off under load; see that every message is recovered or counted."""
    for number, (fault, lengths) in enumerate(LONG.items()):
        found = fault_story.run_fault(
            required_redis(), folder / str(number), fault, before=5.0, after=5.0, rate=1000.0, **lengths
        )
        again = found["seconds_until_subscribed"]
        report.add(f"{fault}: s until subscribed again", again, "<= 3", again <= SUBSCRIBED_SECONDS)
        wrong = {name: found[name] for name in ("open", "missing_uncounted", "out_of_order")}
        closed = not any((*found["open"], *found["missing_uncounted"], found["out_of_order"]))
        names = ("published", "received", "recovered", "lost", "refused", "in_doubt")
        counts = ", ".join(f"{found[name]} {name.replace('_', ' ')}" for name in names)
        report.add(f"{fault}: the ledger closes", counts if closed else json.dumps(wrong), "to zero", closed)


def bench(report: Report, folder: Path) -> None:
    """Measure two processes over Redis."""
    result = folder / "brokers.json"
    subprocess.run(["scripts/bench", "brokers", "--json", str(result)], cwd=ROOT, check=False)
    found = json.loads(result.read_text()) if result.exists() else {}
    p99, rate = found.get("p99", 99.0), found.get("deliveries a second", 0)
    report.add("two processes over Redis: p99 in ms", round(p99 * 1000, 2), "<= 50", p99 <= 0.05)
    report.add("two processes over Redis: deliveries a second", rate, ">= 19800", rate >= 19_800)
    for name in ("missing", "twice or out of order", "lost by the brokers' account"):
        report.add(f"two processes over Redis: {name}", found.get(name), "0", found.get(name) == 0)


def in_the_demo(report: Report, folder: Path) -> None:
    """Run the demo on two processes over Redis."""
    found = demo(folder, "--hub", "--replicas=2", "--broker=redis")
    compare(report, "demo, two processes on the hub", found)
    seen = found.get("instances")
    report.add("demo: processes of the chat on the page", seen, "2", seen == found.get("replicas") == 2)


def prove(report: Report, folder: Path) -> None:
    """Prove all of it."""
    passed, line = pytest_passes("tests/hub/brokers", "tests/hub/test_resume.py", "tests/hub/test_broker_metrics.py")
    report.add("brokers: one contract over memory and Redis, faults, resuming", line, "all pass", passed)
    faults(report, folder)
    bench(report, folder)
    in_the_demo(report, folder)
