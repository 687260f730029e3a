"""What happens on a socket comes back from a backend as an exact number: the demo, its variants, the page, a wheel."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright
from report import ROOT, Report, pytest_passes

BIN = Path(sys.executable).parent
SHOTS = ROOT / ".artifacts" / "screenshots"


def ports(number: int) -> list[int]:
    """Give free ports, all different."""
    sockets = [socket.socket() for _ in range(number)]
    for found in sockets:
        found.bind(("127.0.0.1", 0))
    numbers = [found.getsockname()[1] for found in sockets]
    for found in sockets:
        found.close()
    return numbers


def demo(folder: Path, *options: str, shots: bool = False) -> dict[str, Any]:
    """Run the demo on free ports and give its summary with `exit` added."""
    names = ("port", "otlp-grpc-port", "otlp-http-port", "store-grpc-port", "store-http-port", "chat-port")
    summary = folder / "s.json"
    summary.unlink(missing_ok=True)
    numbers = ports(len(names))
    arguments = [f"--{name}={port}" for name, port in zip(names, numbers, strict=True)]
    running = subprocess.Popen(
        [BIN / "socketscope", "demo", "--duration=20", "--no-open", f"--summary={summary}", *arguments, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if shots:
        photograph(f"http://127.0.0.1:{numbers[0]}", running)
    output, _ = running.communicate()
    if not summary.exists():
        print(output)
        return {"exit": running.returncode}
    return {**json.loads(summary.read_text()), "exit": running.returncode}


def photograph(console: str, running: subprocess.Popen[str]) -> None:
    """Take pictures of the page while the demo runs: once numbers are there, light and dark, wide and narrow."""
    metrics = f"{console}/monitoring/websocket/metrics"
    while running.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if (httpx.get(metrics).json().get("messages_received") or 0) > 2000:
                break
        time.sleep(0.2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, width, scheme in (
            ("demo-light", 1280, "light"),
            ("demo-dark", 1280, "dark"),
            ("demo-narrow", 375, "light"),
        ):
            page = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
            page.goto(console)
            with contextlib.suppress(PlaywrightError):  # the picture shows what there was
                page.wait_for_selector('[data-testid="status"][data-value="live"]', timeout=8000)
            page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
        browser.close()


def compare(report: Report, name: str, found: dict[str, Any]) -> None:
    """Report how many of the ledger's keys came back equal."""
    ledger, measured = found.get("ledger", {}), found.get("measured", {})
    equal = [key for key in ledger if ledger[key] is not None and ledger[key] == measured.get(key)]
    report.add(
        f"{name}: equal keys of ledger and measured",
        f"{len(equal)} of {len(ledger)}, exit {found['exit']}",
        "12 of 12, exit 0",
        len(equal) == len(ledger) == 12 and found["exit"] == 0,
    )
    events = found.get("events", {})
    report.add(
        f"{name}: equal keys of ledger and events",
        f"{sum(ledger[key] == events[key] for key in events)} of {len(events)}",
        "all that events know",
        bool(events) and all(ledger[key] == events[key] for key in events),
    )
    report.add(
        f"{name}: through the real Collector",
        found.get("collector_accepted"),
        "points, spans, records > 0",
        bool(found.get("collector")) and all((found.get("collector_accepted") or {"none": 0}).values()),
    )


def clean_install(folder: Path) -> dict[str, Any]:
    """Install `.[otlp]` into a fresh environment and run the chat of the demo with it."""
    fresh = folder / "venv"
    venv.create(fresh, with_pip=True)
    subprocess.run([fresh / "bin" / "pip", "install", "--quiet", f"{ROOT}[otlp]", "fastapi"], check=True, cwd=folder)
    return demo(folder, f"--chat-python={fresh / 'bin' / 'python'}")


def main() -> None:
    """Prove the spine."""
    report = Report("spine")
    shutil.rmtree(SHOTS, ignore_errors=True)  # pictures of an earlier run prove nothing
    SHOTS.mkdir(parents=True)
    folder = Path(tempfile.mkdtemp())
    try:
        found = demo(folder, "--fastapi-telemetry", shots=True)
        compare(report, "opentelemetry-instrument, FastAPI's telemetry on", found)
        ledger = found.get("ledger", {})
        accepted = ledger.get("connections_accepted", 0)
        report.add("connections", accepted, ">= 200", accepted >= 200)
        messages = ledger.get("messages_received", 0) + ledger.get("messages_sent", 0)
        report.add("messages", messages, ">= 20,000", messages >= 20_000)
        startup = found.get("startup_seconds")
        report.add("startup_seconds", startup, "< 10", startup is not None and startup < 10)
        compare(
            report,
            "opentelemetry-instrument, FastAPI's telemetry off",
            demo(folder, "--no-fastapi-telemetry"),
        )
        compare(
            report,
            "OTEL_METRICS_EXPORTER=otlp, as it comes",
            demo(folder, "--metrics-exporter=otlp"),
        )
        compare(report, "a clean environment with pip install '.[otlp]'", clean_install(folder))
        passed, line = pytest_passes("tests/browser")
        report.add("the page in Chromium: numbers, stale, live again", line, "all pass, none skipped", passed)
        shots = sorted(path.name for path in SHOTS.glob("*.png"))
        report.add("screenshots to look at", f"{len(shots)} in {SHOTS}", ">= 1", bool(shots))
        passed, line = pytest_passes("tests/stack/test_demo_losses.py")
        report.add("a lost batch of logs, of metrics: exit 3", line, "all pass, none skipped", passed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report.finish()


if __name__ == "__main__":
    main()
