"""When receivers are told of an alert, or a group of them: the decision alone, from times of evaluations.

Nothing here depends on when a process ran or what it did before it was told to: two services that evaluate the same
rules over the same data come to the same keys, so that a receiver can tell a duplicate from news.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from socketscope.alerts.grouping import Group
from socketscope.state.notices import Notice

End = Literal["resolved", "expired", "removed", "regrouped"]
"""How an alert ended: on a real value, because its data ended for good, because its rule is no more, or because the
configuration puts it into another group."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told: the status of the notification, and what makes its key one of its kind."""

    status: Literal["firing", "resolved"]
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Seconds: how often it is said again that an alert fires (0: never), and the shortest time until it fires anew."""

    repeat: float
    cooldown: float


def while_firing(group: Group, before: Notice | None, *, at: float, rhythm: Rhythm) -> tuple[Notice, Told | None]:
    """Decide for what fires.

    It is told at once, unless it was so less than the cooldown ago; then again after each `repeat` from its start, and
    when the group has more alerts than were told of. What is muted is told as soon as it is no more.
    """
    notice = before
    if notice is None or not notice.firing:
        notice = Notice(
            fingerprint=group.fingerprint,
            rule=group.rule.name,
            firing=True,
            started_at=group.started_at,
            told_at=before.told_at if before else None,
        )
    size = len(group.audible)
    if not size:
        return notice, None
    repeat = int((at - notice.started_at) // rhythm.repeat) if rhythm.repeat else 0
    cooled = notice.told_at is None or at - notice.told_at >= rhythm.cooldown
    grown = size > notice.size and cooled
    if not (cooled if notice.last is None else repeat > notice.repeat or grown):
        return notice, None
    size = max(size, notice.size)
    number = str(repeat) if size == 1 else f"{repeat}.{size}"
    return replace(notice, told_at=at, repeat=repeat, size=size), Told("firing", number)


def at_the_end(before: Notice, how: End) -> tuple[Notice, Told | None]:
    """Decide for what fires no more: its end is told where its beginning was, muted or not.

    Where its data ended, nobody knows whether all is well: it is told as still firing, for the last time.
    """
    after = replace(before, firing=False, last=None, repeat=0, size=0)
    if before.last is None:
        return after, None
    return after, Told("firing", "expired") if how == "expired" else Told("resolved", "0")


def is_over(notice: Notice, *, at: float, cooldown: float) -> bool:
    """Whether a notice can be forgotten: it neither fires nor holds anything back."""
    return not notice.firing and (notice.told_at is None or at - notice.told_at >= cooldown)
