"""When rules would have fired over a past window: a range query for each, and the evaluator over its answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from socketscope.backends.base import Metrics
from socketscope.errors import BackendError, QueryError
from socketscope.query.sql_parts import MAX_STEPS
from socketscope.rules.evaluate import evaluate
from socketscope.rules.model import Rule
from socketscope.rules.observe import Labels, Observation, observe_range
from socketscope.rules.state import RuleState, Transition


@dataclass(slots=True)
class Episode:
    """An alert that fired; times are epoch seconds.

    `ended_at` is None where it fired to the end of the window. `extreme`: the value furthest beyond the threshold.
    """

    labels: dict[str, str]
    fired_at: float
    extreme: float | None
    ended_at: float | None = None
    expired: bool = False


@dataclass(slots=True)
class Replayed:
    """What became of a rule: its evaluations, how many of them had no data, and when it fired.

    `problem` is why it could not be asked at all.
    """

    rule: Rule
    evaluations: int = 0
    without_data: int = 0
    episodes: list[Episode] = field(default_factory=list)
    problem: str | None = None


async def replay(rules: Iterable[Rule], backend: Metrics, *, since: float, until: float) -> list[Replayed]:
    """Evaluate each rule at every one of its intervals in `[since, until]`.

    It begins as much earlier as a rule's `for` lasts, so that what held before `since` fires then. A rule that the
    backend can't answer has a `problem`. Raises `BackendError` when the backend can't be asked.
    """
    return [await _replay(rule, backend, since, until) for rule in rules]


async def _replay(rule: Rule, backend: Metrics, since: float, until: float) -> Replayed:
    replayed, state = Replayed(rule), RuleState()
    open_episodes: dict[Labels, Episode] = {}
    first = math.ceil((since - rule.for_) / rule.interval) * rule.interval
    try:
        for start, end in _pieces(first, until, rule.interval):
            observed = await observe_range(
                rule, backend, start=start - rule.delay, end=end - rule.delay, step=rule.interval
            )
            for moment, observation in observed:
                at = moment + rule.delay
                state, transitions = evaluate(rule, state, observation, at=at)
                if at >= since:
                    replayed.evaluations += 1
                    replayed.without_data += not observation.readings
                _follow(replayed, open_episodes, transitions, state, observation)
    except QueryError as error:
        replayed.problem = str(error)
    except BackendError as error:
        raise BackendError(f"{rule.name}: {error}") from error
    return replayed


def _pieces(first: float, until: float, step: float) -> Iterator[tuple[float, float]]:
    """Cut a grid into pieces that may be asked for at once."""
    count = max(0, math.floor((until - first) / step + 1e-9) + 1)
    for begin in range(0, count, MAX_STEPS):
        end = min(begin + MAX_STEPS, count) - 1
        yield first + begin * step, first + end * step


def _follow(
    replayed: Replayed,
    episodes: dict[Labels, Episode],
    transitions: tuple[Transition, ...],
    state: RuleState,
    observation: Observation,
) -> None:
    for change in transitions:
        key = tuple(sorted(change.alert.labels.items()))
        if change.after == "firing":
            episodes[key] = Episode(dict(change.alert.labels), change.at, change.alert.value)
            replayed.episodes.append(episodes[key])
        elif change.before == "firing":
            ended = episodes.pop(key)
            ended.ended_at, ended.expired = change.at, change.expired
    if episodes and observation.readings:
        for alert in state.alerts.values():
            episode = episodes.get(tuple(sorted(alert.labels.items())))
            if episode and alert.value is not None:
                episode.extreme = _further(replayed.rule, episode.extreme, alert.value)


def _further(rule: Rule, one: float | None, other: float) -> float:
    if one is None:
        return other
    return max(one, other) if rule.above is not None else min(one, other)
