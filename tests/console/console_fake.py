"""A backend that answers from rows in memory, and keeps a record of what it was asked."""

from collections import defaultdict
from dataclasses import dataclass, field

from socketscope.backends.base import (
    Capabilities,
    ConnectionPage,
    ConnectionSummary,
    Instance,
    Sample,
    Series,
)
from socketscope.backends.ledger import ConnectionLedger

NOW = 1_800_000_000.0
NOTHING = ConnectionSummary(0, 0, 0, 0, 0, None, None, 0, 0, 0, 0, 0, complete=True)


@dataclass
class Row:
    """One series with one value, reported at `times`."""

    metric: str
    value: float
    labels: dict[str, str]
    times: list[float]


@dataclass
class FakeBackend:
    rows: list[Row] = field(default_factory=list)
    page: ConnectionPage = field(default_factory=lambda: ConnectionPage([], 0))
    events: ConnectionSummary = NOTHING
    account: ConnectionLedger | None = None
    processes: list[Instance] = field(default_factory=list)
    error: Exception | None = None
    moments: list[float] = field(default_factory=list)
    capabilities: Capabilities = field(default_factory=lambda: Capabilities(metrics=True, connections=True))

    def reports(self, metric, value, /, times=None, **labels):
        labels = {name.replace("__", "."): text for name, text in labels.items()}
        self.rows.append(Row(metric, value, labels, times or every_second()))

    async def instant(self, query, *, at):
        self.note(at)
        combined = defaultdict(list)
        newest = {}
        for row in self.rows:
            times = [time for time in row.times if at - query.window < time <= at]
            if row.metric != query.metric or not times:
                continue
            if any(row.labels.get(name, "") not in values for name, values in query.where.items()):
                continue
            key = tuple(row.labels.get(name, "") for name in query.by)
            combined[key].append(row.value / query.window if query.over_time == "rate" else row.value)
            newest[key] = max(newest.get(key, 0.0), *times)
        return [
            Sample(dict(zip(query.by, key, strict=True)), across(query.across, values), newest[key])
            for key, values in combined.items()
        ]

    async def range(self, query, *, start, end, step):
        self.note(end)
        moments = [start + index * step for index in range(round((end - start) / step) + 1)]
        lines = defaultdict(dict)
        for moment in moments:
            for sample in await self.instant(query, at=moment):
                lines[tuple(sample.labels.items())][moment] = sample.value
        del self.moments[-len(moments) :]
        return [Series(dict(key), [(moment, line.get(moment)) for moment in moments]) for key, line in lines.items()]

    async def instances(self, *, since, until):
        self.note(until)
        return [process for process in self.processes if since <= process.last_seen <= until]

    async def peak(self, metric, since, until):
        self.note(until)
        values = [row.value for row in self.rows if row.metric == metric and any(since < t <= until for t in row.times)]
        return max(values, default=None)

    async def exports(self, *, since, until):
        self.note(until)

    async def open(self, *, at, limit, offset):
        self.note(at)
        return ConnectionPage(self.page.connections[offset : offset + limit], self.page.total)

    async def summary(self, *, since, until):
        self.note(until)
        return self.events

    async def ledger(self, *, since, until, step, top):
        self.note(until)
        return self.account

    def note(self, at):
        self.moments.append(at)
        if self.error:
            raise self.error


def across(how, values):
    return {"sum": sum, "max": max, "avg": lambda v: sum(v) / len(v)}[how](values)


def every_second(end=NOW, count=120):
    return [end - index for index in range(count)]


def busy_fleet():
    """Two processes on two hosts, with connections, counts, events and system metrics."""
    backend = FakeBackend()
    for name, connections, idle, used, threads in (("a", 3, 0.75, 0.5, 5), ("b", 4, 0.25, 0.25, 7)):
        who = {"service__instance__id": name, "host__name": f"host-{name}"}
        backend.reports("websocket.server.active_connections", connections, **who)
        backend.reports("system.cpu.utilization", idle, state="idle", cpu="1", **who)
        backend.reports("system.cpu.utilization", 1 - idle, state="user", cpu="1", **who)
        backend.reports("system.memory.utilization", used, state="used", **who)
        backend.reports("process.thread.count", threads, **who)
        backend.processes.append(Instance(name, "chat", NOW - 60 * connections, NOW))
    backend.reports("websocket.server.messages", 100, network__io__direction="receive")
    backend.reports("websocket.server.messages", 900, network__io__direction="transmit")
    backend.reports("websocket.server.io", 1_000, network__io__direction="receive")
    backend.reports("websocket.server.io", 9_000, network__io__direction="transmit")
    backend.reports("websocket.server.handshakes", 12, websocket__handshake__outcome="accepted")
    backend.reports("websocket.server.handshakes", 2, websocket__handshake__outcome="denied")
    backend.reports("websocket.server.connections.closed", 1, websocket__close__initiator="network")
    backend.reports(
        "websocket.server.connections.closed", 3, websocket__close__initiator="server", error__type="ValueError"
    )
    backend.reports("websocket.server.connections.closed", 1, websocket__close__initiator="client")
    backend.reports("websocket.channel.subscriber.count", 7, websocket__channel__name="lobby")
    backend.reports("websocket.channel.subscriber.count", 0, websocket__channel__name="left")
    backend.events = ConnectionSummary(12, 5, 7, 1, 3, 4.5, 6, 2, 100, 900, 1_000, 9_000, complete=True)
    return backend
