import asyncio

from console_fake import NOW, busy_fleet

from socketscope.console.fleet import Fleet
from socketscope.console.options import ConsoleOptions
from socketscope.console.recent import Recent


def recent_over(backend, clock, *, takes=0.0):
    """Answers of `backend` that each take `takes` seconds of the stopwatch."""
    readings = iter(range(1000))
    fleet = Fleet(backend, backend, ConsoleOptions())
    return Recent(fleet, clock=clock, stopwatch=lambda: next(readings) * takes)


def test_those_who_ask_at_the_same_time_get_one_answer(clock):
    async def scenario():
        recent = recent_over(busy_fleet(), clock)
        answers = await asyncio.gather(*(recent.now() for _ in range(20)))
        assert all(answer is answers[0] for answer in answers)

    asyncio.run(scenario())


def test_one_who_asks_and_leaves_spoils_nothing_for_the_others(clock):
    async def scenario():
        recent = recent_over(busy_fleet(), clock)
        impatient, patient = (asyncio.create_task(recent.now()) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).current_connections == 7

    asyncio.run(scenario())


def test_an_answer_that_took_long_is_shared_longer(clock):
    async def scenario():
        recent = recent_over(busy_fleet(), clock, takes=2.0)
        first = await recent.now()
        clock.now = NOW + 5.9
        assert await recent.now() is first
        clock.now = NOW + 6.1
        assert await recent.now() is not first

    asyncio.run(scenario())


def test_answers_are_forgotten_after_a_minute(clock):
    async def scenario():
        recent = recent_over(busy_fleet(), clock)
        first = await recent.now()
        assert recent.at(NOW) is first
        clock.now = NOW + 60.5
        assert recent.at(NOW) is None

    asyncio.run(scenario())
