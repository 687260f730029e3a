"""How the rules' questions are asked: together where the backend takes that, and one by one where it fails."""

import asyncio

import pytest

from alerts_fakes import ScriptedBackend, rule
from socketscope.alerts.questions import Questions
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.errors import BackendError, QueryError
from socketscope.query.model import Query
from socketscope.rules.model import Raw
from socketscope.rules.observe import Reading
from socketscope.rules.state import RuleState
from socketscope.store.store import Store

pytestmark = pytest.mark.anyio


class TogetherBackend(ScriptedBackend):
    """Takes many questions at once too; `together` is what is asked so, `refuses` an error or None."""

    def __init__(self, refuses=None, **script):
        super().__init__(**script)
        self.refuses = refuses
        self.together = []

    async def instant_many(self, queries, *, at):
        self.together.append((at, [query.metric for query in queries]))
        if self.refuses == "hang":
            await asyncio.Event().wait()
        if self.refuses:
            raise self.refuses
        answers = [await self.instant(query, at=at) for query in queries]
        self.asked.clear()
        return answers


async def ask(backend, *rules, patience=5.0):
    return await Questions(backend, concurrency=4, timeout=patience).ask(rules, {}, moment=1000.0)


async def test_what_can_be_asked_at_once_is_one_question_for_each_moment_that_is_looked_at():
    backend = TogetherBackend(a=1.0, b=2.0, c=3.0)
    seen = await ask(backend, rule("A", "a"), rule("C", "c", delay=30), rule("B", "b"))
    assert backend.together == [(1000.0, ["a", "b"]), (970.0, ["c"])]
    assert backend.asked == []
    assert {name: found.readings for name, found in seen.items()} == {
        "A": {(): Reading(1.0)},
        "B": {(): Reading(2.0)},
        "C": {(): Reading(3.0)},
    }


async def test_raw_rules_are_asked_by_themselves():
    backend = TogetherBackend(a=1.0)
    seen = await ask(backend, rule("A", "a"), rule("Raw", query=Raw({"prometheus": "up"})))
    assert seen["A"].readings == {(): Reading(1.0)}
    assert "raw query (prometheus) can't be asked" in seen["Raw"].problem
    assert backend.together == [(1000.0, ["a"])]


@pytest.mark.parametrize("failure", [QueryError("one of them"), BackendError("away"), "hang"])
async def test_where_that_fails_each_is_asked_by_itself_and_what_is_wrong_is_wrong_alone(failure):
    backend = TogetherBackend(refuses=failure, a=QueryError("sideways"), b=2.0)
    seen = await ask(backend, rule("A", "a"), rule("B", "b"), patience=0.5)
    assert [metric for metric, _ in backend.asked] == ["a", "b"]
    assert (seen["A"].problem, seen["A"].unreachable) == ("sideways", False)
    assert seen["B"].readings == {(): Reading(2.0)}


async def test_of_the_alerts_that_there_are_something_is_said_when_all_is_asked_at_once():
    counted = rule(query=Query("websocket.server.errors", "increase", by=("error.type",)))
    gone = (("error.type", "E"),)
    backend = TogetherBackend(**{"websocket.server.errors": None, "socketscope.overflow": 0.0})
    state = RuleState(alerts={gone: None})
    [found] = (await Questions(backend, concurrency=4, timeout=5).ask([counted], {"Rule": state}, moment=0)).values()
    assert found.readings == {gone: Reading(0.0, enough=False)}


async def test_a_closed_store_is_unreachable_for_all():
    store = Store.open(None)
    store.close()
    seen = await ask(EmbeddedBackend(store), rule("A"), rule("B"))
    assert [found.unreachable for found in seen.values()] == [True, True]


async def test_nothing_is_asked_where_no_rule_is_due():
    backend = TogetherBackend()
    assert await ask(backend) == {}
    assert backend.together == []
