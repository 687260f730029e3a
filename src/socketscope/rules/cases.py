"""Cases as data: series, and which alerts there are at which time. They run through the embedded backend itself."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from socketscope.backends.embedded import EmbeddedBackend
from socketscope.errors import QueryError, RuleError
from socketscope.query.sql_parts import MAX_STEPS
from socketscope.rules.case_series import SeriesError, Timeline, export
from socketscope.rules.document import Document, Place, read
from socketscope.rules.evaluate import evaluate
from socketscope.rules.form import Duration, Form
from socketscope.rules.load import PACK, Mistake, collect, rules_of
from socketscope.rules.mistakes import nearest, validate
from socketscope.rules.model import Rule
from socketscope.rules.observe import observe_range
from socketscope.rules.quantities import written as duration
from socketscope.rules.state import Condition, Health, RuleState
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.store import Store

EPOCH: Final = 1_800_000_000.0
"""The time 0 of a case, in epoch seconds: an hour that begins."""
_ROUNDING: Final = 1e-6


class ExpectForm(Form):
    """An alert that is expected."""

    alert: str
    """Name of the rule."""
    state: Condition = "firing"
    """`inactive`: the rule has no alert with these labels."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Values of the attributes in `by`."""
    health: Health | None = None
    """The rule's health, where it matters."""


class CheckForm(Form):
    """What is so at one time."""

    at: Duration
    """Since the begin of the series."""
    expect: Annotated[list[ExpectForm], Field(min_length=1)]
    """Of each rule that is named, all its alerts."""


class CaseForm(Form):
    """Series of metrics, and what a rule makes of them."""

    name: str
    """A sentence that says what is shown."""
    series: dict[str, str]
    """`metric{attribute="value"}` -> values as promtool writes them: `1 2 _ 0x10 1+1x5`."""
    step: Duration = 15.0
    """Time between two values."""
    checks: Annotated[list[CheckForm], Field(min_length=1)]
    """What is expected when."""
    portable: bool = True
    """Whether Prometheus fires at the same times with the exported rules; false where data is missing."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met."""

    file: Path
    line: int
    case: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.case}: {self.message}"


@dataclass(frozen=True, slots=True)
class Case:
    """A case that can be run: its rules, its series, its expectations."""

    document: Document
    place: Place
    form: CaseForm
    timelines: Sequence[Timeline]
    rules: Mapping[str, Rule]

    def run(self) -> list[Failure]:
        """Run it in a store in memory, and say what is not as expected."""
        return asyncio.run(self._run())

    async def _run(self) -> list[Failure]:
        end = max(check.at for check in self.form.checks)
        store = await asyncio.to_thread(Store.open, None, clock=lambda: round(EPOCH * 1e9))
        try:
            for body in export(self.timelines, start=EPOCH, step=self.form.step, until=end):
                _, committed = submit(store, SIGNALS[0], body)
                await asyncio.wrap_future(committed)
            backend = EmbeddedBackend(store)
            named = {expected.alert for check in self.form.checks for expected in check.expect}
            failures = []
            for name in sorted(named):
                try:
                    failures += await self._follow(self.rules[name], backend)
                except QueryError as error:
                    failures.append(self._failure((), f"{name} can't be asked here: {error}"))
            return failures
        finally:
            await asyncio.to_thread(store.close)

    async def _follow(self, rule: Rule, backend: EmbeddedBackend) -> list[Failure]:
        """Evaluate one rule at each of its intervals, and compare at the checks."""
        state, failures = RuleState(), list[Failure]()
        checks = sorted(enumerate(self.form.checks), key=lambda numbered: numbered[1].at)
        start = EPOCH - rule.delay
        observed = deque(
            await observe_range(rule, backend, start=start, end=start + checks[-1][1].at, step=rule.interval)
        )
        for index, check in checks:
            while observed and observed[0][0] <= start + check.at + _ROUNDING:
                at, observation = observed.popleft()
                state, _ = evaluate(rule, state, observation, at=at)
            if any(expected.alert == rule.name for expected in check.expect):
                failures += self._compare(rule, state, check, ("checks", index))
        return failures

    def _compare(self, rule: Rule, state: RuleState, check: CheckForm, place: Place) -> Iterator[Failure]:
        expectations = [expected for expected in check.expect if expected.alert == rule.name]
        wanted = {
            tuple(sorted(expected.labels.items())): expected.state
            for expected in expectations
            if expected.state != "inactive"
        }
        found = {labels: alert.state for labels, alert in state.alerts.items()}
        if wanted != found:
            yield self._failure(
                place, f"at {check.at:g} s {rule.name} is {_shown(found)}, expected is {_shown(wanted)}"
            )
        for expected in expectations:
            if expected.health is not None and expected.health != state.health:
                yield self._failure(
                    place,
                    f"at {check.at:g} s the health of {rule.name} is {state.health!r}, expected is {expected.health!r}",
                )

    def _failure(self, place: Place, message: str) -> Failure:
        return Failure(self.document.file, self.document.line((*self.place, *place)), self.form.name, message)


def load_cases(file: Path) -> list[Case]:
    """Read the cases of a file, for its own `rules`, for those of the files in `rule_files`, or for the pack.

    Raises an `ExceptionGroup` of a `RuleError` for each mistake.
    """
    document, wrong = read(file)
    mistakes: list[Mistake] = list(wrong)
    if not mistakes and not isinstance(document.data, dict):
        mistakes.append(document.mistake((), "cases under the key 'cases', and rules or rule_files"))
    rules = _rules(document, mistakes) if not mistakes else []
    by_name = {rule.name: rule for rule in rules}
    cases: list[Case] = []
    written = document.value(("cases",))
    if not mistakes and not isinstance(written, list):
        mistakes.append(document.mistake(("cases",), "a list of cases"))
    for index in range(len(written) if isinstance(written, list) else 0):
        place: Place = ("cases", index)
        form, wrong = validate(CaseForm, document, place)
        mistakes += wrong
        if form is not None:
            wrong, timelines = _check(form, document, place, by_name)
            mistakes += wrong
            cases.append(Case(document, place, form, timelines, by_name))
    if mistakes:
        raise ExceptionGroup("cases", mistakes)
    return cases


def _rules(document: Document, mistakes: list[Mistake]) -> list[Rule]:
    known = ("rules", "rule_files", "cases")
    unknown = [str(key) for key in document.data if key not in known]
    mistakes += [
        document.mistake((key,), f"one of the keys {', '.join(known)}{nearest(key, known)}") for key in unknown
    ]
    rules: list[Rule] = []
    if "rules" in document.data:
        rules, wrong = rules_of(document, others=known)
        mistakes += [mistake for mistake in wrong if mistake.key not in unknown]
    files = document.data.get("rule_files", [] if rules or "rules" in document.data else ["pack"])
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        mistakes.append(document.mistake(("rule_files",), "a list of files; 'pack' stands for what is shipped"))
        return rules
    paths = [path for name in files for path in (PACK if name == "pack" else [document.file.parent / name])]
    more, wrong_more = collect(paths)
    mistakes += wrong_more
    return [*rules, *more]


def _check(
    form: CaseForm, document: Document, place: Place, rules: Mapping[str, Rule]
) -> tuple[list[RuleError], list[Timeline]]:
    mistakes, timelines = [], []
    if form.step <= 0:
        mistakes.append(document.mistake(("step",), "a duration over 0", within=place, found=form.step))
    for written, values in form.series.items():
        try:
            timelines.append(Timeline.read(written, values))
        except SeriesError as error:
            mistakes.append(document.mistake(("series", written), str(error), within=place))
    for index, check in enumerate(form.checks):
        for number, expected in enumerate(check.expect):
            if expected.alert not in rules:
                where: Place = ("checks", index, "expect", number, "alert")
                hint = f"the name of a rule{nearest(expected.alert, rules)}"
                mistakes.append(document.mistake(where, hint, within=place, found=expected.alert))
            elif check.at > (longest := (MAX_STEPS - 1) * rules[expected.alert].interval):
                hint = f"at most {duration(longest)}, {MAX_STEPS} evaluations of {expected.alert}"
                mistakes.append(document.mistake(("checks", index, "at"), hint, within=place, found=check.at))
    return mistakes, timelines


def _shown(alerts: Mapping[tuple[tuple[str, str], ...], str]) -> str:
    if not alerts:
        return "inactive"
    return ", ".join(
        f"{state}{{{', '.join(f'{name}={value}' for name, value in labels)}}}" if labels else state
        for labels, state in sorted(alerts.items())
    )
