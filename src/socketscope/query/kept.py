"""What the embedded backend keeps of the past, and from which of it a stretch of time is read.

Points are exact in time. A roll-up holds what happened in a bucket `(end - width, end]`, as one *piece* with the time
of its end; a point is a piece too. Whatever a window `(since, until]` is read from, each piece lies in it exactly if
its time does, so that adjoining windows add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

SECOND_NS: Final = 1_000_000_000
TENS: Final = 10 * SECOND_NS
MINUTES: Final = 60 * SECOND_NS
HOURS: Final = 3600 * SECOND_NS
WIDTHS: Final = (TENS, MINUTES, HOURS)
"""Widths of the roll-ups' buckets; each is a multiple of the one before. Buckets end at multiples of their width."""
POINTS: Final = 0
"""The width of a point."""
_FEWEST: Final = 6  # buckets for which another table is worth asking


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is of the past, in nanoseconds since the epoch.

    Roll-ups are complete up to `settled_ns` (of each width: up to the last bucket that ends by then); later points
    are read as they are. `after` says for each width, and `POINTS`, after which time its pieces are still there: a
    multiple of an hour, the greater the smaller the width.
    """

    created_ns: int
    settled_ns: int
    after: dict[int, int]

    def settled(self, width: int) -> int:
        """Up to when the roll-up of this width is complete."""
        return self.settled_ns - self.settled_ns % width


class Stretch(NamedTuple):
    """Pieces of one width in `(after, until]`."""

    width: int
    after: int
    until: int


def cover(kept: Kept, after: int, until: int, widest: int) -> list[Stretch]:
    """Cover `(after, until]` with stretches of pieces no wider than `widest`, none twice, the fewest pieces first.

    Where that narrow ones are no longer kept, the narrowest that are there are taken.
    """
    found: list[Stretch] = []
    upper = until
    for width in (POINTS, *WIDTHS):  # from what is kept for the shortest time to what is kept for the longest
        lower = max(after, kept.after[width])
        if lower < upper:
            wider = [other for other in WIDTHS if width < other <= widest]
            found += _fill(kept, lower, upper, width, wider)
            upper = lower
    return _joined(found)


def widest_dividing(*times: int) -> int:
    """Find the widest roll-up whose buckets end at all of these times; `POINTS` if there is none."""
    return max((width for width in WIDTHS if not any(time % width for time in times)), default=POINTS)


def _fill(kept: Kept, after: int, until: int, narrowest: int, wider: list[int]) -> list[Stretch]:
    """Take whole buckets of the widest, and fill what is left over on both sides with narrower ones."""
    if after >= until:
        return []
    if not wider:
        return [Stretch(narrowest, after, until)]
    *narrower, width = wider
    begin = -(-after // width) * width
    end = min(until, kept.settled_ns) // width * width
    if end - begin < _FEWEST * width:
        return _fill(kept, after, until, narrowest, narrower)
    return [
        Stretch(width, begin, end),
        *_fill(kept, after, begin, narrowest, narrower),
        *_fill(kept, end, until, narrowest, narrower),
    ]


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for stretch in sorted(stretches):
        if joined and joined[-1].width == stretch.width and joined[-1].until == stretch.after:
            joined[-1] = Stretch(stretch.width, joined[-1].after, stretch.until)
        else:
            joined.append(stretch)
    return joined
