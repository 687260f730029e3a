"""The loop: at each moment ask, judge, decide who is told, and keep all of it in one transaction."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from socketscope.alerts import set_back, unreachable
from socketscope.alerts.keeping import Outcome, keep_missed, let_go
from socketscope.alerts.letters import NO_NUMBERS, Numbers
from socketscope.alerts.news import news
from socketscope.alerts.options import AlertOptions
from socketscope.alerts.own_metrics import OwnMetrics
from socketscope.alerts.questions import Questions
from socketscope.alerts.routing import Routing
from socketscope.alerts.schedule import Due, Schedule
from socketscope.alerts.telling import Rhythm
from socketscope.rules.evaluate import evaluate
from socketscope.rules.model import Rule
from socketscope.rules.observe import Observation
from socketscope.rules.state import RuleState, Transition
from socketscope.state.notices import Notice
from socketscope.state.state import State

_logger = logging.getLogger(__name__)

NAP: Final = 5.0
"""Seconds after which a waiting loop looks at the clock again: it may have been set, or the machine slept."""
NUMBERS_TIMEOUT: Final = 5.0
"""Seconds for the fleet's numbers; a notification does not wait longer for them."""
PRUNE_EVERY: Final = 3600.0

ReadNumbers = Callable[[], Awaitable[Numbers]]


class Engine:
    """Evaluates `rules` over what `questions` asks. `load` comes first, then `run` until it is cancelled.

    `numbers` reads what notifications tell of the fleet; `on_told` is called when something was put into the outbox.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        questions: Questions,
        state: State,
        options: AlertOptions,
        *,
        routing: Routing,
        backend: str,
        numbers: ReadNumbers,
        link: str = "",
        on_told: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        shortest = min((rule.interval for rule in rules), default=15.0)
        self.watch = unreachable.rule(backend, after=options.unreachable_after, interval=shortest)
        self.rules: Mapping[str, Rule] = {rule.name: rule for rule in (*rules, self.watch)}
        self.states: dict[str, RuleState] = {}
        self.missed: dict[str, int] = {}
        """Evaluations of each rule that did not take place since the start of the process, and just before it."""
        self.evaluated_at: float | None = None
        """When an evaluation was last kept, by the clock."""
        self.problem: str | None = None
        """Why the last evaluation could not be made or kept."""
        self._options = options
        self._rhythm = Rhythm(repeat=options.repeat, cooldown=options.cooldown)
        self._questions = questions
        self._state = state
        self._routing = routing
        self._numbers = numbers
        self._link = link
        self._on_told = on_told
        self._clock = clock
        self._own = OwnMetrics()
        self._notices: dict[str, Notice] = {}
        self._schedule = Schedule({}, {}, catch_up=0)
        self._pruned_at = 0.0
        self._is_down = False

    async def load(self) -> None:
        """Take up where the last process stopped; what belongs to rules that are no more is let go."""
        kept = await asyncio.to_thread(self._state.rules.load)
        self._notices = await asyncio.to_thread(self._state.notices.load)
        gone = {name: kept.pop(name).state for name in list(kept) if name not in self.rules}
        self.states = {name: evaluated.state for name, evaluated in kept.items()}
        intervals = {name: rule.interval for name, rule in self.rules.items() if rule is not self.watch}
        last = {name: evaluated.moment for name, evaluated in kept.items()}
        self._schedule = Schedule(intervals, last, catch_up=self._options.catch_up)
        if gone:
            await asyncio.to_thread(let_go, self._state, gone, now=self._clock())

    async def run(self) -> None:
        """Evaluate in time, for ever. What goes wrong is logged and told by `problem`; the loop goes on."""
        while True:
            self._note_set_back(self._clock())
            missed = self._schedule.skip(self._clock())
            due = self._schedule.next()
            wait = due.moment - self._clock()
            try:
                if missed:
                    await self._note_missed(missed)
                if wait <= 0:
                    await self.evaluate(due)
                    self.problem = None
                    self._schedule.done(due)
            except Exception as error:
                self.problem = f"{type(error).__name__}: {error}"
                _logger.exception("an evaluation failed")
                wait = 1.0  # it is tried again until it is too old
            await asyncio.sleep(min(max(wait, 0.0), NAP))

    async def evaluate(self, due: Due) -> None:
        """Evaluate the rules that are due at one moment, decide who is told, and keep it. Raises `StateError`."""
        rules = [self.rules[name] for name in due.rules]
        seen = await self._questions.ask(rules, self.states, moment=due.moment)
        states, transitions = self._judge(rules, seen, due.moment)
        everything = {**self.states, **states}
        silences = await asyncio.to_thread(self._state.silences.active, self._clock())
        found = news(
            self.rules,
            everything,
            self._notices,
            transitions,
            silences=silences,
            at=due.moment,
            by=self._options.group_by,
            rhythm=self._rhythm,
        )
        numbers = await self._read_numbers() if found.drafts else NO_NUMBERS
        told = [draft.write(numbers=numbers, link=self._link) for draft in found.drafts]
        outcome = Outcome(
            moment=due.moment,
            states=states,
            transitions=transitions,
            notices=[*found.notices, *(notice for _, notice in told)],
            over=found.over,
            letters=[letter for letter, _ in told],
        )
        await asyncio.to_thread(self._keep, outcome)
        # Only what is on the disk counts.
        self.states = everything
        self._notices.update((notice.fingerprint, notice) for notice in outcome.notices)
        for fingerprint in outcome.over:
            del self._notices[fingerprint]
        self.evaluated_at = self._clock()
        self._own.evaluated((states[rule.name] for rule in rules), seconds=self.evaluated_at - due.moment)
        if outcome.letters:
            self._on_told()

    def _judge(
        self, rules: Iterable[Rule], seen: Mapping[str, Observation], moment: float
    ) -> tuple[dict[str, RuleState], list[Transition]]:
        states: dict[str, RuleState] = {}
        transitions: list[Transition] = []
        watched = unreachable.observe(seen.values())
        for rule, observation in [*((rule, seen[rule.name]) for rule in rules), (self.watch, watched)]:
            before = self.states.get(rule.name) or RuleState()
            states[rule.name], changes = evaluate(rule, before, observation, at=moment - rule.delay)
            transitions += changes
            if observation.problem and observation.problem != before.problem and not observation.unreachable:
                _logger.warning("%s can't be evaluated: %s", rule.name, observation.problem)
        self._note_reach(seen)
        return states, transitions

    def _note_reach(self, seen: Mapping[str, Observation]) -> None:
        """Log when the backend can't be asked any more, and when it can again."""
        down = all(observation.unreachable for observation in seen.values())
        if down and not self._is_down:
            _logger.warning("the backend can't be asked: %s", next(one.problem for one in seen.values()))
        elif self._is_down and not down:
            _logger.warning("the backend can be asked again")
        self._is_down = down

    def _note_set_back(self, now: float) -> None:
        """Where the clock was set back, now or while no process ran, go on from `now`."""
        ahead = self._schedule.ahead(now)
        if ahead <= set_back.TOLERANCE:
            return
        _logger.warning("the clock was set back by %.0f s: evaluations go on from now", ahead)
        self._schedule.forget_future(now)
        self.states = {name: set_back.state_until(state, now) for name, state in self.states.items()}
        self._notices = {name: set_back.notice_until(notice, now) for name, notice in self._notices.items()}

    async def _read_numbers(self) -> Numbers:
        try:
            async with asyncio.timeout(NUMBERS_TIMEOUT):
                return await self._numbers()
        except Exception:  # a notification without numbers is better than none
            _logger.info("the fleet's numbers are not available", exc_info=True)
            return NO_NUMBERS

    def _keep(self, outcome: Outcome) -> None:
        now = self._clock()
        outcome.keep(self._state, self.rules, self._routing, now=now)
        if now - self._pruned_at > PRUNE_EVERY:
            self._state.prune(now)
            self._pruned_at = now

    async def _note_missed(self, missed: Mapping[str, int]) -> None:
        for name, number in missed.items():
            self.missed[name] = self.missed.get(name, 0) + number
        self._own.missed(sum(missed.values()))
        _logger.warning(
            "%d evaluations of %d rules were missed: the service did not run, the machine slept, or there is more to do"
            " than can be done in time",
            sum(missed.values()),
            len(missed),
        )
        await asyncio.to_thread(keep_missed, self._state, self.rules, missed, now=self._clock())
