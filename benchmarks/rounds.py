"""Subjects measured in turn, several times over, so that what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """What several rounds gave."""

    best: float
    median: float
    worst: float

    @property
    def percent(self) -> float:
        """How far best and worst lie apart, in percent of the median."""
        return 100 * abs(self.best - self.worst) / self.median if self.median else 0.0


def interleaved(
    subjects: Mapping[str, Callable[[int], float]], *, rounds: int, greater_is_better: bool
) -> dict[str, Spread]:
    """Run all subjects (each gets the number of the round) `rounds` times in turn, after one round that is thrown away.

    The order is turned around every other time.
    """
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + 1):
        names = list(subjects) if number % 2 else list(reversed(subjects))
        for name in names:
            value = subjects[name](number)
            if number:
                found[name].append(value)
    return {name: spread(values, greater_is_better=greater_is_better) for name, values in found.items()}


def spread(values: Sequence[float], *, greater_is_better: bool = False) -> Spread:
    """Give what several rounds gave."""
    best, worst = (max, min) if greater_is_better else (min, max)
    return Spread(best(values), statistics.median(values), worst(values))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure held against its bar."""

    name: str
    value: str
    bar: str
    ok: bool


def at_most(name: str, value: float, bar: float, form: str = ".3f") -> Verdict:
    """Give the verdict on a figure that is to be small."""
    return Verdict(name, f"{value:{form}}", f"at most {bar:{form}}", value <= bar)


def pronounce(verdicts: Sequence[Verdict]) -> bool:
    """Print verdicts; give whether all are met."""
    for verdict in verdicts:
        print(f"{'pass' if verdict.ok else 'MISS'}  {verdict.name}: {verdict.value}, {verdict.bar}")
    return all(verdict.ok for verdict in verdicts)


def surroundings(*packages: str) -> dict[str, Any]:
    """Say on what was measured."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "load": round(os.getloadavg()[0], 2),
        **{name: version(name) for name in packages},
    }


def write(path: Path | None, benchmark: str, content: Mapping[str, Any]) -> None:
    """Write figures as JSON, where a file is asked for."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = json.dumps({"benchmark": benchmark, **content}, indent=2, default=asdict)
    path.write_text(plain + "\n", encoding="utf-8")
