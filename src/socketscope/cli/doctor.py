"""`socketscope doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Final

import typer

from socketscope.doctor import State, examine

SIGNS: Final = {State.GOOD: "ok  ", State.NOTE: "note", State.BAD: "BAD "}


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Tell what is in force here: versions, settings, the SDK and where it sends, how histograms leave."""
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            typer.echo(f"{SIGNS[finding.state]}  {finding.subject}: {finding.found}")
            if finding.advice:
                typer.echo(f"      {finding.advice}")
    if as_json:
        typer.echo(json.dumps([asdict(finding) | {"state": finding.state.value} for finding in findings], indent=2))
    if any(finding.state is State.BAD for finding in findings):
        raise typer.Exit(1)
