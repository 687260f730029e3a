"""How far a period's figures may be trusted, and from which source they are taken. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from socketscope.backends.ledger import ConnectionLedger
from socketscope.reports.answers import Answers
from socketscope.reports.model import MOST_GAPS, Certainty, Coverage, Figure, Fleet, Gap, Method, Reason, Source

T = TypeVar("T")

Kind = Literal["count", "mean", "estimate"]
"""What is missing makes a `count` too small, a `mean` (and whatever else may go up or down) anything; an `estimate` is
one even where nothing is missing."""

_WHEN_WHOLE: dict[Kind, Certainty] = {"count": "exact", "mean": "exact", "estimate": "estimate"}
_WHEN_NOT: dict[Kind, Certainty] = {"count": "at_least", "mean": "of_seen", "estimate": "of_seen"}


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of a period as a whole.

    * `coverage`: None where the backend can't tell. `whole`: nothing is missing; None where nobody knows.
    * `ledger`: the account of events; None where there is none, or where metrics counted more than it tells of.
    * `nothing`: why nothing is known of the period at all; None where something is.
    * `no_events`: why what only events can tell is not available.
    """

    coverage: Coverage | None
    whole: bool | None
    ledger: ConnectionLedger | None
    nothing: Reason | None
    no_events: Reason

    def from_events(self, value: T, method: Method, kind: Kind = "count") -> Figure[T]:
        """Make a figure of events; they can be had where metrics are not, and nobody knows then what is missing."""
        return self._figure(value, "events", method, kind)

    def from_metrics(self, value: T, method: Method, kind: Kind = "count") -> Figure[T]:
        """Make a figure of metrics; not available where nothing reported."""
        if self.nothing or self.coverage == Coverage(0, 0):
            return self.missing("metrics", method, self.nothing or "no_data")
        return self._figure(value, "metrics", method, kind)

    def missing(self, source: Source, method: Method, reason: Reason | None = None) -> Figure[T]:
        """Make a figure that is not available."""
        return Figure(
            value=None,
            source=source,
            method=method,
            coverage=self.coverage,
            reason=self.nothing or reason or self.no_events,
        )

    def certainty(self, kind: Kind) -> Certainty:
        """Say how far a value that was seen may be trusted."""
        if self.whole is None:
            return "unchecked"
        return (_WHEN_WHOLE if self.whole else _WHEN_NOT)[kind]

    def _figure(self, value: T, source: Source, method: Method, kind: Kind) -> Figure[T]:
        certainty = self.certainty(kind)
        return Figure(value=value, source=source, method=method, certainty=certainty, coverage=self.coverage)


def judge(answers: Answers) -> Trust:
    """Say what the answers about a period are worth."""
    exports, ledger = answers.exports, answers.ledger
    coverage = whole = None
    known_since = [source.known_since for source in (exports, ledger) if source and source.known_since is not None]
    if exports is not None:
        seen = sum(instance.seen for instance in exports.instances)
        coverage = Coverage(seen, seen + sum(instance.missing for instance in exports.instances))
    if coverage is not None and coverage.expected:
        whole = coverage.whole and max(known_since, default=0) <= answers.period.since
    has_events = ledger is not None and (ledger.opened or ledger.closed or ledger.open_at_end or ledger.vanished)
    nothing: Reason | None = None
    if not answers.reported and not has_events:
        nothing = "not_kept" if max(known_since, default=0) >= answers.until else "no_data"
    return Trust(
        coverage=coverage,
        whole=whole,
        ledger=None if nothing or events_are_missing(answers, whole=whole) else ledger,
        nothing=nothing,
        no_events="needs_events" if ledger is None else "events_missing",
    )


def events_are_missing(answers: Answers, *, whole: bool | None) -> bool:
    """Whether events tell of fewer connections than metrics counted for sure, which can be said of whole exports."""
    ledger = answers.ledger
    return ledger is not None and whole is not False and ledger.opened < answers.counts.accepted_surely


def fleet(answers: Answers, trust: Trust) -> Figure[Fleet]:
    """Count the instances, and list what they did not send."""
    exports = answers.exports
    if exports is None:
        return trust.missing("metrics", "exports", "backend_cannot")
    since = answers.period.since
    known_since = max((source.known_since or 0 for source in (exports, answers.ledger) if source), default=0)
    gaps = [
        Gap(instance=one.id, service=one.service, since=gap.after, until=gap.before, missing=gap.missing)
        for one in exports.instances
        for gap in one.gaps
    ]
    found = Fleet(
        instances=len(exports.instances),
        born=sum(one.began > since for one in exports.instances),
        stopped=sum(not one.goes_on and not one.vanished for one in exports.instances),
        vanished=sum(one.vanished for one in exports.instances),
        coverage=trust.coverage,
        gaps=_longest(gaps),
        known_since=known_since if known_since > since else None,
    )
    return Figure(value=found, source="metrics", method="exports", coverage=trust.coverage)


def _longest(gaps: Sequence[Gap]) -> list[Gap]:
    longest = sorted(gaps, key=lambda gap: -gap.missing)[:MOST_GAPS]
    return sorted(longest, key=lambda gap: (gap.since, gap.instance))
