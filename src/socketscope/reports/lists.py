"""What a report lists: hours, channels, routes, closes, handshakes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from socketscope.reports.answers import Answers, Details
from socketscope.reports.figures import Trust
from socketscope.reports.model import Channel, Close, Figure, Handshake, Hour, Route


def connections_per_hour(answers: Answers, details: Details, trust: Trust) -> Figure[Sequence[Hour]]:
    """Give how many connections began in each hour, and None where nobody could have told."""
    ledger = trust.ledger
    opened: Sequence[float | None] = details.accepted
    if ledger is not None:
        opened = [stretch.opened for stretch in ledger.stretches]
    hours = [
        Hour(since=since, until=until, connections=_known(answers, since, until, count))
        for (since, until), count in zip(details.hours, opened, strict=True)
    ]
    if ledger is not None:
        return trust.from_events(hours, "opened_events")
    return trust.from_metrics(hours, "counter_deltas")


def _known(answers: Answers, since: float, until: float, count: float | None) -> int | None:
    if count:
        return round(count)
    known_since = max((source.known_since or 0 for source in (answers.exports, answers.ledger) if source), default=0)
    if until <= known_since:
        return None
    instances = answers.exports.instances if answers.exports else ()
    silent = any(gap.after <= since and until <= gap.before for instance in instances for gap in instance.gaps)
    if silent or (count is None and not instances):
        return None
    return 0


def top_channels(details: Details, trust: Trust, *, top: int) -> Figure[Sequence[Channel]]:
    """List the channels with the most connections; without events those with the most messages."""

    def messages(name: str, direction: str) -> int | None:
        return details.channels.get((name, direction), 0) if name in named else None

    named = {name for name, _ in details.channels}
    if trust.ledger is not None:
        channels = [
            Channel(
                name=one.channel,
                connections=one.connections,
                messages_received=messages(one.channel, "receive"),
                messages_sent=messages(one.channel, "transmit"),
            )
            for one in trust.ledger.channels
        ]
        return trust.from_events(channels, "distinct_names")
    busiest = Counter[str]()
    for (name, _), count in details.channels.items():
        busiest[name] += count
    channels = [
        Channel(
            name=name,
            connections=None,
            messages_received=messages(name, "receive"),
            messages_sent=messages(name, "transmit"),
        )
        for name, _ in sorted(busiest.items(), key=lambda entry: (-entry[1], entry[0]))[:top]
    ]
    return trust.from_metrics(channels, "counter_deltas")


def slowest_routes(answers: Answers, details: Details, trust: Trust, *, top: int) -> Figure[Sequence[Route]]:
    """List the routes by p95 of how long a message is handled; not available where messages came and no histogram."""
    if not details.quantiles and answers.counts.messages.get("receive"):
        return trust.missing("metrics", "histogram_quantiles", "no_histogram")
    routes = [
        Route(route=route, messages=details.routes.get(route, 0), p50=p50, p95=p95, p99=p99)
        for route, (p50, p95, p99) in details.quantiles.items()
    ]
    slowest = sorted(routes, key=lambda route: (-route.p95, route.route))[:top]
    return trust.from_metrics(slowest, "histogram_quantiles", "estimate")


def closes(answers: Answers, trust: Trust) -> Figure[Sequence[Close]]:
    """List how connections ended, by code and initiator."""
    if trust.ledger is not None:
        ended = [
            Close(code=one.code, initiator=one.initiator, connections=one.connections) for one in trust.ledger.closes
        ]
        return trust.from_events(ended, "closed_events")
    counted = Counter[tuple[str, str]]()
    for (code, initiator, _), count in answers.counts.closed.items():
        counted[code, initiator] += count
    ended = [
        Close(code=int(code) if code.isdigit() else None, initiator=initiator, connections=count)
        for (code, initiator), count in _greatest(counted.items())
    ]
    return trust.from_metrics(ended, "counter_deltas")


def handshakes(answers: Answers, trust: Trust) -> Figure[Sequence[Handshake]]:
    """List how handshakes ended, by outcome and HTTP status."""
    found = [
        Handshake(outcome=outcome, status=int(status) if status.isdigit() else None, count=count)
        for (outcome, status), count in _greatest(answers.counts.handshakes.items())
    ]
    return trust.from_metrics(found, "counter_deltas")


def _greatest(counted: Iterable[tuple[tuple[str, str], int]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(((key, count) for key, count in counted if count), key=lambda entry: (-entry[1], entry[0]))
