"""What a report has to say of a workload, in plain Python. Times are milliseconds since the period's begin."""

from bisect import bisect_left
from collections import Counter

from report_workload import HOUR

from socketscope import semconv


def ledger(workload, begin, end):
    """All figures of `[begin, end)`: by events' own times, and of counters by the exports that told of it first."""
    within = [one for one in workload.connections if any(begin <= clock < end for _, _, clock in one.events)]
    opened = [one for one in workload.connections if begin <= one.life.clock(one.opened) < end]
    closed = [
        one for one in workload.connections if one.closed is not None and begin <= one.life.clock(one.closed) < end
    ]
    durations = sorted((one.closed - one.opened) / 1000 for one in closed)
    spans = [_span(one) for one in workload.connections]
    told = [one for one in _told(workload) if begin < one[0] <= end]

    def counted(metric, **attributes):
        return sum(
            amount
            for _, name, amount, of in told
            if name is metric and all(of.get(key.replace("__", ".")) == value for key, value in attributes.items())
        )

    received = counted(semconv.MESSAGES, network__io__direction="receive")
    errors = counted(semconv.ERRORS_TOTAL)
    return {
        "total_connections": len(opened),
        "closed_connections": len(closed),
        "open_connections": sum(began < end and (gone is None or gone >= end) for began, gone in spans),
        "vanished_connections": sum(
            gone is not None and begin <= gone < end
            for one, (_, gone) in zip(workload.connections, spans, strict=True)
            if one.closed is None
        ),
        "lost_connections": sum(one.initiator == "network" for one in closed),
        "failed_connections": sum(bool(one.error) for one in closed),
        "unique_users": _users(within),
        "unique_channels": len({channel for one in within for channel in one.channels}),
        "messages_received": received,
        "messages_sent": counted(semconv.MESSAGES, network__io__direction="transmit"),
        "bytes_received": counted(semconv.IO, network__io__direction="receive"),
        "bytes_sent": counted(semconv.IO, network__io__direction="transmit"),
        "avg_connection_duration": sum(durations) / len(durations) if durations else None,
        "median_connection_duration": _quantile(durations, 0.5),
        "p95_connection_duration": _quantile(durations, 0.95),
        "errors": errors,
        "error_ratio": errors / received if received else None,
        "peak_connections": _peak(spans, begin, end),
        "hours": _hours(opened, begin, end),
        "closes": Counter((one.code, one.initiator) for one in closed),
        "channels": Counter(channel for one in within for channel in one.channels),
        "handshakes": _by(told, semconv.HANDSHAKES, semconv.HANDSHAKE_OUTCOME.name, semconv.HTTP_STATUS.name),
        "total_connections by counters": counted(semconv.HANDSHAKES, websocket__handshake__outcome="accepted"),
        "closed_connections by counters": counted(semconv.CLOSED_CONNECTIONS),
        "lost_connections by counters": counted(semconv.CLOSED_CONNECTIONS, websocket__close__initiator="network"),
        "failed_connections by counters": sum(
            amount
            for _, name, amount, of in told
            if name is semconv.CLOSED_CONNECTIONS and semconv.ERROR_TYPE.name in of
        ),
        "closes by counters": _by(
            told, semconv.CLOSED_CONNECTIONS, semconv.CLOSE_CODE.name, semconv.CLOSE_INITIATOR.name
        ),
    }


def messages_by_their_own_time(workload, begin, end):
    """Messages by direction, whenever exports told of them: the same where exports came at both ends."""
    return Counter(
        message.direction
        for one in workload.connections
        for message in one.messages
        if begin < one.life.clock(message.at) <= end
    )


def _told(workload):
    """[(when an export told of it first, by the process's clock, metric, how many, attributes)]"""
    found = []

    def tell(life, time, metric, amount, attributes):
        index = bisect_left(life.exports, time)
        if index < len(life.exports):
            found.append((life.clock(life.exports[index]), metric, amount, attributes))

    direction = semconv.DIRECTION.name
    outcome, status = semconv.HANDSHAKE_OUTCOME.name, semconv.HTTP_STATUS.name
    for one in workload.connections:
        tell(one.life, one.opened, semconv.HANDSHAKES, 1, {outcome: "accepted", status: 101})
        for message in one.messages:
            tell(one.life, message.at, semconv.MESSAGES, 1, {direction: message.direction})
            tell(one.life, message.at, semconv.IO, message.size, {direction: message.direction})
        if one.closed is not None:
            how = {semconv.CLOSE_CODE.name: one.code, semconv.CLOSE_INITIATOR.name: one.initiator}
            if one.error:
                tell(one.life, one.closed, semconv.ERRORS_TOTAL, 1, {semconv.ERROR_TYPE.name: one.error})
                how[semconv.ERROR_TYPE.name] = one.error
            tell(one.life, one.closed, semconv.CLOSED_CONNECTIONS, 1, how)
    for refusal in workload.refusals:
        how = {outcome: refusal.outcome} | ({status: refusal.status} if refusal.status else {})
        tell(refusal.life, refusal.at, semconv.HANDSHAKES, 1, how)
    return found


def _span(one):
    """When it began and when it was gone, by the clock of its process; None: it is still there."""
    began = one.life.clock(one.opened)
    if one.closed is not None:
        return began, max(began, one.life.clock(one.closed))
    if not one.life.killed:
        return began, None
    last_export = max(map(one.life.clock, one.life.exports))
    return began, max(last_export, *(clock for _, _, clock in one.events))


def _peak(spans, begin, end):
    changes = Counter()
    for began, gone in spans:
        if began < end and (gone is None or gone >= begin):
            changes[max(began, begin)] += 1
            if gone is not None and gone < end:
                changes[gone] -= 1
    peak = standing = 0
    for time in sorted(changes):
        standing += changes[time]
        peak = max(peak, standing)
    return peak


def _users(within):
    keys = {one.key for one in within if one.user}
    users = {(one.key, one.user) for one in within if one.user}
    if len(keys) > 1 or (within and not users):
        return None
    return len(users)


def _quantile(values, share):
    if not values:
        return None
    position = share * (len(values) - 1)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (position - low)


def _hours(opened, begin, end):
    edges = list(range(begin, end, HOUR))
    counts = Counter((one.life.clock(one.opened) - begin) // HOUR for one in opened)
    return [counts[index] for index in range(len(edges))]


def _by(told, metric, *names):
    found = Counter()
    for _, name, amount, of in told:
        if name is metric:
            found[tuple(of.get(attribute) for attribute in names)] += amount
    return found
