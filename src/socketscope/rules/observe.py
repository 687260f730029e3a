"""What a backend answers to a rule's question, at one moment or at many.

The sides of a ratio are asked separately and divided here, so that it means the same on every backend. What a process
has counted never, it does not report: counts of ours that are not there, while processes report (`ALIVE`), are 0 and
not unknown.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, Protocol, runtime_checkable

from socketscope import semconv
from socketscope.backends.base import Metrics, Sample, Series
from socketscope.errors import BackendError, BackendStatusError, QueryError
from socketscope.query.model import Query, Ratio
from socketscope.rules.model import Raw, RawLanguage, Rule

Labels = tuple[tuple[str, str], ...]
"""Names and values, by name; an attribute without a value is not among them."""

COUNTING: Final = ("increase", "rate")
ALIVE: Final = semconv.OVERFLOW.name
"""What every process reports from its start to its end."""
_OURS: Final = {metric.name: {attribute.name for attribute in metric.attributes} for metric in semconv.METRICS}


class Reading(NamedTuple):
    """The value of a label set. `enough` is False where too little was counted for the condition to hold."""

    value: float
    enough: bool = True


@dataclass(frozen=True, slots=True)
class Observation:
    """An answer: a reading for each label set; none at all is "no data".

    `problem` is why the query failed. `unreachable`: the backend could not be asked; otherwise the question is one
    that it can't answer.
    """

    readings: Mapping[Labels, Reading] = field(default_factory=dict)
    problem: str | None = None
    unreachable: bool = False


@runtime_checkable
class RawMetrics(Protocol):
    """A backend that can be asked in its own language."""

    language: RawLanguage

    async def raw_instant(self, text: str, *, at: float) -> Sequence[Sample]:
        """Answer at one moment; the labels are as the backend has them."""
        ...

    async def raw_range(self, text: str, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer at `start, start + step, ...` up to `end`."""
        ...


async def observe(rule: Rule, backend: Metrics, *, at: float, known: Iterable[Labels] = ()) -> Observation:
    """Ask for the window that ends at `at` (epoch seconds). What goes wrong is in the observation.

    `known`: label sets of which something has to be said, those of the rule's alerts.
    """
    try:
        answers = await asyncio.gather(*(_instant(part, backend, at) for part in parts(rule)))
        readings = combine(rule, answers)
        missing = [labels for labels in known if labels not in readings]
        if missing and await _alive(rule, backend, at):
            readings |= dict.fromkeys(missing, NOTHING)
    except (BackendError, QueryError) as error:
        return Observation(problem=str(error), unreachable=not is_refused(error))
    return Observation(readings)


async def observe_range(
    rule: Rule, backend: Metrics, *, start: float, end: float, step: float
) -> list[tuple[float, Observation]]:
    """Ask for every moment `start, start + step, ...` up to `end`, all at once.

    Raises `BackendError` and `QueryError`: of the past there is nothing to wait for.
    """
    moments = [start + k * step for k in range(math.floor((end - start) / step + 1e-9) + 1)]
    asked = [*parts(rule), *alive_parts(rule)]
    answers = await asyncio.gather(
        *(_range(part, backend, start=start, end=end, step=step, moments=len(moments)) for part in asked)
    )
    split = len(parts(rule))
    found = [combine(rule, [answer[k] for answer in answers[:split]]) for k in range(len(moments))]
    if answers[split:]:
        known = {labels for readings in found for labels in readings}
        for k, readings in enumerate(found):
            if len(readings) < len(known) and all(answer[k] for answer in answers[split:]):
                found[k] = dict.fromkeys(known, NOTHING) | readings
    return [(moment, Observation(readings)) for moment, readings in zip(moments, found, strict=True)]


def is_refused(error: BackendError | QueryError) -> bool:
    """Whether the backend can be asked, but not this."""
    return isinstance(error, QueryError) or (isinstance(error, BackendStatusError) and error.status in (400, 422))


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Put labels in order, without empty ones."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


Values = Mapping[Labels, float]
NOTHING: Final = Reading(0.0, enough=False)
"""Nothing was counted, and that is known."""


def parts(rule: Rule) -> tuple[Query | Raw, ...]:
    """Give the questions of a rule: both sides of a ratio; beside a quantile, of how many observations it is."""
    query = rule.query
    if isinstance(query, Ratio):
        return (query.numerator, query.denominator)
    if isinstance(query, Query) and is_quantile(query):
        return (query, replace(query, over_time="increase", complement=False))
    return (query,)


def combine(rule: Rule, answers: Sequence[Values]) -> dict[Labels, Reading]:
    """Make readings of the answers to the parts of a rule."""
    if isinstance(rule.query, Ratio):
        return _divided(rule, rule.query, *answers)
    if len(answers) == 2:
        quantiles, counts = answers
        enough = {labels: count >= (rule.at_least or 0) for labels, count in counts.items()}
        quiet = {labels: NOTHING for labels, count in counts.items() if not count}
        return quiet | {labels: Reading(value, enough.get(labels, True)) for labels, value in quantiles.items()}
    if rule.absent and not answers[0]:
        return {(): Reading(0.0)}
    return {labels: Reading(value) for labels, value in answers[0].items()}


def alive_parts(rule: Rule) -> tuple[Query, ...]:
    """Give the questions whose answers say that processes report, so that what is missing was never counted.

    None where that can't be said: of values, of others' metrics, of single processes.
    """
    asked = [part for part in parts(rule) if isinstance(part, Query)]
    for part in asked:
        counted = part.over_time in COUNTING or is_quantile(part)
        if (
            part.metric not in _OURS
            or not counted
            or part.complement
            or not set(part.by) <= _OURS.get(part.metric, set())
        ):
            return ()
    found: list[Query] = []
    for part in asked:
        where = {name: values for name, values in part.where.items() if name not in _OURS[part.metric]}
        question = Query(ALIVE, window=part.window, where=where, offset=part.offset)
        if question not in found:
            found.append(question)
    return tuple(found)


def is_quantile(query: Query) -> bool:
    """Whether it asks for a quantile."""
    return query.over_time.startswith("p")


async def _alive(rule: Rule, backend: Metrics, at: float) -> bool:
    asked = alive_parts(rule)
    answers = await asyncio.gather(*(_instant(part, backend, at) for part in asked))
    return bool(asked) and all(answers)


async def _instant(part: Query | Raw, backend: Metrics, at: float) -> Values:
    if isinstance(part, Raw):
        asked, text = _raw(part, backend)
        samples = await asked.raw_instant(text, at=at)
    else:
        samples = await backend.instant(part, at=at)
    return values_of(samples)


def values_of(samples: Iterable[Sample]) -> Values:
    """Give the value of each label set; what is no number is no data."""
    return {labels_of(sample.labels): sample.value for sample in samples if not math.isnan(sample.value)}


async def _range(
    part: Query | Raw, backend: Metrics, *, start: float, end: float, step: float, moments: int
) -> list[dict[Labels, float]]:
    if isinstance(part, Raw):
        asked, text = _raw(part, backend)
        series = await asked.raw_range(text, start=start, end=end, step=step)
    else:
        series = await backend.range(part, start=start, end=end, step=step)
    found: list[dict[Labels, float]] = [{} for _ in range(moments)]
    for line in series:
        labels = labels_of(line.labels)
        for at, (_, value) in zip(found, line.points, strict=False):
            if value is not None and not math.isnan(value):
                at[labels] = value
    return found


def _divided(rule: Rule, ratio: Ratio, above: Values, below: Values) -> dict[Labels, Reading]:
    counted = ratio.numerator.over_time in COUNTING and not ratio.numerator.complement
    readings = {}
    for labels, denominator in below.items():
        numerator = above.get(labels, 0.0 if counted else None)
        if numerator is None:
            continue
        enough = rule.at_least is None or max(numerator, denominator) >= rule.at_least
        if denominator:
            readings[labels] = Reading(numerator / denominator, enough)
        elif numerator:
            readings[labels] = Reading(math.copysign(math.inf, numerator), enough)
        elif not enough:  # nothing of nothing: no ratio, and too little for the condition to hold
            readings[labels] = NOTHING
    return readings


def _raw(query: Raw, backend: Metrics) -> tuple[RawMetrics, str]:
    if not isinstance(backend, RawMetrics):
        raise QueryError(f"a raw query ({', '.join(query.by_backend)}) can't be asked of {type(backend).__name__}")
    text = query.by_backend.get(backend.language)
    if text is None:
        raise QueryError(f"the rule has no raw query for {backend.language}")
    return backend, text
