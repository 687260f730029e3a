"""Rows of a proof: what was promised, what was measured, the bar, and whether it is met."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

AS_IN_SCRIPTS_TEST = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Row:
    """One promise: `value` as it was measured, `bar` as it was set, `ok` None where it could not be measured."""

    name: str
    value: Any
    bar: str
    ok: bool | None


class Report:
    """Prints each row as it comes, writes them all as JSON, and fails on a miss."""

    def __init__(self, proof: str) -> None:
        self.proof = proof
        self.rows: list[Row] = []
        parser = ArgumentParser(prog=f"scripts/show {proof}")
        parser.add_argument("--json", type=Path, default=ROOT / ".artifacts" / f"show-{proof}.json")
        self._file: Path = parser.parse_args().json

    def add(self, name: str, value: Any, bar: str, ok: bool | None) -> None:
        """Report a row."""
        self.rows.append(Row(name, value, bar, ok))
        word = {True: "pass", False: "MISS", None: "NOT MEASURED"}[ok]
        print(f"{word:<5} {name:<64} {value!s:>24}   bar: {bar}", flush=True)

    def finish(self) -> None:
        """Write the JSON and exit: 0 where every row passed, else 1."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        passed = bool(self.rows) and all(row.ok for row in self.rows)
        self._file.write_text(
            json.dumps({"proof": self.proof, "passed": passed, "rows": [asdict(row) for row in self.rows]}, indent=2)
            + "\n"
        )
        print(f"{sum(row.ok is True for row in self.rows)} of {len(self.rows)} rows pass; {self._file}")
        sys.exit(0 if passed else 1)


def pytest_passes(*arguments: str, **environment: str) -> tuple[bool, str]:
    """Run tests that must not be skipped; give whether all passed, and pytest's last line."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *AS_IN_SCRIPTS_TEST, "-q", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**os.environ, "CI": "true", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-4000:])
    return done.returncode == 0, done.stdout.strip().splitlines()[-1]
