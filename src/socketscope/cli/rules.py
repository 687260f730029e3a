"""`socketscope rules`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

if TYPE_CHECKING:
    from socketscope.rules.model import Rule

WRONG: Final = 1
"""Exit code where a file has mistakes, or a case is not as it expects."""

rules = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Alerting rules: check them, test them, replay them over the past, export them.",
)


class Backend(StrEnum):
    """What is asked about the past."""

    REMOTE = "remote"
    EMBEDDED = "embedded"
    PROMETHEUS = "prometheus"
    DATADOG = "datadog"


class Destination(StrEnum):
    """Whose alerting is written."""

    PROMETHEUS = "prometheus"
    GRAFANA = "grafana"
    DATADOG = "datadog"


class Names(StrEnum):
    """How Prometheus translates OpenTelemetry's names (`otlp.translation_strategy`)."""

    UNDERSCORES = "UnderscoreEscapingWithSuffixes"
    UNDERSCORES_ALONE = "UnderscoreEscapingWithoutSuffixes"
    SUFFIXES = "NoUTF8EscapingWithSuffixes"
    NONE = "NoTranslation"


_Files = Annotated[list[Path] | None, typer.Argument(help="Files of rules.", show_default="the pack that is shipped")]
_Threshold = Annotated[
    list[str] | None, typer.Option("--threshold", help="NAME=VALUE: another threshold, as HighCPU=90%.")
]
_Disabled = Annotated[list[str] | None, typer.Option("--without", help="Name of a rule that is left out.")]


@rules.command()
def check(files: _Files = None) -> None:
    """Read files of rules and say everything that is wrong with them."""
    from socketscope.rules.load import load_rules

    try:
        loaded = load_rules(files or (), pack=not files)
    except ExceptionGroup as group:
        _tell(group)
    typer.echo(f"{len(loaded)} rules: {', '.join(rule.name for rule in loaded)}")


@rules.command()
def test(files: Annotated[list[Path], typer.Argument(help="Files of cases.")]) -> None:
    """Run cases: series of metrics, and the alerts that are expected of them."""
    from socketscope.rules.cases import load_cases

    failed, count, wrong = 0, 0, False
    for file in files:
        try:
            cases = load_cases(file)
        except ExceptionGroup as group:
            wrong = True
            for mistake in group.exceptions:
                typer.echo(mistake, err=True)
            continue
        for case in cases:
            failures = case.run()
            count += 1
            failed += bool(failures)
            typer.echo(f"{'FAIL' if failures else 'ok  '}  {case.form.name}")
            for failure in failures:
                typer.echo(f"      {failure}")
    typer.echo(f"{count - failed} of {count} cases are as expected")
    if failed or wrong:
        raise typer.Exit(WRONG)


@rules.command()
def replay(
    files: _Files = None,
    *,
    since: Annotated[str, typer.Option(help="From when: ago as 24h, or a time as 2026-05-01T12:00:00Z.")] = "24h",
    until: Annotated[str, typer.Option(help="Until when, in the same way.")] = "0s",
    backend: Annotated[
        Backend | None,
        typer.Option(
            help="What is asked; remote is a running console.", show_default="that of the configuration, else remote"
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Address of the console or Prometheus.", show_default="the console of the configuration"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory of the store, for embedded; no `serve` may have it open.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="SOCKETSCOPE_RULES_TOKEN", help="Bearer token for --url.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(envvar="SOCKETSCOPE_RULES_USER", help="NAME:PASSWORD for --url.", show_default=False)
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Tenant, sent as X-Scope-OrgID.")] = None,
    threshold: _Threshold = None,
    without: _Disabled = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file.", show_default="socketscope.yaml, if there is one")
    ] = None,
) -> None:
    """Tell when rules would have fired in the past."""
    from socketscope.cli.rules_backend import Asked, opened
    from socketscope.cli.rules_view import print_replayed
    from socketscope.errors import ConfigurationError
    from socketscope.rules import replay as replaying

    loaded = _load(files, threshold, without)
    now = time.time()
    begin, end = _moment("--since", since, now), _moment("--until", until, now)
    if begin >= end:
        raise ConfigurationError("--since", since, f"a time before --until ({until})")
    asked = Asked(backend.value if backend else None, url, data, token, user, tenant, config)

    async def ask() -> list[replaying.Replayed]:
        async with opened(asked) as metrics:
            return await replaying.replay(loaded, metrics, since=begin, until=end)

    print_replayed(asyncio.run(ask()), since=begin, until=end)


@rules.command()
def export(
    files: _Files = None,
    *,
    to: Annotated[Destination, typer.Option(help="Whose alerting.")],
    names: Annotated[Names, typer.Option(help="How Prometheus translates names.")] = Names.UNDERSCORES,
    native_histograms: Annotated[bool, typer.Option(help="Prometheus keeps histograms as native ones.")] = False,
    anchored: Annotated[
        bool, typer.Option(help="Prometheus 3.16 or newer: exact counts where a process restarts in its place, too.")
    ] = False,
    datasource: Annotated[str, typer.Option(help="Grafana: uid of the data source with the metrics.")] = "prometheus",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.", show_default="stdout")] = None,
    threshold: _Threshold = None,
    without: _Disabled = None,
) -> None:
    """Write rules as alerting of Prometheus, Grafana or Datadog; what these do differently stands in the file."""
    from socketscope.errors import ConfigurationError
    from socketscope.query.naming import Naming
    from socketscope.rules.export import datadog, grafana, prometheus

    loaded = _load(files, threshold, without)
    naming = Naming.of(names.value, histograms="native" if native_histograms else "classic")
    if to is Destination.PROMETHEUS:
        text = prometheus.export(loaded, naming, anchored=anchored)
    elif to is Destination.GRAFANA:
        text = grafana.export(loaded, naming, datasource=datasource)
    else:
        text = datadog.export(loaded)
    if output:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                "--output", str(output), f"a file that can be written ({error.strerror})"
            ) from None
    else:
        typer.echo(text, nl=False)


def _load(
    files: Sequence[Path] | None, thresholds: Sequence[str] | None, without: Sequence[str] | None
) -> tuple[Rule, ...]:
    from socketscope.errors import ConfigurationError
    from socketscope.rules.load import load_rules

    changed: dict[str, Any] = {}
    for written in thresholds or ():
        name, equals, value = written.partition("=")
        if not equals:
            raise ConfigurationError("--threshold", written, "NAME=VALUE, as HighCPU=90%")
        changed[name] = _number(value)
    try:
        return load_rules(files or (), pack=not files, thresholds=changed, disabled=without or ())
    except ExceptionGroup as group:
        _tell(group)


def _number(written: str) -> float | str:
    try:
        return float(written)
    except ValueError:
        return written


def _tell(group: ExceptionGroup[Exception]) -> NoReturn:
    for mistake in group.exceptions:
        typer.echo(mistake, err=True)
    raise typer.Exit(WRONG) from None


def _moment(option: str, written: str, now: float) -> float:
    """Read a time: a duration before now, or a time of ISO 8601 (UTC where it has no zone)."""
    from datetime import UTC, datetime

    from socketscope.errors import ConfigurationError
    from socketscope.rules.quantities import seconds

    try:
        return now - seconds(written)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise ConfigurationError(
            option, written, "a duration as 90m or 7d, or a time as 2026-05-01T12:00:00Z"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
