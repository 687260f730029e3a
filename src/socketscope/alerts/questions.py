"""Asking a backend what the rules want to know, many at a time and each for so long only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from socketscope.backends.base import Metrics
from socketscope.rules.model import Rule
from socketscope.rules.observe import Observation, observe
from socketscope.rules.state import RuleState


class Questions:
    """Asks `backend`, at most `concurrency` questions at a time, each for at most `timeout` seconds."""

    def __init__(self, backend: Metrics, *, concurrency: int, timeout: float) -> None:
        self._backend = backend
        self._timeout = timeout
        self._places = asyncio.Semaphore(concurrency)

    async def ask(
        self, rules: Iterable[Rule], states: Mapping[str, RuleState], *, moment: float
    ) -> dict[str, Observation]:
        """Observe each rule at its moment, which is `moment` less its delay; rule -> what was seen, or why nothing.

        Of the alerts in `states` something has to be said even where nothing is counted any more.
        """
        rules = list(rules)
        seen = await asyncio.gather(*(self._observe(rule, states.get(rule.name), moment) for rule in rules))
        return {rule.name: observation for rule, observation in zip(rules, seen, strict=True)}

    async def _observe(self, rule: Rule, state: RuleState | None, moment: float) -> Observation:
        known = state.alerts if state else ()
        async with self._places:
            try:
                async with asyncio.timeout(self._timeout):
                    return await observe(rule, self._backend, at=moment - rule.delay, known=known)
            except TimeoutError:
                return Observation(problem=f"no answer within {self._timeout:g} s", unreachable=True)
