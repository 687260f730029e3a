"""The demo's report of its own run: made of the store when everything has ended, written, and sent by mail."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from socketscope.demo.ledger import KEYS
from socketscope.demo.stack.console import Column

FIGURES: Final = {
    "connections_accepted": "total_connections",
    "connections_lost": "lost_connections",
    "connections_failed": "failed_connections",
    "channels": "unique_channels",
}
"""Keys of the ledger that have another name in the summary of a report."""


SUBJECT: Final = "WebSockets"
"""Begins the subject of a mail with a report."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a report is written: a page for people, JSON for programs."""

    html: Path
    json: Path

    @classmethod
    def beside(cls, file: Path) -> Files:
        """Name them after a file that they belong to."""
        return cls(file.with_suffix(".report.html"), file.with_suffix(".report.json"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What the report says in the ledger's terms, where it is, and the mail with it that arrived, if it did."""

    figures: Column
    files: Files
    mail: Mapping[str, Any] | None

    def missing(self) -> list[str]:
        """Say what has not come about."""
        return [] if self.mail else ["No mail with the report has arrived."]

    def as_dict(self) -> dict[str, Any]:
        """Give it as the summary has it."""
        return {
            "figures": self.figures,
            "html": str(self.files.html),
            "json": str(self.files.json),
            "mail": self.mail and {key: self.mail[key] for key in ("to", "subject", "images")},
        }


def read(files: Files, mails: Sequence[Mapping[str, Any]]) -> RunReport:
    """Read a report that was written, and find its mail among those that arrived."""
    content = json.loads(files.json.read_text(encoding="utf-8"))
    mail = next((mail for mail in mails if mail["subject"].startswith(SUBJECT)), None)
    return RunReport(figures=figures(content), files=files, mail=mail)


def figures(content: Mapping[str, Any]) -> Column:
    """Return the figures of a report's JSON by the keys of the ledger; None for what is not available.

    On a machine that is busy an export may come late, and the report calls them "at least": they are the same numbers.
    """
    found = {key: content["summary"].get(FIGURES.get(key, key), {}).get("value") for key in KEYS}
    handshakes = content["handshakes"]["value"]
    denied = [one["count"] for one in handshakes or () if one["outcome"] == "denied"]
    return found | {"connections_denied": None if handshakes is None else sum(denied)}
