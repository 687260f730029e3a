"""Reports of random days equal the ledger: with restarts, counter resets, connections over midnight, clocks that are
changed in spring and autumn, and clocks that are wrong. `tests/random_examples.py` says how many, and with which seed.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from datetime import date

import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from report_ledger import ledger, messages_by_their_own_time
from report_workload import MINUTE, SECOND, logs_requests, metrics_requests, with_falls_only, workloads

from prometheus_process import PrometheusProcess, required_prometheus
from random_examples import SEED, exactly, examples
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.query.kept import HOURS
from socketscope.reports.collect import collect
from socketscope.reports.options import ReportOptions
from socketscope.reports.period import between, day
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.retention import Retention
from socketscope.store.store import Store

DAYS = (
    ("UTC", date(2026, 11, 3)),
    ("Europe/Madrid", date(2026, 3, 29)),  # 23 hours
    ("Europe/Madrid", date(2026, 10, 25)),  # 25 hours
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # there is no midnight
    ("America/Havana", date(2026, 11, 1)),  # midnight comes twice
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour more
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Asia/Kathmandu", date(2026, 11, 3)),  # a quarter of an hour beside the hour
)
SINCE = 1_789_999_980  # a whole minute, of a period that is no day


@st.composite
def periods(draw):
    if draw(st.integers(0, 2)):
        zone, of = draw(st.sampled_from(DAYS))
        return day(of, zone)
    return between(SINCE, SINCE + draw(st.integers(10, 180)) * 60, "Europe/Madrid")


@st.composite
def cases(draw):
    """A period, what happened around it, in which order it comes, and how long ago it is."""
    period = draw(periods())
    workload = draw(workloads(round((period.until - period.since) * 1000)))
    return period, workload, draw(st.randoms(use_true_random=False)), draw(st.sampled_from(["now", "settled", "aged"]))


def sent(request):
    """The signal and the body of a request."""
    name = "metrics" if isinstance(request, ExportMetricsServiceRequest) else "logs"
    return next(signal for signal in SIGNALS if signal.name == name), request.SerializeToString()


def fill(store, clock, case):
    """Store what was sent, some of it late and some of it twice, and let it grow old."""
    period, workload, rng, age = case
    requests = [*metrics_requests(workload, period.since), *logs_requests(workload, period.since)]
    requests += [rng.choice(requests) for _ in range(rng.randint(0, 3)) if requests]
    if rng.random() < 0.3:
        rng.shuffle(requests)
    for begin in range(0, len(requests), 8):
        for committed in [submit(store, *sent(request)) for request in requests[begin : begin + 8]]:
            committed[1].result()
    until_ns = round(period.until) * 10**9
    if age != "now":
        store.settle(until_ns + 2 * HOURS)
    if age == "aged":  # no single point of the period is kept
        clock[0] = until_ns + 10 * HOURS
        store.delete_old()


def report_of(backend, period, *, connections, kept=(), backend_name="embedded"):
    return asyncio.run(
        collect(
            period,
            backend,
            connections,
            backend=backend_name,
            now=period.until + 7200,
            options=ReportOptions(top=100),
            kept=kept,
        )
    )


def equal(found, expected):
    return found == pytest.approx(expected, rel=1e-9) if isinstance(expected, float) else found == expected


def figures(report):
    """The report's figures, under the ledger's names."""
    summary = report.summary
    return {
        **{name: getattr(summary, name).value for name in summary.__slots__},
        "hours": [hour.connections or 0 for hour in report.connections_per_hour.value or ()],
        "closes": Counter({(one.code, one.initiator): one.connections for one in report.closes.value or ()}),
        "channels": Counter({one.name: one.connections for one in report.top_channels.value or ()}),
        "handshakes": Counter({(one.outcome, one.status): one.count for one in report.handshakes.value or ()}),
    }


def messages(report):
    """Messages by direction, those that there were."""
    summary = report.summary
    return +Counter(receive=summary.messages_received.value or 0, transmit=summary.messages_sent.value or 0)


def ledgers(workload):
    """What events tell, and what counters do, where they differ."""
    by_events = ledger(workload, 0, workload.length)
    by_counters = {name: by_events.pop(name) for name in [*by_events] if name.endswith(" by counters")}
    return by_events, by_counters


def assert_honest(report, workload):
    """What is whole is called exact, and what went with a process that was killed is known to be missing."""
    names = [life.instance for life in workload.lives]
    if any(life.step for life in workload.lives) or len(set(names)) < len(names):
        return  # a clock that was put forward looks like a gap, and so does a restart under the same name
    gone = {one.life for one in workload.connections if one.closed is None and one.life.killed}
    gone = {life for life in gone if 0 < life.exports[-1] <= workload.length}
    certainty = report.summary.total_connections.certainty
    assert certainty == ("at_least" if gone else "exact"), report.fleet
    assert report.fleet.value.vanished == len(gone)


def check(found, expected, told):
    different = {
        name: (found.get(name), value) for name, value in expected.items() if not equal(found.get(name), value)
    }
    assert different == {}, told


@seed(SEED)
@exactly
@given(case=cases())
def test_totals_of_the_embedded_backend_equal_the_ledger(case):
    period, workload, _, age = case
    clock = [round(period.since) * 10**9 - 10**15]
    retention = Retention(age_ns=10**18, points_ns=2 * HOURS) if age == "aged" else None
    store = Store.open(None, retention=retention, clock=lambda: clock[0])
    try:
        fill(store, clock, case)
        backend = EmbeddedBackend(store)
        report = report_of(backend, period, connections=backend)
    finally:
        store.close()
    expected, _ = ledgers(workload)
    if report.fleet.value.instances:
        check(figures(report), expected, (period, age))
        assert_honest(report, workload)
    if workload.aligned and not any(life.step for life in workload.lives):
        assert messages(report) == messages_by_their_own_time(workload, 0, workload.length)


# the real Prometheus: counters alone -------------------------------------------------------------------------------

ON_PROMETHEUS = examples(5)
OF_COUNTERS = (
    *("messages_received", "messages_sent", "bytes_received", "bytes_sent"),
    *("errors", "error_ratio", "handshakes"),
)
APART = 4 * 86_400
"""Seconds from the begin of one example's period to that of the next one: none sees another's processes."""


class OnePrometheus(PrometheusProcess):
    """One that takes points of any time, in any order: its head never becomes a block."""

    def command(self):
        return [*super().command(), "--storage.tsdb.min-block-duration=5000d", "--storage.tsdb.retention.time=10000d"]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    with OnePrometheus(required_prometheus(), tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@st.composite
def workloads_of_counters(draw):
    """What Prometheus can be told: a clock that was put back would look to it as a process that was restarted."""
    hours, minutes = draw(st.sampled_from([0, 23, 24, 25])), draw(st.integers(10, 180))
    return with_falls_only(draw(workloads(MINUTE * (60 * hours or minutes), back=False)))


def test_counts_from_the_real_prometheus_equal_the_ledger(prometheus):
    numbers = itertools.count(1)
    newest = int(time.time()) // 86_400 * 86_400

    @seed(SEED)
    @settings(exactly, max_examples=ON_PROMETHEUS, phases=[Phase.generate])
    @given(workload=workloads_of_counters())
    def every_one(workload):
        number = next(numbers)
        since = newest - APART * number
        period = between(since, since + workload.length // SECOND, "UTC")
        prometheus.take(*metrics_requests(workload, since, prefix=f"{number}-"))
        report = asyncio.run(of_prometheus(period))
        by_events, by_counters = ledgers(workload)
        expected = {name: by_events[name] for name in OF_COUNTERS}
        expected |= {name.removesuffix(" by counters"): value for name, value in by_counters.items()}
        if report.fleet.value.instances:
            check(figures(report), expected, period)

    async def of_prometheus(period):
        async with contextlib.aclosing(PrometheusMetrics(prometheus.url)) as backend:
            return await collect(
                period, backend, backend="prometheus", now=period.until + 7200, options=ReportOptions(top=100)
            )

    every_one()
