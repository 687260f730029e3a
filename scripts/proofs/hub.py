"""The hub: what a delivery costs, clients that are stuck, joins and leaves, brokers with their faults, the demo."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
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


def figures(folder: Path, benchmark: str, *options: str) -> dict[str, Any]:
    """Run a benchmark; gives its figures, none where it failed to make any."""
    result = folder / f"{benchmark}.json"
    subprocess.run(["scripts/bench", benchmark, "--json", str(result), *options], cwd=ROOT, check=False)
    return json.loads(result.read_text()) if result.exists() else {}


def costs(report: Report, folder: Path) -> None:
    """Measure the processor time of a delivery, beside the peers."""
    found = figures(folder, "fanout")
    spreads = found.get("microseconds", {})
    for ours, peer, bar in found.get("bars", ()):
        what, value, ok = f"CPU per delivery, {ours}: x {peer}", "not measured", False
        if ours in spreads and peer in spreads:
            median, best = (spreads[ours][which] / spreads[peer][which] for which in ("median", "best"))
            value, ok = f"{median:.3f} (best of each: {best:.3f})", median <= bar
        report.add(what, value, f"<= {bar}", ok)
    report.add("CPU per delivery: peers measured", len(found.get("bars", ())), "5", len(found.get("bars", ())) == 5)


def stalled(report: Report, folder: Path) -> None:
    """Measure healthy clients beside stuck ones."""
    rooms = figures(folder, "stalled").get("rooms", {})
    report.add("rooms with stuck clients", len(rooms), "2", len(rooms) == 2)
    for name, room in rooms.items():
        ratio = room["ratio"]
        report.add(f"{name}: the healthy ones' p99, x the runs without", f"{ratio:.3f}", "<= 1.2", ratio <= 1.2)
        report.add(f"{name}: bytes buffered for a stuck one", room["buffered"], "<= 1 MiB", room["buffered"] <= 2**20)
        for key, what in (
            ("missing", "messages that a healthy one did not get"),
            ("still_in", "stuck ones that are still in"),
            ("descriptors", "descriptors that are not freed"),
            ("unbalanced", "deliveries that the ledger does not know"),
        ):
            report.add(f"{name}: {what}", room[key], "0", room[key] == 0)


def churn(report: Report, folder: Path) -> None:
    """Have 5,000 clients join and leave a channel of 10,000."""
    found = figures(folder, "churn")
    seconds = found.get("seconds", 99.0)
    report.add("5,000 joins and leaves, 10,000 members: seconds", f"{seconds:.2f}", "<= 10", seconds <= 10)
    wrong, tasks = found.get("wrong", ["not measured"]), found.get("tasks", ["not measured"])
    report.add("joins and leaves: gauges that are off", "; ".join(wrong) or 0, "0", not wrong)
    report.add("joins and leaves: tasks left, after them and at the end", tasks, "[0, 0]", tasks == [0, 0])


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
    found = figures(folder, "brokers")
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


def tests(report: Report) -> None:
    """Run the tests whose passing is a promise of its own."""
    for name, paths in (
        ("one contract over the wire and over plain ASGI", ["tests/contract/test_hub_contract.py"]),
        ("access, limits and draining, over both", ["tests/contract/test_hub_access_contract.py"]),
        ("the rest: brokers over memory and Redis, resuming, the ledger at any moment, metrics", ["tests/hub"]),
    ):
        passed, line = pytest_passes(*paths)
        report.add(name, line, "all pass, none skipped", passed)


def main() -> None:
    """Prove the hub."""
    report = Report("hub")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        costs(report, folder)
        stalled(report, folder)
        churn(report, folder)
        bench(report, folder)
        faults(report, folder)
        in_the_demo(report, folder)
    tests(report)
    report.finish()


if __name__ == "__main__":
    main()
