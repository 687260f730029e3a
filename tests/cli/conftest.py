import contextlib
import io
import os
import sys
from dataclasses import dataclass
from unittest import mock

import pytest

from socketscope.cli import main


@dataclass(frozen=True)
class Ran:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def socketscope(monkeypatch):
    """Runs the command line in this process, as `python -m socketscope` does; `environment` None: that of the tests."""

    def run(*arguments, cwd, environment=None):
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.chdir(cwd)
        with (
            mock.patch.dict(os.environ, environment or {}, clear=environment is not None),
            mock.patch.object(sys, "argv", ["socketscope", *map(str, arguments)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = 0
            try:
                main()
            except SystemExit as ended:
                code = ended.code or 0
        return Ran(code, out.getvalue(), err.getvalue())

    return run
