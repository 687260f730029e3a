"""What rules would have done, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from socketscope.rules.model import Rule
from socketscope.rules.replay import Episode, Replayed
from socketscope.rules.text import render

_WIDE: Final = 200
"""Columns where the output is no terminal, so that nothing is cut."""


def print_replayed(replayed: Sequence[Replayed], *, since: float, until: float) -> None:
    """Print each alert that fired, and a line for each rule that did not."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDE)
    episodes = sorted(
        ((found.rule, episode) for found in replayed for episode in found.episodes),
        key=lambda pair: (pair[1].fired_at, pair[0].name),
    )
    console.print(f"{_time(since)} to {_time(until)} (UTC): {len(episodes)} alerts would have fired", soft_wrap=True)
    if episodes:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("fired", "lasted", "alert", "severity", "ended", "what"):
            table.add_column(column, header_style="dim", no_wrap=column != "what", overflow="fold")
        for rule, episode in episodes:
            table.add_row(*_row(rule, episode, until))
        console.print()
        console.print(table)
    console.print()
    for found in replayed:
        console.print(_line(found), soft_wrap=True)


def _row(rule: Rule, episode: Episode, until: float) -> tuple[str, ...]:
    ended = "no more data" if episode.expired else "resolved" if episode.ended_at else "still firing"
    lasted = (episode.ended_at or until) - episode.fired_at
    what = render(rule, episode.labels, episode.extreme)
    return _time(episode.fired_at), _lasting(lasted), rule.name, rule.severity, ended, what


def _line(found: Replayed) -> str:
    if found.problem:
        return f"{found.rule.name}: could not be asked: {found.problem}"
    times = {0: "did not fire", 1: "fired once"}.get(len(found.episodes), f"fired {len(found.episodes)} times")
    told = f"{found.rule.name}: {times} in {found.evaluations} evaluations"
    return f"{told}, {found.without_data} of them without data" if found.without_data else told


def _lasting(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
