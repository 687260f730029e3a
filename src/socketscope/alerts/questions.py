"""Asking a backend what the rules want to know, many at a time and each for so long only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from socketscope.backends.base import Metrics
from socketscope.errors import BackendError, QueryError
from socketscope.rules.model import Raw, Rule
from socketscope.rules.observe import Observation, observe
from socketscope.rules.observe_many import ManyMetrics, observe_many
from socketscope.rules.state import RuleState

_delay: Final = attrgetter("delay")


class Questions:
    """Asks `backend`, at most `concurrency` questions at a time, each for at most `timeout` seconds.

    One that takes many questions at once is asked so, and one by one only where that fails: then it is found out what
    each rule is answered.

    A backend that leaves so many questions without an answer, and has given none, is not asked the rest: else a
    thousand rules would wait for hours for what is known by then.
    """

    def __init__(self, backend: Metrics, *, concurrency: int, timeout: float) -> None:
        self._backend = backend
        self._timeout = timeout
        self._concurrency = concurrency

    async def ask(
        self, rules: Iterable[Rule], states: Mapping[str, RuleState], *, moment: float
    ) -> dict[str, Observation]:
        """Observe each rule at its moment, which is `moment` less its delay; rule -> what was seen, or why nothing.

        Of the alerts in `states` something has to be said even where nothing is counted any more.
        """
        rules = list(rules)
        seen = await self._ask_together(rules, states, moment)
        left = [rule for rule in rules if rule.name not in seen]
        return seen | await self._ask_apart(left, states, moment)

    async def _ask_together(
        self, rules: Iterable[Rule], states: Mapping[str, RuleState], moment: float
    ) -> dict[str, Observation]:
        """Observe what can be asked at once; those rules are missing that could not."""
        if not isinstance(self._backend, ManyMetrics):
            return {}
        known = {name: tuple(state.alerts) for name, state in states.items()}
        seen: dict[str, Observation] = {}
        for delay, alike in groupby(sorted(rules, key=_delay), key=_delay):
            asked = [rule for rule in alike if not isinstance(rule.query, Raw)]
            with contextlib.suppress(BackendError, QueryError, TimeoutError):
                async with asyncio.timeout(self._timeout):
                    found = await observe_many(asked, self._backend, at=moment - delay, known=known)
                seen |= {rule.name: observation for rule, observation in zip(asked, found, strict=True)}
        return seen

    async def _ask_apart(
        self, rules: Sequence[Rule], states: Mapping[str, RuleState], moment: float
    ) -> dict[str, Observation]:
        places = asyncio.Semaphore(self._concurrency)
        silence = _Silence(self._concurrency)

        async def ask(rule: Rule) -> Observation:
            async with places:
                if silence.is_certain:
                    return self._unanswered()
                observation = await self._observe(rule, states.get(rule.name), moment - rule.delay)
                silence.note(observation)
                return observation

        seen = await asyncio.gather(*map(ask, rules))
        return {rule.name: observation for rule, observation in zip(rules, seen, strict=True)}

    async def _observe(self, rule: Rule, state: RuleState | None, at: float) -> Observation:
        try:
            async with asyncio.timeout(self._timeout):
                return await observe(rule, self._backend, at=at, known=state.alerts if state else ())
        except TimeoutError:
            return self._unanswered()

    def _unanswered(self) -> Observation:
        return Observation(problem=f"no answer within {self._timeout:g} s", unreachable=True)


class _Silence:
    """Whether a backend has answered nothing at all, `enough` times in a row from the first question on."""

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._unanswered = 0
        self._answered = False

    @property
    def is_certain(self) -> bool:
        return not self._answered and self._unanswered >= self._enough

    def note(self, observation: Observation) -> None:
        if observation.unreachable:
            self._unanswered += 1
        else:
            self._answered = True
