"""The same rules in the real Prometheus and in our evaluator, over a workload with restarts, flapping and a gap.

    tell(directory) -> Facts        # about 50 s; also what scripts/proofs makes its rows of

Processes send OTLP to Prometheus, which evaluates the exported rules by itself once a second, and at the same time to
the embedded backend. Then ours is evaluated at the very timestamps at which Prometheus was, over Prometheus and over
the embedded backend, and each state is laid beside the one that Prometheus wrote down (`ALERTS`).
"""

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otlp_requests import put
from prometheus_process import PrometheusProcess, required_prometheus
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.http import JsonClient
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.backends.prometheus_api import PrometheusApi
from socketscope.query.naming import Naming
from socketscope.rules.case_series import Timeline, export_step
from socketscope.rules.evaluate import evaluate
from socketscope.rules.export import prometheus
from socketscope.rules.load import load_rules
from socketscope.rules.observe import observe
from socketscope.rules.state import RuleState
from socketscope.store.store import Store

STEP = 0.5
DELAY = 2.0
"""Evaluations look that far back, so that what was sent late has arrived in both."""
STRATEGY = "UnderscoreEscapingWithSuffixes"
PORTABLE = "portable"
"""Label of the second copy of the rules, written in the PromQL that every backend understands."""

RULES = """
rules:
  - alert: ErrorRatio
    query:
      ratio: [websocket.server.errors, {metric: websocket.server.messages, where: {network.io.direction: receive}}]
      over_time: increase
      window: 4s
    above: 10%
    at_least: 5
    for: 2s
    keep_firing_for: 3s
  - alert: ManyConnections
    query: {metric: websocket.server.active_connections, window: 2s}
    above: 100
    for: 2s
  - alert: ConnectionsDropped
    query:
      ratio: [websocket.server.active_connections, {metric: websocket.server.active_connections, offset: 5s}]
      window: 2s
    below: 60%
    at_least: 20
    for: 1s
  - alert: SlowHandling
    query: {metric: websocket.server.message.handling.duration, over_time: p95, window: 4s, by: [http.route]}
    above: 0.5
    at_least: 10
    for: 1s
    keep_firing_for: 2s
  - alert: Flapping
    query: {metric: websocket.server.connection.idle.max, across: max, by: [http.route], window: 2s}
    above: 5
  - alert: FlappingHeld
    query: {metric: websocket.server.connection.idle.max, across: max, by: [http.route], window: 2s}
    above: 5
    keep_firing_for: 3s
  - alert: TelemetryGone
    query: {metric: websocket.server.active_connections, absent: true, window: 3s}
    for: 2s
  - alert: NothingIsBad
    query: {metric: websocket.server.active_connections, window: 2s}
    above: 1000
    for: 1s
    no_data: alert
"""

GAP = "_x12"
WORKLOAD = {
    # a: restarted in its place (the same instance id) after 18 s
    'websocket.server.messages{network.io.direction="receive",service.instance.id="a"}':
        f"0+20x35 0+20x11 {GAP} 480+20x16",
    'websocket.server.active_connections{http.route="/ws/a",service.instance.id="a"}':
        f"40x9 120x15 40x21 {GAP} 40x16",
    # b: has two bursts of errors, and is replaced by b2 after 14 s; nobody sends anything in the midst of the second
    'websocket.server.messages{network.io.direction="receive",service.instance.id="b"}': "0+20x27",
    'websocket.server.errors{error.type="ValueError",service.instance.id="b"}': "0x11 0+10x10 100x4",
    'websocket.server.active_connections{http.route="/ws/a",service.instance.id="b"}': "20x27",
    'websocket.server.messages{network.io.direction="receive",service.instance.id="b2"}':
        f"_x28 0+20x19 {GAP} 640+20x16",
    'websocket.server.errors{error.type="ValueError",service.instance.id="b2"}': f"_x28 0x9 0+10x9 {GAP} 90x16",
    'websocket.server.active_connections{http.route="/ws/a",service.instance.id="b2"}': f"_x28 20x19 {GAP} 20x16",
    # c: one of its routes is slow for a while, another one flaps
    'websocket.server.message.handling.duration{http.route="/ws/a",observed="0.01",service.instance.id="c"}':
        f"0+10x47 {GAP} 600+10x16",
    'websocket.server.message.handling.duration{http.route="/ws/b",observed="0.01",service.instance.id="c"}':
        f"0+10x47 {GAP} 600+10x16",
    'websocket.server.message.handling.duration{http.route="/ws/b",observed="2",service.instance.id="c"}':
        f"0x15 0+10x12 120x18 {GAP} 120x16",
    'websocket.server.connection.idle.max{http.route="/ws/f",service.instance.id="c"}':
        f"{'10x3 0x3 ' * 4} 0x15 {GAP} 0x16",
    # and one is alarming when nobody sends anything any more
    'websocket.server.connection.idle.max{http.route="/ws/g",service.instance.id="c"}': f"0x39 10x7 {GAP} 0x16",
    'socketscope.overflow{service.instance.id="c"}': f"0x47 {GAP} 0x16",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """An alert at one evaluation: its state in Prometheus, and in ours over both backends.

    `prometheus` is that of rules with `anchored` counts, `portable` that of rules in plain PromQL.

    `data`: there was some for it. `gap`: there was none, or there had been none and it has not ended everywhere since.
    """

    rule: str
    labels: tuple[tuple[str, str], ...]
    at: float
    prometheus: str
    portable: str
    over_prometheus: str
    embedded: str
    data: bool
    gap: bool

    @property
    def equal(self):
        return self.prometheus == self.over_prometheus == self.embedded


@dataclass
class Facts:
    rows: list[Row]
    evaluations: int
    lateness: float
    """Seconds that the latest datum came after its time; beyond `DELAY` nothing could be said."""
    since_differs: list[str] = field(default_factory=list)

    @property
    def unequal(self):
        """Rows with data in which the three are not the same."""
        return [row for row in self.rows if not row.gap and not row.equal]

    @property
    def portable_unequal(self):
        """Rows with data in which plain PromQL says something else."""
        return [row for row in self.rows if not row.gap and row.portable != row.embedded]

    @property
    def backends_unequal(self):
        return [row for row in self.rows if row.over_prometheus != row.embedded]

    @property
    def kept(self):
        """Rows without data in which ours fires on and Prometheus has resolved."""
        return [row for row in self.rows if not row.data and row.embedded == "firing" != row.prometheus]

    def changes(self, of="prometheus"):
        """How often each rule went from one state to another, where there was data: (rule, from, to) -> times."""
        found = defaultdict(int)
        before = {}
        for row in self.rows:
            key, now = (row.rule, row.labels), getattr(row, of)
            was = before.get(key, "inactive")
            if was != now and not row.gap:
                found[row.rule, was, now] += 1
            before[key] = now
        return dict(found)


def tell(directory):
    return asyncio.run(_tell(Path(directory)))


async def _tell(directory):
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "rules.yaml"
    file.write_text(RULES.replace("- alert:", f"- interval: 1s\n    delay: {DELAY:g}s\n    alert:"), "utf-8")
    rules = load_rules([file], pack=False)
    server = _prometheus(directory, rules)
    store = Store.open(None)
    try:
        with server:
            start, lateness = _send(server, store)
            moments, alerts, since = await _written(server, start)
            theirs = PrometheusMetrics(server.url)
            try:
                over_prometheus = await _ours(rules, theirs, moments)
            finally:
                await theirs.aclose()
            embedded = await _ours(rules, EmbeddedBackend(store), moments)
    finally:
        store.close()
    facts = Facts(list(_rows(rules, moments, alerts, over_prometheus, embedded)), len(moments), lateness)
    facts.since_differs = list(_since_differs(rules, moments, alerts, since, embedded))
    return facts


def _prometheus(directory, rules):
    server = PrometheusProcess(required_prometheus(), directory / "prometheus", strategy=STRATEGY)
    exported = yaml.safe_load(prometheus.export(rules, Naming.of(STRATEGY), anchored=True))
    [group] = exported["groups"]
    portable = [replace(rule, labels={PORTABLE: "yes"}) for rule in rules]
    group["rules"] += yaml.safe_load(prometheus.export(portable, Naming.of(STRATEGY)))["groups"][0]["rules"]
    # Beside the alerts, so that it is known when they were evaluated even while none is there.
    group["rules"].insert(0, {"record": "evaluated", "expr": "vector(1)"})
    (directory / "exported.yaml").write_text(yaml.safe_dump(exported), encoding="utf-8")
    path = server.directory / "prometheus.yaml"
    configuration = yaml.safe_load(path.read_text("utf-8"))
    configuration["rule_files"] = [str((directory / "exported.yaml").resolve())]
    path.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    return server


def _send(server, store):
    """Send everything at its time; gives when it began, and how late the latest was."""
    timelines = [Timeline.read(series, values) for series, values in WORKLOAD.items()]
    start = round(time.time() + 0.2, 3)  # Prometheus keeps milliseconds
    lateness = 0.0
    for index in range(max(len(timeline.values) for timeline in timelines)):
        at = start + index * STEP
        time.sleep(max(0.0, at - time.time()))
        body = export_step(timelines, index, start=start, step=STEP)
        if body is None:
            continue
        request = ExportMetricsServiceRequest.FromString(body)
        server.take(request)
        lateness = max(lateness, time.time() - at)
        put(store, request)
    return start, lateness


async def _written(server, start):
    """What Prometheus wrote: evaluations of whole data, alerts by (rule, labels, moment), since when by the same."""
    client = JsonClient(server.url, name="Prometheus")
    api = PrometheusApi(client)
    try:
        end = start + STEP * (max(len(Timeline.read(*one).values) for one in WORKLOAD.items()) - 1)
        while True:
            [line] = await api.at("evaluated[5m]", time.time())
            if line.points[-1][0] >= end:
                break
            await asyncio.sleep(0.2)
        moments = [moment for moment, _ in line.points if start + STEP <= moment <= end]
        alerts, since = {}, {}
        for line in await api.at("ALERTS[5m]", time.time()):
            for moment, _ in line.points:
                alerts[_key(line.labels), moment] = line.labels["alertstate"]
        for line in await api.at("ALERTS_FOR_STATE[5m]", time.time()):
            for moment, value in line.points:
                since[_key(line.labels), moment] = value
    finally:
        await client.aclose()
    return moments, alerts, since


def _key(labels):
    route = labels.get("http_route")
    return labels["alertname"], (("http.route", route),) if route else (), PORTABLE in labels


async def _ours(rules, backend, moments):
    """Our states and readings: rule -> [(state, observation)] by moment."""
    found = {}
    for rule in rules:
        state, steps = RuleState(), []
        for at in moments:
            observation = await observe(rule, backend, at=at, known=state.alerts)
            assert observation.problem is None, observation.problem
            state, _ = evaluate(rule, state, observation, at=at)
            steps.append((state, observation))
        found[rule.name] = steps
    return found


def _rows(rules, moments, alerts, over_prometheus, embedded):
    for rule in rules:
        everything = {labels for (name, labels, _), _ in alerts if name == rule.name}
        for steps in (over_prometheus[rule.name], embedded[rule.name]):
            everything |= {labels for state, _ in steps for labels in state.alerts}
        for labels in sorted(everything):
            apart = False
            for index, at in enumerate(moments):
                states = [
                    alerts.get(((rule.name, labels, False), at), "inactive"),
                    alerts.get(((rule.name, labels, True), at), "inactive"),
                    _state(over_prometheus[rule.name][index][0], labels),
                    _state(embedded[rule.name][index][0], labels),
                ]
                data = labels in embedded[rule.name][index][1].readings
                apart = (apart or not data) and set(states) != {"inactive"}
                yield Row(rule.name, labels, at, *states, data=data, gap=apart)


def _state(state, labels):
    alert = state.alerts.get(labels)
    return alert.state if alert else "inactive"


def _since_differs(rules, moments, alerts, since, embedded):
    """Pending alerts that are so since another second than in Prometheus."""
    for rule in rules:
        for at, (state, observation) in zip(moments, embedded[rule.name], strict=True):
            for labels, alert in state.alerts.items():
                key = ((rule.name, labels, False), at)
                if alert.state == "pending" and alerts.get(key) == "pending" and labels in observation.readings:
                    told = since.get(key)
                    if told is None or abs(told - (alert.since + rule.delay)) > 1:
                        yield f"{rule.name}{labels} at {at}: {told} and {alert.since}"
