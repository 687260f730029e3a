"""One alert for a backend that can't be asked, in place of one for each rule that knows nothing then."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from socketscope.rules.model import Raw, Rule
from socketscope.rules.observe import Observation, Reading

NAME: Final = "BackendUnreachable"


def rule(backend: str, *, after: float, interval: float) -> Rule:
    """Return the rule, which the engine evaluates beside all others; its value is 1 while nothing can be asked."""
    return Rule(
        name=NAME,
        query=Raw({}),
        above=0.0,
        for_=after,
        interval=interval,
        severity="critical",
        summary=f"The {backend} backend can't be asked: no rule is evaluated, and all alerts stay as they were.",
        runbook="docs/runbooks/backend-unreachable.md",
        labels={"backend": backend},
    )


def observe(observations: Iterable[Observation]) -> Observation:
    """Judge the answers to all questions that were asked at a time: unreachable is what answered none of them."""
    down = all(observation.unreachable for observation in observations)
    return Observation({(): Reading(1.0 if down else 0.0)})
