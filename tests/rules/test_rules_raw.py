"""Rules in a backend's own language, asked of the real Prometheus."""

import time

import pytest

from otlp_requests import T0, gauge, metrics_request, number
from prometheus_process import PrometheusProcess, required_prometheus
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.rules.model import Raw, Rule
from socketscope.rules.observe import Reading, observe, observe_range


def raw(text):
    return Rule(name="Queue", query=Raw({"prometheus": text}), above=3)


@pytest.mark.anyio
async def test_raw_rules_are_observed_at_a_moment_and_over_a_range(tmp_path):
    now = time.time() // 1
    with PrometheusProcess(required_prometheus(), tmp_path) as server:
        points = [number(now - T0 - back, 10 - back, attributes={"shop": "a"}) for back in (4, 2, 0)]
        server.take(metrics_request(gauge("queue.depth", *points)))
        backend = PrometheusMetrics(server.url)
        try:
            rule = raw('max by (shop) ({__name__=~"queue_depth.*"})')
            found = await observe(rule, backend, at=now)
            assert found.readings == {(("shop", "a"),): Reading(10.0)}
            over = await observe_range(rule, backend, start=now - 6, end=now, step=2)
            assert [[reading.value for reading in found.readings.values()] for _, found in over] == [[], [6], [8], [10]]
            broken = await observe(raw("max by ("), backend, at=now)
            assert broken.problem
            assert "parse error" in broken.problem
            assert not broken.unreachable
            other = Rule(name="Queue", query=Raw({"datadog": "avg:queue{*}"}), above=3)
            assert (await observe(other, backend, at=now)).problem == "the rule has no raw query for prometheus"
        finally:
            await backend.aclose()
