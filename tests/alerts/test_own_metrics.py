import asyncio

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from alerts_fakes import Recorder, ScriptedBackend, note, rule
from socketscope import semconv
from socketscope.alerts.engine import Engine
from socketscope.alerts.options import AlertOptions
from socketscope.alerts.questions import Questions
from socketscope.alerts.routing import Routing
from socketscope.alerts.schedule import Due
from socketscope.delivery import Delivery, Patience
from socketscope.errors import QueryError
from socketscope.notify.base import Receipt
from socketscope.state.state import State


@pytest.fixture
def read(monkeypatch):
    """What the SDK got: metric -> the attributes' values -> the point."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)

    def points():
        return {
            metric.name: {tuple(point.attributes.values()): point for point in metric.data.data_points}
            for resource in reader.get_metrics_data().resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    yield points
    provider.shutdown()


@pytest.fixture
def state(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state
    state.close()


def test_evaluations_are_counted_by_their_outcome_and_timed(read, state):
    backend = ScriptedBackend(a=5.0, b=None, c=QueryError("no"))
    rules = [rule(name, name) for name in "abc"]

    async def numbers():
        return {}

    async def scenario():
        engine = Engine(
            rules,
            Questions(backend, concurrency=3, timeout=5),
            state,
            AlertOptions(catch_up=0),
            routing=Routing(AlertOptions(), ()),
            backend="scripted",
            numbers=numbers,
            clock=lambda: 1010.25,
        )
        await engine.load()
        await engine.evaluate(Due(1000.0, tuple("abc")))
        await engine.evaluate(Due(1010.0, tuple("abc")))
        await engine._note_missed({"a": 3, "b": 4})

    asyncio.run(scenario())
    found = read()
    evaluations = found[semconv.ALERT_EVALUATIONS.name]
    assert {labels: point.value for labels, point in evaluations.items()} == {
        ("ok",): 2,
        ("no_data",): 2,
        ("failed",): 2,
    }
    assert found[semconv.ALERT_EVALUATIONS_MISSED.name][()].value == 7
    took = found[semconv.ALERT_EVALUATION_DURATION.name][()]
    assert (took.count, took.sum, took.explicit_bounds) == (2, 10.5, semconv.ALERT_EVALUATION_DURATION.buckets)


def test_attempts_to_deliver_are_counted_by_receiver_and_outcome(read, state):
    for name in ("well", "gone"):
        state.outbox.put(name, note(name), now=0)
    well = Recorder("well", [Receipt(delivered=False, again=True)])
    gone = Recorder("gone", [Receipt(delivered=False)])

    async def scenario():
        patience = Patience(first=0.001, age=1e12)
        async with Delivery(state.outbox, {"well": well, "gone": gone}, patience=patience).running():
            while state.outbox.pending():
                await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(scenario(), 20))
    assert {labels: point.value for labels, point in read()[semconv.ALERT_NOTIFICATIONS.name].items()} == {
        ("well", "postponed"): 1,
        ("well", "delivered"): 1,
        ("gone", "dead"): 1,
    }
