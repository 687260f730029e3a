"""What belongs to others is replaced once, in time, and given back."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from socketscope.instrumentation.replacing import replace, together, when_imported


class Theirs:
    def method(self) -> str:
        """Theirs."""
        return "theirs"

    @staticmethod
    def static() -> str:
        return "static"


def loudly(original: Callable[..., str]) -> Callable[..., str]:
    return lambda *args: original(*args).upper()


@pytest.mark.parametrize(("name", "given"), [("method", "THEIRS"), ("static", "STATIC")])
def test_a_function_is_replaced_and_given_back_itself(name: str, given: str) -> None:
    original = vars(Theirs)[name]
    undo = replace(Theirs, name, loudly)
    assert getattr(Theirs(), name)() == given
    assert getattr(Theirs, name).__doc__ == original.__doc__
    undo()
    assert vars(Theirs)[name] is original


def test_what_is_replaced_is_not_replaced_again() -> None:
    first = replace(Theirs, "method", loudly)
    second = replace(Theirs, "method", lambda original: lambda *args: original(*args) + "!")
    assert Theirs().method() == "THEIRS"
    second()
    assert Theirs().method() == "THEIRS"
    first()
    assert Theirs().method() == "theirs"


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="has no missing"):
        replace(Theirs, "missing", loudly)


def test_steps_are_undone_the_last_one_first() -> None:
    undone: list[int] = []
    together(lambda: undone.append(1), lambda: undone.append(2))()
    assert undone == [2, 1]


@pytest.fixture
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> str:
    """A module that nobody has imported yet."""
    name = f"theirs_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text("def greet():\n    return 'hello'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_a_module_is_patched_when_it_is_imported_and_given_back(module: str) -> None:
    undo = when_imported(module, lambda found: replace(found, "greet", loudly))
    theirs = __import__(module)
    assert theirs.greet() == "HELLO"
    undo()
    assert theirs.greet() == "hello"


def test_what_was_undone_before_the_import_patches_nothing(module: str) -> None:
    when_imported(module, lambda found: replace(found, "greet", loudly))()
    assert __import__(module).greet() == "hello"


def test_a_version_that_is_built_otherwise_is_left_alone_and_told(
    module: str, caplog: pytest.LogCaptureFixture
) -> None:
    def patch(found: ModuleType) -> Callable[[], None]:
        return replace(found, "no_such_thing", loudly)

    undo = when_imported(module, patch)
    assert __import__(module).greet() == "hello"
    assert f"can't watch {module} as it is installed here" in caplog.text
    undo()
