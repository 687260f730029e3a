"""Reports: exact against a ledger of random days, of the demo's own run, readable in a browser and a mail, and fast."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from report import ROOT, Report, pytest_passes
from spine import demo

EXAMPLES, ON_PROMETHEUS, SEED = 500, 50, 20261103
ORACLE = "tests/reports/test_oracle.py"
BROWSER = "tests/browser/test_browser_reports.py"


def exact(report: Report) -> None:
    """Compare reports of random days with the ledger, on the embedded backend and on the real Prometheus."""
    for where, examples, test in (
        ("the embedded backend", EXAMPLES, f"{ORACLE}::test_totals_of_the_embedded_backend_equal_the_ledger"),
        ("Prometheus, counters", ON_PROMETHEUS, f"{ORACLE}::test_counts_from_the_real_prometheus_equal_the_ledger"),
    ):
        passed, line = pytest_passes(test, SOCKETSCOPE_ORACLE_EXAMPLES=str(examples), SOCKETSCOPE_ORACLE_SEED=str(SEED))
        name = f"random days equal the ledger on {where} ({examples} of seed {SEED})"
        report.add(name, line, "all equal", passed)


def of_the_demo(report: Report, folder: Path) -> None:
    """Compare the report that the demo ends with with the users' own ledger."""
    found = demo(folder)
    told: dict[str, Any] = found.get("report") or {}
    figures, ledger = told.get("figures", {}), found.get("ledger", {})
    different = [key for key, value in ledger.items() if value is not None and figures.get(key) != value]
    report.add("demo: figures of its report that differ from the ledger", different, "[]", bool(told) and not different)
    content = json.loads(Path(told["json"]).read_text()) if told else {}
    total = content.get("summary", {}).get("total_connections", {}).get("value")
    accepted = ledger.get("connections_accepted")
    report.add("demo: connections in the JSON, and in the ledger", f"{total}, {accepted}", "equal", total == accepted)
    mail = told.get("mail")
    report.add("demo: mail with the report that arrived", mail and mail["subject"], "one", bool(mail))
    page = Path(told["html"]).read_text() if told else ""
    report.add("demo: bytes of the page", len(page.encode()), "a whole page", page.rstrip().endswith("</html>"))
    report.add("demo: exit", found["exit"], "0", found["exit"] == 0)


def seen(report: Report) -> None:
    """Look at page and mail in Chromium, and receive the mail over TLS from a real SMTP server."""
    for name, chosen in (
        ("page in Chromium: light, dark, 375 px, paper, two languages", "not mail"),
        ("mail received by SMTP (TLS, login), parsed, its images shown", "mail"),
    ):
        passed, line = pytest_passes(BROWSER, "-k", chosen)
        report.add(name, line, "all pass, none skipped", passed)
    shots = sorted((ROOT / ".artifacts" / "screenshots").glob("report-*.png"))
    report.add("screenshots to look at in .artifacts/screenshots", len(shots), ">= 16", len(shots) >= 16)
    passed, line = pytest_passes("tests/reports/form")
    report.add("hostile names, over a gap no bare total, mail under 100 KB", line, "all pass", passed)


def in_time(report: Report) -> None:
    """Run what makes, repeats, keeps and sends reports, by clocks that are set and in real services."""
    passed, line = pytest_passes("tests/reports/test_daily.py", "tests/reports/test_report_schedule.py")
    report.add("schedule: once, late, again within an hour, same key from two", line, "all pass", passed)
    passed, line = pytest_passes(
        "tests/test_reporting.py", "tests/console/test_console_reports.py", "tests/cli/test_cli_report.py"
    )
    report.add("in serve, in the console, on the command line", line, "all pass", passed)


def bench(report: Report, folder: Path) -> None:
    """Report on a day of a million connections."""
    result = folder / "report.json"
    done = subprocess.run(["scripts/bench", "report", "--json", str(result)], cwd=ROOT, check=False)
    ran = done.returncode == 0 and result.exists()
    told = json.loads(result.read_text()) if result.exists() else {}
    value = (
        f"{told['seconds']['median']:.2f} s, {told['bytes'] / 2**20:,.0f} MiB" if told else f"exit {done.returncode}"
    )
    report.add("bench report: 1,000,000 connections (median, memory)", value, "< 10 s, < 1 GiB", ran)


def main() -> None:
    """Prove the reports."""
    report = Report("reports")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exact(report)
        of_the_demo(report, folder)
        seen(report)
        in_time(report)
        bench(report, folder)
    report.finish()


if __name__ == "__main__":
    main()
