import subprocess
import sys

import pytest

from socketscope import __version__
from socketscope.cli import commands, main
from socketscope.errors import ConfigurationError


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "socketscope", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line in this process; its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["socketscope", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


def test_python_dash_m_is_the_command_and_tells_its_version():
    ran = command("--version")
    assert (ran.returncode, ran.stdout) == (0, f"socketscope {__version__}\n")


def test_an_unknown_command_is_named():
    ran = command("severe")
    assert ran.returncode == 2
    assert "severe" in ran.stderr


def test_a_command_whose_extra_is_missing_says_which_to_install(run, monkeypatch):
    monkeypatch.setitem(commands.EXTRAS, "server", ("duckdb", "a_module_that_nobody_has.part"))
    code, _, complaint = run("serve", "--port", "1", "--whatever")
    assert code == 2
    assert complaint == "socketscope serve needs the extra 'server': pip install 'socketscope[server]'.\n"


def test_the_help_lists_commands_whose_extra_is_missing(run, monkeypatch):
    for extra in commands.EXTRAS:
        monkeypatch.setitem(commands.EXTRAS, extra, ("a_module_that_nobody_has",))
    code, output, _ = run("--help")
    assert code == 0
    assert all(name in output for name in commands.COMMANDS)
    assert "Needs the extra 'server'" in output


def test_without_typer_the_command_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.delitem(sys.modules, "socketscope.cli.commands")
    code, _, complaint = run("serve")
    assert code == 2
    assert "pip install 'socketscope[otlp]'" in complaint


def test_every_mistake_is_a_line_of_its_own_without_a_traceback(run, monkeypatch):
    mistakes = [ConfigurationError("console.port", -1, "a port"), ConfigurationError("store.data", "", "a directory")]

    def refuse():
        raise ExceptionGroup("settings", mistakes)

    monkeypatch.setattr(commands, "app", refuse)
    code, _, complaint = run()
    assert code == 2
    assert complaint.splitlines() == [str(mistake) for mistake in mistakes]
