"""The command `socketscope`; each command has a file of its own, imported when it is used."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from socketscope.errors import SocketscopeError

MISUSE = 2
"""Exit code for an option, a setting or a surrounding that can't be used."""


def main() -> None:
    """Run the command line. Exits with 2, and one line on stderr for each mistake, for what socketscope refuses."""
    try:
        from socketscope.cli.commands import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "typer":
            raise
        sys.stderr.write("The command `socketscope` needs the extra 'otlp': pip install 'socketscope[otlp]'.\n")
        sys.exit(MISUSE)
    try:
        app()
    except* SocketscopeError as mistakes:
        for mistake in _each(mistakes):
            sys.stderr.write(f"{mistake}\n")
        sys.exit(MISUSE)


def _each(group: BaseExceptionGroup[SocketscopeError]) -> Iterator[SocketscopeError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _each(error)
        else:
            yield error
