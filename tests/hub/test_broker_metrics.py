"""What the broker of a hub reports."""

import asyncio

import pytest
from broker_parts import eventually

from socketscope import semconv
from socketscope.hub import Hub
from socketscope.hub.message import channel_topic
from socketscope.testing import capture

pytestmark = pytest.mark.anyio


def outcomes(captured, system):
    return {
        outcome: captured.value(
            semconv.BROKER_MESSAGES.name,
            **{semconv.MESSAGING_SYSTEM.name: system, semconv.BROKER_OUTCOME.name: outcome},
        )
        for outcome in semconv.BROKER_OUTCOME.values
    }


async def test_messages_come_out_by_outcome_and_add_up(make_broker):
    with capture() as captured:
        async with (
            Hub(make_broker(), telemetry=captured.telemetry) as one,
            Hub(make_broker(), telemetry=captured.telemetry) as other,
        ):
            for hub in (one, other):
                await hub.broker.subscribe(channel_topic("room"))
            await asyncio.gather(*(one.publish("room", number) for number in range(5)), other.publish("room", "x"))
            system = one.broker.system
            await eventually(lambda: outcomes(captured, system)["delivered"] == 12)
            other.broker.telemetry.counters.lost += 2
            found = outcomes(captured, system)
        assert found == {"published": 6, "delivered": 12, "recovered": 0, "lost": 2, "duplicate": 0}


@pytest.mark.parametrize("make_broker", ["redis"], indirect=True)
async def test_round_trips_of_the_canary_are_a_histogram(make_broker):
    with capture() as captured:
        async with Hub(make_broker(), telemetry=captured.telemetry) as hub:
            await eventually(lambda: captured.histograms(semconv.BROKER_DURATION.name))
            (found,) = captured.histograms(semconv.BROKER_DURATION.name)
            assert found.attributes == {semconv.MESSAGING_SYSTEM.name: "redis"}
            assert sum(found.counts) >= 1
            assert found.sum > 0
            assert hub.broker.health.round_trip > 0
