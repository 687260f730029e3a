"""A period's figures, from events where they are whole, else from metrics. Pure."""

from __future__ import annotations

from dataclasses import replace

from socketscope.backends.ledger import ConnectionLedger
from socketscope.reports.answers import Answers
from socketscope.reports.figures import Kind, Trust
from socketscope.reports.model import Figure, Method, Reason, Summary


def summarize(answers: Answers, trust: Trust) -> Summary:
    """Give all figures of the period; see `Summary` for what each one means."""
    of_metrics = _from_metrics(answers, trust)
    return _from_events(of_metrics, trust, trust.ledger) if trust.ledger else of_metrics


def _from_metrics(answers: Answers, trust: Trust) -> Summary:
    counts = answers.counts

    def counted(count: int) -> Figure[int]:
        return trust.from_metrics(count, "counter_deltas")

    def duration(value: float | None) -> Figure[float]:
        if value is None:
            why: Reason = "no_histogram" if counts.closed else "nothing_closed"
            return trust.missing("metrics", "histogram_quantiles", why)
        return trust.from_metrics(value, "histogram_quantiles", "estimate")

    def gauged(value: float | None, method: Method, kind: Kind) -> Figure[int]:
        if value is None:
            return trust.missing("metrics", method, "no_data")
        return trust.from_metrics(round(value), method, kind)

    ended = counts.closed.items()
    errors, received = sum(counts.errors.values()), counts.messages.get("receive", 0)
    open_at_end = answers.open_at_end
    vanished: Figure[int] = trust.missing("metrics", "exports", "backend_cannot")
    if answers.exports is not None:
        open_at_end = open_at_end or 0  # where no report stands at the end, all instances are gone
        gone = sum(one.open_at_last for one in answers.exports.instances if one.vanished)
        vanished = trust.from_metrics(gone, "exports")
    ratio: Figure[float] = trust.missing("metrics", "counter_ratio", "no_messages")
    if received:
        ratio = trust.from_metrics(errors / received, "counter_ratio", "mean")
    return Summary(
        total_connections=counted(sum(n for (outcome, _), n in counts.handshakes.items() if outcome == "accepted")),
        closed_connections=counted(sum(counts.closed.values())),
        open_connections=gauged(open_at_end, "gauge_last", "mean"),
        vanished_connections=vanished,
        lost_connections=counted(sum(n for (_, initiator, _), n in ended if initiator == "network")),
        failed_connections=counted(sum(n for (_, _, error), n in ended if error)),
        unique_users=trust.missing("events", "distinct_hashes"),
        unique_channels=trust.missing("events", "distinct_names"),
        messages_received=counted(received),
        messages_sent=counted(counts.messages.get("transmit", 0)),
        bytes_received=counted(counts.io.get("receive", 0)),
        bytes_sent=counted(counts.io.get("transmit", 0)),
        avg_connection_duration=trust.missing("events", "durations"),
        median_connection_duration=duration(answers.durations[0]),
        p95_connection_duration=duration(answers.durations[1]),
        errors=counted(errors),
        error_ratio=ratio,
        peak_connections=gauged(answers.peak, "gauge_peak", "estimate"),
    )


def _from_events(summary: Summary, trust: Trust, ledger: ConnectionLedger) -> Summary:
    """Take what the account of events knows from there."""

    def duration(value: float | None) -> Figure[float]:
        if value is None:
            return trust.missing("events", "durations", "nothing_closed")
        return trust.from_events(value, "durations", "mean")

    why: Reason = "user_keys_differ" if ledger.users == "keys_differ" else "no_users"
    users: Figure[int] = trust.missing("events", "distinct_hashes", why)
    if ledger.unique_users is not None:
        users = trust.from_events(ledger.unique_users, "distinct_hashes")
    vanished = sum(one.connections for one in ledger.vanished)
    return replace(
        summary,
        total_connections=trust.from_events(ledger.opened, "opened_events"),
        closed_connections=trust.from_events(ledger.closed, "closed_events"),
        open_connections=trust.from_events(ledger.open_at_end, "open_by_events", "mean"),
        vanished_connections=trust.from_events(vanished, "unfinished_events"),
        lost_connections=trust.from_events(ledger.lost, "closed_events"),
        failed_connections=trust.from_events(ledger.failed, "closed_events"),
        unique_users=users,
        unique_channels=trust.from_events(ledger.unique_channels, "distinct_names"),
        avg_connection_duration=duration(ledger.avg_duration),
        median_connection_duration=duration(ledger.median_duration),
        p95_connection_duration=duration(ledger.p95_duration),
        peak_connections=trust.from_events(ledger.peak, "event_sweep"),
    )
