"""Observations: one by one, all at once and over a range they are the same, and failures are observations too."""

import math

import pytest

from socketscope.backends.base import Capabilities, Sample
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.errors import BackendError, QueryError
from socketscope.query.model import Query, Ratio
from socketscope.rules.case_series import Timeline, export
from socketscope.rules.evaluate import evaluate
from socketscope.rules.load import load_rules
from socketscope.rules.model import Raw, Rule
from socketscope.rules.observe import Observation, Reading, observe, observe_range
from socketscope.rules.observe_many import observe_many
from socketscope.rules.replay import replay
from socketscope.rules.state import RuleState
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.store import Store

START = 1_800_000_000.0
WORKLOAD = {
    'socketscope.overflow{service.instance.id="a"}': "0x40 2x40",
    'socketscope.overflow{service.instance.id="b"}': "_x60 0x60",
    'websocket.server.active_connections{http.route="/ws",service.instance.id="a"}': "30x40 600x20 90x20",
    'websocket.server.active_connections{http.route="/ws",service.instance.id="b"}': "_x60 300x60",
    'websocket.server.messages{network.io.direction="receive",service.instance.id="a"}': "0+100x80",
    'websocket.server.messages{network.io.direction="receive",service.instance.id="b"}': "_x60 0+100x60",
    'websocket.server.errors{error.type="E",service.instance.id="a"}': "0x20 0+30x40 1200x20",
    'websocket.server.handshakes{websocket.handshake.outcome="accepted",service.instance.id="a"}': "0+10x80",
    'websocket.server.handshakes{websocket.handshake.outcome="denied",service.instance.id="a"}': "0x10 0+3x60",
    'websocket.server.connections.closed{websocket.close.initiator="client",service.instance.id="a"}': "0+3x80",
    'websocket.server.connections.closed{websocket.close.initiator="network",service.instance.id="a"}': "0x20 0+2x60",
    'websocket.server.connection.idle.max{http.route="/ws",service.instance.id="a"}': "3000+15x80",
    'websocket.server.send.duration{http.route="/ws",observed="3",service.instance.id="a"}': "0+4x40 160x40",
    'websocket.server.message.handling.duration{http.route="/a",observed="0.1",service.instance.id="a"}': "0+9x80",
    'websocket.server.message.handling.duration{http.route="/b",observed="2",service.instance.id="a"}': "0+9x30",
    'system.cpu.utilization{state="idle",cpu="0",host.name="h",service.instance.id="a"}': "0.3x20 0.1x40 0.4x20",
    'system.memory.utilization{state="used",host.name="h",service.instance.id="a"}': "0.5+0.01x40 0.6x40",
}  # fmt: skip
END = START + 120 * 15


@pytest.fixture(scope="module")
def backend():
    store = Store.open(None, clock=lambda: round(START * 1e9))
    timelines = [Timeline.read(series, values) for series, values in WORKLOAD.items()]
    for body in export(timelines, start=START, step=15, until=END - START):
        submit(store, SIGNALS[0], body)[1].result()
    yield EmbeddedBackend(store)
    store.close()


def same(one, other):
    assert one.problem == other.problem
    assert one.readings.keys() == other.readings.keys()
    for labels, reading in one.readings.items():
        assert reading.enough == other.readings[labels].enough, labels
        assert math.isclose(reading.value, other.readings[labels].value, rel_tol=1e-9), labels


@pytest.mark.anyio
async def test_many_rules_at_once_observe_what_each_observes_alone(backend):
    rules = load_rules()
    for at in (START, START + 300, START + 907, END - 400, END):
        known = {rule.name: [(), (("http.route", "/ws"),)] for rule in rules}
        together = await observe_many(rules, backend, at=at, known=known)
        for rule, found in zip(rules, together, strict=True):
            same(found, await observe(rule, backend, at=at, known=known[rule.name]))


@pytest.mark.anyio
async def test_over_a_range_alerts_come_and_go_as_they_do_one_by_one(backend):
    fired = set()
    for rule in load_rules():
        state, stepwise = RuleState(), RuleState()
        for at, found in await observe_range(rule, backend, start=START, end=END, step=30):
            state, changes = evaluate(rule, state, found, at=at)
            alone = await observe(rule, backend, at=at, known=stepwise.alerts)
            stepwise, stepped = evaluate(rule, stepwise, alone, at=at)
            told, expected = (
                [(c.alert.labels, c.before, c.after, c.at) for c in found] for found in (changes, stepped)
            )
            assert told == expected
            fired |= {change.rule for change in changes if change.after == "firing"}
    assert len(fired) >= 9


class Answering:
    """Answers what it is told to, or raises it."""

    capabilities = Capabilities(metrics=True)

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    async def instant(self, query, *, at):
        self.asked.append(query)
        answer = self.answer(query) if callable(self.answer) else self.answer
        if isinstance(answer, Exception):
            raise answer
        return [Sample(labels, value, at) for labels, value in answer]


RATIO = Ratio(Query("websocket.server.errors", "increase"), Query("websocket.server.messages", "increase"))


def divided(above, below, **keys):
    rule = Rule(name="R", query=RATIO, above=0.5, **keys)
    return rule, Answering(lambda query: above if query == RATIO.numerator else below)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("above", "below", "keys", "expected"),
    [
        ([({}, 3.0)], [({}, 6.0)], {}, {(): Reading(0.5)}),
        ([], [({}, 6.0)], {}, {(): Reading(0.0)}),
        ([({}, 3.0)], [], {}, {}),
        ([({}, 3.0)], [({}, 0.0)], {}, {(): Reading(math.inf)}),
        ([({}, 0.0)], [({}, 0.0)], {}, {}),
        ([({}, 0.0)], [({}, 0.0)], {"at_least": 1}, {(): Reading(0.0, enough=False)}),
        ([({}, 3.0)], [({}, 6.0)], {"at_least": 6}, {(): Reading(0.5)}),
        ([({}, 3.0)], [({}, 6.0)], {"at_least": 7}, {(): Reading(0.5, enough=False)}),
        (
            [({"r": "a"}, 1.0)],
            [({"r": "a"}, 2.0), ({"r": ""}, 4.0)],
            {},
            {(("r", "a"),): Reading(0.5), (): Reading(0.0)},
        ),
    ],
)
async def test_a_ratio_means_the_same_on_every_backend(above, below, keys, expected):
    rule, backend = divided(above, below, **keys)
    assert (await observe(rule, backend, at=0)).readings == expected


@pytest.mark.anyio
async def test_absence_always_has_an_answer():
    rule = Rule(name="R", query=Query("m", absent=True), above=0)
    assert (await observe(rule, Answering([]), at=0)).readings == {(): Reading(0.0)}
    assert (await observe(rule, Answering([({}, 1.0)]), at=0)).readings == {(): Reading(1.0)}


@pytest.mark.anyio
async def test_counts_that_are_missing_are_0_only_while_processes_report():
    rule = Rule(name="R", query=Query("websocket.server.errors", "increase", by=("http.route",)), above=1)
    known = [(("http.route", "/ws"),)]
    alive = Answering(lambda query: [({}, 0.0)] if query.metric == "socketscope.overflow" else [])
    assert (await observe(rule, alive, at=0, known=known)).readings == {known[0]: Reading(0.0, enough=False)}
    assert (await observe(rule, Answering([]), at=0, known=known)).readings == {}
    # Who asks for single processes, or for what is no count, is told nothing of what is missing.
    for query in (
        Query("websocket.server.errors", "increase", by=("service.instance.id",)),
        Query("websocket.server.active_connections", by=("http.route",)),
        Query("shop.orders", "increase"),
    ):
        assert (await observe(Rule(name="R", query=query, above=1), alive, at=0, known=known)).readings == {}


@pytest.mark.anyio
async def test_what_goes_wrong_is_an_observation():
    rule = Rule(name="R", query=Query("m"), above=1)
    assert await observe(rule, Answering(BackendError("away")), at=0) == Observation(problem="away", unreachable=True)
    assert await observe(rule, Answering(QueryError("never")), at=0) == Observation(problem="never")
    raw = Rule(name="R", query=Raw({"prometheus": "up"}), above=1)
    found = await observe(raw, Answering([]), at=0)
    assert found.problem == "a raw query (prometheus) can't be asked of Answering"
    assert not found.unreachable


@pytest.mark.anyio
async def test_many_rules_are_not_answered_where_one_can_not_be_asked_or_the_store_is_closed(backend):
    wrong = Rule(name="Wrong", query=Query("websocket.server.errors", "sideways"), above=1)
    with pytest.raises(QueryError, match="sideways"):
        await observe_many([*load_rules(), wrong], backend, at=END)
    store = Store.open(None)
    store.close()
    with pytest.raises(BackendError, match="closed"):
        await observe_many(load_rules(), EmbeddedBackend(store), at=0)


@pytest.mark.anyio
async def test_a_replay_tells_when_each_alert_fired_and_how_it_ended(backend):
    rules = {rule.name: rule for rule in load_rules()}
    errors, handling, gone = await replay(
        [rules["HighErrorRatio"], rules["SlowHandling"], rules["TelemetryGone"]], backend, since=START, until=END
    )
    [episode] = errors.episodes
    assert episode.extreme == pytest.approx(0.3)
    assert START + 300 < episode.fired_at < episode.ended_at < END
    assert (errors.evaluations, errors.problem) == (121, None)
    # Both counts of its route are known to be 0 once it is not handled any more.
    [episode] = handling.episodes
    assert episode.labels["http.route"] == "/b"
    assert episode.ended_at is not None
    assert gone.episodes == []


@pytest.mark.anyio
async def test_what_held_before_the_replay_began_fires_at_its_begin(backend):
    rule = Rule(name="R", query=Query("websocket.server.active_connections", window=60), above=20, for_=120)
    [found] = await replay([rule], backend, since=START + 300, until=START + 400)
    [episode] = found.episodes
    assert (episode.fired_at, episode.ended_at) == (START + 300, None)
