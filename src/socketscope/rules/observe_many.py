"""What a backend that takes many questions at once answers to many rules at one moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from socketscope.backends.base import Sample
from socketscope.query.model import Query
from socketscope.rules.model import Rule
from socketscope.rules.observe import (
    NOTHING,
    Labels,
    Observation,
    Values,
    alive_parts,
    combine,
    parts,
    values_of,
)


@runtime_checkable
class ManyMetrics(Protocol):
    """A backend that answers many questions at once."""

    async def instant_many(self, queries: Sequence[Query], *, at: float) -> Sequence[Sequence[Sample]]:
        """Answer each query at one moment."""
        ...


async def observe_many(
    rules: Sequence[Rule],
    backend: ManyMetrics,
    *,
    at: float,
    known: Mapping[str, Collection[Labels]] = MappingProxyType({}),
) -> list[Observation]:
    """Ask for all rules, none of them raw, and answer in their order as `observe` would; `known` is by a rule's name.

    Raises `BackendError`, and `QueryError` if one of them can't be asked.
    """
    asked = [[part for part in parts(rule) if isinstance(part, Query)] for rule in rules]
    answers = await _answers((part for questions in asked for part in questions), backend, at)
    found = [
        combine(rule, [answers[_key(part)] for part in questions]) for rule, questions in zip(rules, asked, strict=True)
    ]
    missing = [
        [labels for labels in known.get(rule.name, ()) if labels not in readings]
        for rule, readings in zip(rules, found, strict=True)
    ]
    alive = [alive_parts(rule) if gone else () for rule, gone in zip(rules, missing, strict=True)]
    answers = await _answers((part for questions in alive for part in questions), backend, at)
    for readings, gone, questions in zip(found, missing, alive, strict=True):
        if questions and all(answers[_key(part)] for part in questions):
            readings.update(dict.fromkeys(gone, NOTHING))
    return [Observation(readings) for readings in found]


async def _answers(queries: Iterable[Query], backend: ManyMetrics, at: float) -> dict[tuple[Any, ...], Values]:
    """Ask every question once."""
    different = {_key(query): query for query in queries}
    if not different:
        return {}
    answers = await backend.instant_many(list(different.values()), at=at)
    return {key: values_of(samples) for key, samples in zip(different, answers, strict=True)}


def _key(query: Query) -> tuple[Any, ...]:
    where = tuple(sorted(query.where.items()))
    return (
        query.metric, query.over_time, query.window, query.across, query.by, where, query.offset, query.complement,
        query.absent,
    )  # fmt: skip
