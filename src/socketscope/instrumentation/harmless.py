"""Whatever goes wrong in our reporting, the application that is watched is not disturbed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class Complains(Protocol):
    """Says what became of an error of ours."""

    def failed(self) -> None:
        """Note the error that is being handled."""


T = TypeVar("T", bound=Complains)
P = ParamSpec("P")
R = TypeVar("R")


def harmless(method: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R | None]:
    """Make a method hand its exceptions to `failed()` and give None instead."""

    @functools.wraps(method)
    def guarded(self: T, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return method(self, *args, **kwargs)
        except Exception:
            self.failed()
            return None

    return guarded
