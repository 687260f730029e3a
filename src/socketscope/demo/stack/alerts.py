"""The demo's alert: a burst of errors is to raise it, tell of it by mail, and resolve it."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from socketscope.demo.stack.options import HOST, free_port

RULES: Final = Path(__file__).resolve().parents[1] / "alerts.yaml"
CONFIGURATION: Final = "socketscope.yaml"
RULE: Final = "ErrorBurst"
NOTIFIER: Final = "mail"


class Mailbox:
    """A mail server of the demo's own, whose mails are in a file below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._file = directory / "mails.jsonl"

    @property
    def file(self) -> Path:
        """Where it writes down what it takes."""
        return self._file

    def ready(self) -> bool:
        """Tell whether it takes mails."""
        try:
            with socket.create_connection((HOST, self.port), timeout=5) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            return False

    def mails(self) -> list[dict[str, Any]]:
        """Read what it has taken so far."""
        if not self._file.is_file():
            return []
        # The last line may be half written.
        lines = self._file.read_text(encoding="utf-8").split("\n")[:-1]
        return [json.loads(line) for line in lines]


def write_configuration(directory: Path, mailbox: Mailbox) -> None:
    """Write what the console needs to know into `CONFIGURATION`: the demo's rules, and whom it tells."""
    settings = {
        # There is one of the run, at its end.
        "reports": {"enabled": False},
        # Times are short enough that each burst is told, and each time anew.
        "alerts": {
            "rules": [str(RULES)],
            "cooldown": 0,
            "routes": [{"labels": {"origin": "demo"}, "notify": [NOTIFIER]}],
        },
        "notifiers": {
            NOTIFIER: {
                "type": "email",
                "host": HOST,
                "port": mailbox.port,
                "security": "none",
                "sender": "socketscope@demo.invalid",
                "to": ["on-call@demo.invalid"],
            }
        },
    }
    text = json.dumps(settings, indent=2) + "\n"  # which is YAML too
    (directory / CONFIGURATION).write_text(text, encoding="utf-8")


def read(answer: Mapping[str, Any], mails: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put together what the console says (`GET /alerts`) and what has arrived, the first alert first."""
    arrived = {mail["key"]: mail["subject"] for mail in mails}
    found = []
    for alert in reversed(answer.get("history", [])):
        if alert["rule"] != RULE:
            continue
        delivered = [
            {
                "notifier": told["notifier"],
                "status": told["status"],
                "at": told["delivered_at"],
                "mail": arrived[_digest(told["key"])],
            }
            for told in reversed(alert["told"])
            if told["fate"] == "delivered" and _digest(told["key"]) in arrived
        ]
        resolved_at = alert["ended_at"] if alert["end"] == "resolved" else None
        found.append({"rule": RULE, "fired_at": alert["fired_at"], "resolved_at": resolved_at, "delivered": delivered})
    return found


def missing(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say what has not come about; nothing for an alert that fired, resolved, and of which both were told by mail."""
    if not alerts:
        return [f"The alert {RULE} did not fire."]
    found = []
    for alert in alerts:
        name = f"The alert {RULE} of {alert['fired_at']}"
        if alert["resolved_at"] is None:
            found.append(f"{name} did not resolve.")
        told = {mail["status"] for mail in alert["delivered"]}
        found += [
            f"No mail that it is {status} has arrived of {name[0].lower()}{name[1:]}."
            for status in ("firing", "resolved")
            if status not in told
        ]
    return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]
