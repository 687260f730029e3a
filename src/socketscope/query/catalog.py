"""What a compiler has to know of the store that it compiles for: which series there are, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from socketscope.query.kept import Kept


class Found(NamedTuple):
    """A series: its number, whether it is a histogram, and its values of the attributes that were asked for."""

    series_id: int
    histogram: bool
    values: tuple[str, ...]


class Catalog(Protocol):
    """Series of one store, and what is kept of them, at one moment."""

    @property
    def kept(self) -> Kept:
        """What is kept."""
        ...

    def find(
        self, metric: str, *, where: Mapping[str, tuple[str, ...]], by: tuple[str, ...], after_ns: int
    ) -> Iterable[Found]:
        """Find the series of `metric` whose attributes have one of the values of `where`, with points after a time.

        An attribute that a series lacks has the empty text for its value.
        """
        ...


@dataclass(slots=True)
class Groups:
    """Numbers for the distinct values of `by`, the same for both sides of a ratio."""

    values: list[tuple[str, ...]] = field(default_factory=list)
    _numbers: dict[tuple[str, ...], int] = field(default_factory=dict)

    def number(self, values: tuple[str, ...]) -> int:
        """Look up the number of these values, a new one if they are new."""
        number = self._numbers.get(values)
        if number is None:
            number = self._numbers[values] = len(self.values)
            self.values.append(values)
        return number
