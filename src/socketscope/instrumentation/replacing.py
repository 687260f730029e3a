"""Replacing what belongs to others, once their module is imported, and giving it back."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from wrapt import register_post_import_hook

_logger = logging.getLogger(__name__)

Undo = Callable[[], None]
_MARK: Final = "socketscope"
"""Attribute of the functions that stand in for others."""


def replace(owner: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Undo:
    """Replace a function of a class or module by what `wrap` makes of it; what was replaced already stays as it is.

    Raises AttributeError where `owner` has no such function.
    """
    original = vars(owner).get(name)
    if original is None:
        raise AttributeError(f"{owner!r} has no {name}")
    function = original.__func__ if isinstance(original, staticmethod) else original
    if hasattr(function, _MARK):
        return lambda: None
    replacement = functools.wraps(function)(wrap(function))
    vars(replacement)[_MARK] = True
    setattr(owner, name, staticmethod(replacement) if isinstance(original, staticmethod) else replacement)
    return lambda: setattr(owner, name, original)


def together(*steps: Undo) -> Undo:
    """Give what undoes all of `steps`, the last one first."""

    def undo() -> None:
        for step in reversed(steps):
            step()

    return undo


def when_imported(module: str, patch: Callable[[ModuleType], Undo]) -> Undo:
    """Run `patch` on a module as soon as it is imported, at once where it is already; gives what undoes it.

    Servers are not imported for the sake of the patch: it would cost every process, and daphne's module chooses
    Twisted's reactor.
    """
    undo: list[Undo] = []
    wanted = True

    def imported(found: ModuleType) -> None:
        if not wanted:
            return
        try:
            undo.append(patch(found))
        except (AttributeError, TypeError) as error:  # a version that is built otherwise: it goes on, unwatched
            _logger.warning("socketscope can't watch %s as it is installed here: %s", module, error)

    def forget() -> None:
        nonlocal wanted
        wanted = False  # the hook itself can't be taken back
        for step in reversed(undo):
            step()
        undo.clear()

    register_post_import_hook(imported, module)
    return forget
