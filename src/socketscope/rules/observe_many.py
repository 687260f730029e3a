"""What a backend answers to many rules at one moment: all at once where it can, else several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol, runtime_checkable

from socketscope.backends.base import Metrics, Sample
from socketscope.errors import BackendError, QueryError
from socketscope.query.model import Query
from socketscope.rules.model import Raw, Rule
from socketscope.rules.observe import (
    NOTHING,
    Labels,
    Observation,
    Values,
    alive_parts,
    combine,
    observe,
    parts,
    values_of,
)

AT_ONCE: Final = 8
"""Rules that are asked at the same time of a backend that answers one question at a time."""


@runtime_checkable
class ManyMetrics(Protocol):
    """A backend that answers many questions at once."""

    async def instant_many(self, queries: Sequence[Query], *, at: float) -> Sequence[Sequence[Sample]]:
        """Answer each query at one moment."""
        ...


async def observe_many(
    rules: Sequence[Rule],
    backend: Metrics,
    *,
    at: float,
    known: Mapping[str, Collection[Labels]] = MappingProxyType({}),
) -> list[Observation]:
    """Ask for all rules, each as `observe` does, and answer in their order; `known` is by the name of the rule."""
    if isinstance(backend, ManyMetrics) and not any(isinstance(rule.query, Raw) for rule in rules):
        try:
            return await _together(rules, backend, at, known)
        except BackendError as error:
            return [Observation(problem=str(error), unreachable=True) for _ in rules]
        except QueryError:  # one of them can't be asked; one by one it is found which
            pass
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(rule: Rule) -> Observation:
        async with limit:
            return await observe(rule, backend, at=at, known=known.get(rule.name, ()))

    return list(await asyncio.gather(*map(one, rules)))


async def _together(
    rules: Sequence[Rule], backend: ManyMetrics, at: float, known: Mapping[str, Collection[Labels]]
) -> list[Observation]:
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
