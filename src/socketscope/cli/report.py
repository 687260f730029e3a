"""`socketscope report`."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from socketscope.backends.choose import Kind
    from socketscope.config import Settings
    from socketscope.notify.base import Notifier
    from socketscope.reporting import Asked
    from socketscope.reports.model import Period, Report
    from socketscope.reports.options import ReportOptions
    from socketscope.state.reports import Form as Kept
    from socketscope.state.state import State

NOT_DELIVERED: Final = 1
"""Exit code where a receiver did not take the report."""


class Backend(StrEnum):
    """Where the numbers are."""

    REMOTE = "remote"
    EMBEDDED = "embedded"
    PROMETHEUS = "prometheus"
    DATADOG = "datadog"


class Language(StrEnum):
    """What a report is written in."""

    EN = "en"
    ES = "es"


class Form(StrEnum):
    """What a report is written as."""

    HTML = "html"
    JSON = "json"
    MD = "md"


def report(
    *,
    date: Annotated[
        str | None, typer.Option(help="The local day, as 2026-11-23.", show_default="the last one that is over")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Begin of any other period: ISO 8601 (in --zone) or seconds since the epoch.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Its end.", show_default="now")] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone, as Europe/Madrid.", show_default="reports.zone, UTC")
    ] = None,
    language: Annotated[
        Language | None, typer.Option(help="Language of the report.", show_default="reports.language, en")
    ] = None,
    backend: Annotated[
        Backend | None,
        typer.Option(
            help="Where the numbers are; remote is a running console, embedded a store that no `serve` has open.",
            show_default="that of the configuration, else remote",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Address of the console or of Prometheus.", show_default="that of the configuration"),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Directory of the store, for embedded.")] = None,
    form: Annotated[
        Form | None, typer.Option("--format", help="What to write.", show_default="by the name of --output, else md")
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Write to this file; may be given several times.", show_default="the standard output"
        ),
    ] = None,
    send: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Send it to a notifier; may be given several times.")
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="SOCKETSCOPE_REPORT_TOKEN", help="Bearer token for --url.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file.", show_default="socketscope.yaml, if there is one")
    ] = None,
) -> None:
    """Report on a day, or any other time: to a file, to the terminal, to receivers.

    Exit codes: 0 made and delivered, 1 a receiver did not take it, 2 it could not be made.
    """
    from socketscope.cli import asked
    from socketscope.config import load
    from socketscope.notify.registry import build, refuse_reports_to

    for file in output or ():
        _require_writable(file)
    settings = load(config, {"store": {"data": data, "memory": False}} if data else None)
    kind: Kind | None = backend.value if backend else "embedded" if data else None
    place = asked.backend(settings, kind, url, token)
    options = _reports(settings, zone, language)
    names = send or []
    refuse_reports_to(settings.notifiers, names, setting="--send")
    notifiers = [build(name, settings.notifiers[name]) for name in names]
    of = _period(date, since, until, options.zone)
    settings = settings.model_copy(update={"backend": place, "reports": options})
    wanted: Kept | None = form.value if form else None
    files: dict[Path | None, Kept] = {file: wanted or _by_name(file) for file in output or ()}
    if not files and (wanted or not names):
        files[None] = wanted or "md"
    if not asyncio.run(_run(of, settings, files, notifiers)):
        raise typer.Exit(NOT_DELIVERED)


async def _run(
    of: Period, settings: Settings, files: Mapping[Path | None, Kept], notifiers: Sequence[Notifier]
) -> bool:
    """Make it, write it (None: to the standard output), send it; whether every receiver took it."""
    from socketscope.cli.notify import tell
    from socketscope.reports.daily import notification
    from socketscope.reports.form.compose import Edition
    from socketscope.reports.form.forms import Forms

    with _progress() as progress:
        forms = Forms(await _make(of, settings, progress), Edition(language=settings.reports.language))
        texts = {file: forms.form(form) for file, form in files.items()}
        letter = notification(forms, link="") if notifiers else None
    for file, text in texts.items():
        _write(text, file)
    if letter is None:
        return True
    # Asked for by hand, it is not the one that the service sends: mail programs would show one of them.
    letter = replace(letter, key=f"{letter.key}:{forms.report.generated_at:.3f}")
    receipts = [(notifier.name, await notifier.send(letter)) for notifier in notifiers]
    for name, receipt in receipts:
        typer.echo(tell(name, receipt), err=True)
    return all(receipt.delivered for _, receipt in receipts)


async def _make(of: Period, settings: Settings, progress: Callable[[int, int], None]) -> Report:
    from socketscope.reporting import make

    async with _open(settings) as (asked, state):
        return await make(
            of,
            asked,
            settings.reports,
            now=time.time(),
            state=state,
            progress=progress,
        )


def _by_name(output: Path) -> Kept:
    """Return the form that a file's name says; Markdown for any other."""
    endings: dict[str, Kept] = {".html": "html", ".json": "json"}
    return endings.get(output.suffix, "md")


@contextlib.asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[tuple[Asked, State | None]]:
    """Open the backend, and beside an embedded one the state of alerts and reports."""
    from socketscope.alerting import opened
    from socketscope.cli.stored import opened_store
    from socketscope.reporting import asking
    from socketscope.service import own

    if settings.backend.kind != "embedded":
        async with asking(settings.backend, settings.links) as asked:
            yield asked, None
        return
    async with opened_store(settings) as store, own(store, settings.links) as asked:
        state_file = settings.state_file
        if state_file is None or not await asyncio.to_thread(state_file.is_file):
            yield asked, None
        else:
            async with opened(state_file) as state:
                yield asked, state


def _period(date: str | None, since: str | None, until: str | None, zone: str) -> Period:
    """Return what is reported on. Raises `ConfigurationError` that names the option."""
    from socketscope.errors import ConfigurationError
    from socketscope.reports import period

    if date is not None:
        if since is not None or until is not None:
            raise ConfigurationError("--date", date, "either --date, or --since and --until")
        try:
            of = dt.date.fromisoformat(date)
        except ValueError:
            raise ConfigurationError("--date", date, "a day, as 2026-11-23") from None
        return period.day(of, zone)
    if since is None:
        if until is not None:
            raise ConfigurationError("--until", until, "--since too")
        return period.day_before(time.time(), zone)
    end = time.time() if until is None else _moment("--until", until, zone)
    return period.between(_moment("--since", since, zone), end, zone)


def _moment(option: str, text: str, zone: str) -> float:
    from socketscope.errors import ConfigurationError

    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        expected = "a time in ISO 8601, as 2026-11-23T14:00, or seconds since the epoch"
        raise ConfigurationError(option, text, expected) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).timestamp()


def _reports(settings: Settings, zone: str | None, language: Language | None) -> ReportOptions:
    """Return the configuration's options, with those of the command line."""
    from socketscope.cli.serve import given
    from socketscope.errors import ConfigurationError
    from socketscope.reports.options import known_zone

    try:
        changed = given(zone=None if zone is None else known_zone(zone), language=language and language.value)
    except ValueError as error:
        raise ConfigurationError("--zone", zone, str(error)) from None
    return settings.reports.model_copy(update=changed)


def _require_writable(file: Path) -> None:
    # Before it is made, which may take long.
    from socketscope.errors import ConfigurationError

    if file.is_dir() or not os.access(file.absolute().parent, os.W_OK):
        raise ConfigurationError("--output", str(file), "a file in a folder that exists and can be written")


def _write(text: str, file: Path | None) -> None:
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {file}", err=True)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how far it is on a terminal, on the standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("asking the backend", total=None)

        def progress(done: int, of: int) -> None:
            description = "asking the backend" if done < of else "writing"
            shown.update(task, completed=done, total=of, description=description)

        yield progress
