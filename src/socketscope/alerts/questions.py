"""Asking a backend what the rules want to know, many at a time and each for so long only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from socketscope.backends.base import Metrics
from socketscope.rules.model import Rule
from socketscope.rules.observe import Observation, observe


class Questions:
    """Asks `backend`, at most `concurrency` questions at a time, each for at most `timeout` seconds."""

    def __init__(self, backend: Metrics, *, concurrency: int, timeout: float) -> None:
        self._backend = backend
        self._timeout = timeout
        self._places = asyncio.Semaphore(concurrency)

    async def ask(self, rules: Iterable[Rule], *, moment: float) -> dict[str, Observation]:
        """Observe each rule at its moment, which is `moment` less its delay; rule -> what was seen, or why nothing."""
        rules = list(rules)
        seen = await asyncio.gather(*(self._observe(rule, moment - rule.delay) for rule in rules))
        return {rule.name: observation for rule, observation in zip(rules, seen, strict=True)}

    async def _observe(self, rule: Rule, at: float) -> Observation:
        async with self._places:
            try:
                async with asyncio.timeout(self._timeout):
                    return await observe(rule, self._backend, at=at)
            except TimeoutError:
                return Observation(problem=f"no answer within {self._timeout:g} s", unreachable=True)
