"""The end of a demo: the ledger beside what was measured, and whether they are equal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any, Final

from rich.console import Console as Terminal
from rich.table import Table

from socketscope.demo.ledger import KEYS
from socketscope.demo.stack.console import Column
from socketscope.demo.stack.report import RunReport

_PACKAGES: Final = (
    "socketscope", "opentelemetry-sdk", "opentelemetry-exporter-otlp", "fastapi", "uvicorn", "websockets", "duckdb",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a demo found.

    `ledger` is the users' account, `measured` the console's by its metrics, `events` by the connections' events, and
    `report` that of the report that was made of the run at its end; None where there was none.
    `alerts` are those that fired, with the mails that arrived; `missing_alerts` says what should have come about.
    `collector` and `collector_accepted` are None where there was none. `notes` tell what went on the way.
    `replicas` is the number of the chat's processes, `instances` the most of them that the console saw at a time, and
    `broker` what was between them, None for the chat without a hub.
    """

    ledger: Column
    measured: Column
    events: Column
    collector: Mapping[str, str] | None
    collector_accepted: Mapping[str, int] | None
    startup_seconds: float | None
    seconds: float
    alerts: tuple[Mapping[str, Any], ...] = ()
    missing_alerts: tuple[str, ...] = ()
    report: RunReport | None = None
    notes: tuple[str, ...] = ()
    replicas: int = 1
    instances: int | None = None
    broker: str | None = None

    def differences(self) -> tuple[str, ...]:
        """Keys of the ledger with another value in `measured`, `events` or the report, or with none.

        What the ledger itself does not know (a peak that was not held to the end) can't differ. `replicas` is among
        them where the console did not see every process.
        """
        unseen = ("replicas",) if self.replicas > 1 and self.instances != self.replicas else ()
        return unseen + tuple(
            key
            for key in KEYS
            if (known := self.ledger[key]) is not None
            and any(column.get(key, known) != known for column in (self.measured, self.events, self._reported))
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """What should have come about: alerts and mails."""
        return (*self.missing_alerts, *(self.report.missing() if self.report else ()))

    @property
    def _reported(self) -> Column:
        return self.report.figures if self.report else {}

    @property
    def equal(self) -> bool:
        """Every number that the ledger knows was measured."""
        return not self.differences()

    def as_dict(self) -> dict[str, Any]:
        """Give the summary as it is written to a file."""
        return {
            "ledger": self.ledger,
            "measured": self.measured,
            "events": self.events,
            "replicas": self.replicas,
            "instances": self.instances,
            "broker": self.broker,
            "collector": self.collector,
            "collector_accepted": self.collector_accepted,
            "startup_seconds": self.startup_seconds,
            "seconds": round(self.seconds, 3),
            "equal": self.equal,
            "differences": list(self.differences()),
            "alerts": list(self.alerts),
            "missing_alerts": list(self.missing_alerts),
            "report": self.report and self.report.as_dict(),
            "notes": list(self.notes),
            "versions": versions(),
        }

    def write(self, path: Path) -> None:
        """Write `as_dict()` as JSON."""
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")

    def show(self, terminal: Terminal) -> None:
        """Print the columns, differences marked."""
        table = Table(title="The users' ledger, and what came back from the backend", title_justify="left")
        table.add_column("")
        for name in ("ledger", "measured", "events", "report"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        different = self.differences()
        for key in KEYS:
            events = _cell(self.events[key]) if key in self.events else ""
            reported = _cell(self._reported[key]) if key in self._reported else ""
            row = (key.replace("_", " "), _cell(self.ledger[key]), _cell(self.measured[key]), events, reported)
            known = self.ledger[key] is not None
            table.add_row(
                *row,
                "differs" if key in different else "equal" if known else "not held",
                style="bold red" if key in different else None,
            )
        terminal.print(table)
        for line in self._lines():
            terminal.print(line, highlight=False, markup=False, soft_wrap=True)

    def _lines(self) -> list[str]:
        lines = []
        if self.collector and self.collector_accepted:
            accepted = ", ".join(
                f"{count:,} {name.replace('_', ' ')}" for name, count in self.collector_accepted.items()
            )
            lines.append(f"Through the Collector {self.collector['version']}: {accepted}.")
        if self.startup_seconds is not None:
            lines.append(
                f"First number in the console after {self.startup_seconds:.1f} s; {self.seconds:.1f} s in all."
            )
        if self.replicas > 1:
            lines.append(f"Processes of the chat: {self.replicas}, of which the console saw {self.instances or 0}.")
        for alert in self.alerts:
            mails = ", ".join(mail["status"] for mail in alert["delivered"]) or "none"
            end = f"resolved at {_clock(alert['resolved_at'])}" if alert["resolved_at"] else "not resolved"
            lines.append(f"Alert {alert['rule']}: fired at {_clock(alert['fired_at'])}, {end}; mails: {mails}.")
        if self.report:
            sent = f"mailed as {self.report.mail['subject']!r}" if self.report.mail else "not mailed"
            lines.append(f"Report of the run: {self.report.files.html} ({sent}).")
        lines += self.missing
        lines += self.notes
        if self.equal:
            lines.append("Equal.")
        else:
            lines.append("NOT equal: " + ", ".join(self.differences()) + ".")
        return lines


def versions() -> dict[str, str]:
    """Versions of Python and the packages that matter here, as far as they are installed."""
    found = {"python": python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%H:%M:%S")


def _cell(value: int | None) -> str:
    return "not available" if value is None else f"{value:,}"
