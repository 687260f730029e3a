"""Replacing what belongs to others, once their module is imported, and giving it back."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from wrapt import register_post_import_hook

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
    if hasattr(original, _MARK):
        return lambda: None
    replacement = functools.wraps(original)(wrap(original))
    vars(replacement)[_MARK] = True
    setattr(owner, name, replacement)
    return lambda: setattr(owner, name, original)


def when_imported(module: str, patch: Callable[[ModuleType], Undo]) -> Undo:
    """Run `patch` on a module as soon as it is imported, at once where it is already; gives what undoes it.

    Servers are not imported for the sake of the patch: it would cost every process, and daphne's module chooses
    Twisted's reactor.
    """
    undo: list[Undo] = []
    wanted = True

    def imported(found: ModuleType) -> None:
        if wanted:
            undo.append(patch(found))

    def forget() -> None:
        nonlocal wanted
        wanted = False  # the hook itself can't be taken back
        for step in reversed(undo):
            step()
        undo.clear()

    register_post_import_hook(imported, module)
    return forget
