"""A scripted course of things for fault tests: what is measured at each moment, and what must be told of it."""

import math
from dataclasses import dataclass

from socketscope.query.model import Query
from socketscope.rules.evaluate import evaluate
from socketscope.rules.model import Rule
from socketscope.rules.observe import Observation, Reading, labels_of
from socketscope.rules.state import RuleState

ERRORS = "websocket.server.errors"
LOAD = "websocket.server.user.count"  # notifications ask for none of its numbers
ALIVE = "socketscope.overflow"  # what says that processes report
ROUTE = "http.route"

RULES = """
rules:
  - alert: Errors
    query: {{metric: {errors}, over_time: increase, window: 1m, by: [{route}]}}
    above: 1
    for: {twice}
    interval: {interval}
    severity: critical
  - alert: Load
    query: {{metric: {load}, across: max}}
    above: 1
    interval: {interval}
"""


@dataclass
class Story:
    """`interval` seconds between evaluations, of which there are `length`; it begins at `start`.

    In its middle everything is bad from `steady_from` on, until somebody says `go_on`.
    """

    start: float
    interval: float
    length: int
    resumed_at: int | None = None

    def __post_init__(self):
        self.steady_from = self.length // 2

    def number(self, at):
        if self.start == math.inf:
            return -1
        return round((at - self.start) / self.interval)

    def moment(self, number):
        return self.start + number * self.interval

    def go_on(self, number, *, lost):
        """Let the steady stretch end at an evaluation that nobody has made yet; so many could not be made."""
        self.resumed_at = number
        self.length = max(self.length + lost, number + 30)

    def measured(self, metric, at):
        """Values by labels at a moment; None: telemetry has vanished, or there is none of this metric."""
        n = self.number(at)
        steady = n >= self.steady_from and (self.resumed_at is None or n < self.resumed_at)
        over = n < 0 or (n >= self.length and not steady)
        tells = {ERRORS: self._errors, ALIVE: self._alive, LOAD: self._load}.get(metric)
        return tells(n, steady, over) if tells else None

    def _alive(self, n, steady, over):
        return None if not steady and not over and n % 60 in range(48, 53) else {None: 0}

    def _errors(self, n, steady, over):
        bad = {"a": n % 24 in range(4, 14), "b": n % 30 in range(10, 22)}
        values = {(ROUTE, name): 5 if not over and (steady or bad[name]) else 0 for name in bad}
        return values if self._alive(n, steady, over) else None

    def _load(self, n, steady, over):
        if over or steady:
            return {None: 5 if steady else 0}
        if n % 40 in {15, 16, 17, 18, 33, 34, 35}:  # while it fires, and while it does not
            return None
        return {None: 5 if n % 40 in range(8, 28) else 0}

    def rules(self):
        text = {"errors": ERRORS, "load": LOAD, "route": ROUTE}
        return RULES.format(interval=self.interval, twice=2 * self.interval, **text)

    def expected(self):
        """The keys of all notifications, by the evaluator alone."""
        shared = {"above": 1.0, "interval": self.interval}
        rules = (
            Rule(name="Errors", query=Query(ERRORS, by=(ROUTE,)), for_=2 * self.interval, **shared),
            Rule(name="Load", query=Query(LOAD), **shared),
        )
        keys = []
        for rule, metric in zip(rules, (ERRORS, LOAD), strict=True):
            state = RuleState()
            for n in range(self.length + 5):
                at = self.moment(n)
                values = self.measured(metric, at) or {}
                readings = {labels_of(dict([pair] if pair else [])): Reading(float(v)) for pair, v in values.items()}
                state, transitions = evaluate(rule, state, Observation(readings), at=at)
                for transition in transitions:
                    alert = transition.alert
                    if transition.after == "firing":
                        keys.append(f"{alert.fingerprint}:{alert.fired_at:.3f}:firing:0")
                    elif transition.resolved:
                        keys.append(f"{alert.fingerprint}:{alert.fired_at:.3f}:resolved:0")
        return keys


def next_start(now, interval):
    """A moment that nobody has asked about yet, on the grid of all evaluations."""
    return math.ceil((now + 1) / interval) * interval
