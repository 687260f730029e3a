"""The account of a period's connections, over events of a real store."""

import pytest

from console_process import serving_console
from otlp_requests import T0, counter, event, logs_request, metrics_request, number, put, resource
from socketscope import semconv
from socketscope.backends.base import Connections
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.ledger import Ended, InChannel, Vanished
from socketscope.backends.remote import RemoteBackend
from socketscope.errors import QueryError

pytestmark = pytest.mark.anyio

OPENED, PROGRESS, CLOSED = semconv.OPENED.name, semconv.PROGRESS.name, semconv.CLOSED.name
END = 7200
HOW = {semconv.CLOSE_CODE: 1000, semconv.CLOSE_INITIATOR: "client"}


def report(store, *, until=END + 60, instance="one", start=-7200.0):
    """An instance exports every minute."""
    points = (number(time, 1, start=start) for time in range(-3600, until + 1, 60) if time >= start)
    put(store, metrics_request(counter(semconv.OVERFLOW.name, *points), of=resource(instance)))


def happen(store, time, name, connection, attributes=None, *, instance="one", trace=None):
    record = event(time, name, {semconv.CONNECTION_ID: connection, **(attributes or {})})
    if trace:
        record.trace_id = bytes.fromhex(trace)
    put(store, logs_request(record, of=resource(instance)))


def live(store, connection, begin, end, *, attributes=None, how=None, **options):
    """A connection from its begin to its end, with progress every ten minutes."""
    who = attributes or {}
    happen(store, begin, OPENED, connection, {semconv.DURATION: 0.0, **who}, **options)
    for time in range(int(begin) + 600, int(end), 600):
        happen(store, time, PROGRESS, connection, {semconv.DURATION: float(time - begin), **who}, **options)
    ended = {semconv.DURATION: float(end - begin), **HOW, **(how or {}), **who}
    happen(store, end, CLOSED, connection, ended, **options)


async def account(store, *, since=0, until=END, step=3600, top=10):
    return await EmbeddedBackend(store).ledger(since=T0 + since, until=T0 + until, step=step, top=top)


async def test_it_is_what_the_protocol_asks_for(store):
    connections: Connections = EmbeddedBackend(store)
    assert connections.capabilities.connections


async def test_of_nothing_the_account_is_zero(store):
    found = await account(store)
    assert (found.opened, found.closed, found.open_at_end, found.peak, found.unique_users) == (0, 0, 0, 0, 0)
    assert (found.avg_duration, found.median_duration, found.p95_duration) == (None, None, None)
    assert [(one.since - T0, one.until - T0, one.opened) for one in found.stretches] == [(0, 3600, 0), (3600, END, 0)]
    assert (found.closes, found.channels, found.vanished) == ([], [], [])


async def test_the_period_contains_its_begin_and_not_its_end(store):
    report(store)
    for connection, begin, end in (("a", 0, END), ("b", END, END + 1), ("c", -1, 0)):
        live(store, connection, begin, end)
    found = await account(store)
    assert (found.opened, found.closed, found.open_at_end) == (1, 1, 1)


async def test_connections_that_were_open_before_are_known_by_what_they_tell_later(store):
    report(store)
    live(store, "over the begin", -1800, 100)
    live(store, "all the time", -1800, END + 100)
    live(store, "over the end", END - 10, END + 10)
    found = await account(store)
    assert (found.opened, found.closed, found.open_at_end, found.peak) == (1, 1, 2, 2)
    short = await account(store, since=50, until=60)
    assert (short.opened, short.open_at_end, short.peak) == (0, 2, 2), "none has an event in these seconds"


async def test_the_peak_counts_what_was_open_at_one_moment(store):
    report(store)
    for connection, begin, end in (("a", 10, 20), ("b", 15, 30), ("c", 20, 25), ("d", 29, 40)):
        live(store, connection, begin, end)
    assert (await account(store)).peak == 2


async def test_durations_are_of_the_closed_ones(store):
    report(store)
    for connection, duration in (("a", 10), ("b", 20), ("c", 30), ("d", 100)):
        live(store, connection, 100, 100 + duration)
    happen(store, 200, OPENED, "still open")
    found = await account(store)
    assert (found.avg_duration, found.median_duration) == (40, 25)
    assert found.p95_duration == pytest.approx(30 + 70 * 0.85)
    assert found.open_at_end == 1


async def test_how_connections_ended_is_told_by_code_and_by_whom(store):
    report(store)
    live(store, "a", 10, 20)
    live(store, "b", 10, 20)
    live(store, "c", 10, 4000, how={semconv.CLOSE_CODE: 1005, semconv.CLOSE_INITIATOR: "network"}, trace="ab" * 16)
    live(store, "d", 10, 20, how={semconv.ERROR_TYPE: "ValueError", semconv.CLOSE_INITIATOR: "server"}, trace="cd" * 16)
    found = await account(store)
    assert (found.closed, found.lost, found.failed) == (4, 1, 1)
    assert found.closes == [Ended(1000, "client", 2), Ended(1000, "server", 1), Ended(1005, "network", 1)]
    first, second = found.stretches
    assert (first.opened, first.closed, first.lost, first.failed, first.failed_trace) == (4, 3, 0, 1, "cd" * 16)
    assert (second.opened, second.closed, second.lost, second.lost_trace) == (0, 1, 1, "ab" * 16)


async def test_an_end_without_code_or_initiator_is_told_as_such(store):
    report(store)
    happen(store, 10, OPENED, "a")
    happen(store, 20, CLOSED, "a")
    assert (await account(store)).closes == [Ended(None, "", 1)]


async def test_the_last_stretch_is_what_is_left(store):
    report(store)
    live(store, "a", 6500, 6600)
    found = await account(store, until=7000, step=3000)
    assert [(one.since - T0, one.until - T0, one.opened) for one in found.stretches] == [
        (0, 3000, 0), (3000, 6000, 0), (6000, 7000, 1),
    ]  # fmt: skip


async def test_channels_are_told_by_connections_whoever_was_in_several(store):
    report(store)
    live(store, "a", 10, 700, attributes={semconv.CHANNELS: ["lobby", "news"]})
    live(store, "b", 10, 20, attributes={semconv.CHANNELS: ["lobby"]})
    live(store, "c", -1000, -10, attributes={semconv.CHANNELS: ["yesterday"]})
    found = await account(store, top=1)
    assert (found.channels, found.unique_channels) == ([InChannel("lobby", 2)], 2)
    assert (await account(store, top=10)).channels == [InChannel("lobby", 2), InChannel("news", 1)]


async def test_users_are_counted_once(store):
    report(store)
    key = {semconv.USER_KEY_ID: "k"}
    for connection, user in (("a", "anna"), ("b", "anna"), ("c", "berta"), ("d", None)):
        live(store, connection, 10, 20, attributes={semconv.USER_HASH: user, **key} if user else {})
    found = await account(store)
    assert (found.users, found.unique_users) == ("known", 2)


async def test_users_with_hashes_of_different_keys_can_not_be_counted(store):
    report(store)
    for connection, key in (("a", "one"), ("b", "two")):
        live(store, connection, 10, 20, attributes={semconv.USER_HASH: connection, semconv.USER_KEY_ID: key})
    found = await account(store)
    assert (found.users, found.unique_users) == ("keys_differ", None)
    assert (await account(store, since=100, until=200)).users == "known", "nobody was there"


async def test_users_that_no_connection_tells_of_are_not_none(store):
    report(store)
    live(store, "a", 10, 20)
    found = await account(store)
    assert (found.users, found.unique_users) == ("unknown", None)


async def test_connections_of_a_process_that_fell_silent_vanished_with_it(store):
    report(store)
    report(store, until=1800, instance="killed")
    for connection in ("a", "b"):
        happen(store, 100, OPENED, connection, instance="killed")
    happen(store, 200, OPENED, "c")
    found = await account(store)
    assert (found.opened, found.closed, found.open_at_end, found.peak) == (3, 0, 1, 3)
    assert found.vanished == [Vanished("killed", "chat", T0 + 1800, 2)]
    later = await account(store, since=3600)
    assert (later.vanished, later.open_at_end, later.peak) == ([], 1, 1)


async def test_a_process_that_was_restarted_under_the_same_name_has_no_connections_of_the_one_before(store):
    report(store, until=1800)
    report(store, start=2000.0)
    happen(store, 100, OPENED, "before")
    happen(store, 2100, OPENED, "after")
    found = await account(store)
    assert (found.open_at_end, [one.connections for one in found.vanished], found.peak) == (1, [1], 1)


async def test_processes_without_metrics_are_judged_by_their_connections_events(store):
    happen(store, 100, OPENED, "silent for long")
    happen(store, END - 300, OPENED, "silent for a while")
    found = await account(store)
    assert (found.open_at_end, sum(one.connections for one in found.vanished)) == (1, 1)


async def test_events_that_come_twice_count_once(store):
    report(store)
    for _ in range(2):
        live(store, "a", 10, 700, attributes={semconv.CHANNELS: ["lobby"]})
    found = await account(store)
    assert (found.opened, found.closed, found.peak, found.channels) == (1, 1, 1, [InChannel("lobby", 1)])
    assert found.stretches[0].closed == 1


async def test_an_end_before_the_begin_by_a_clock_that_was_put_back_lasts_no_time(store):
    report(store)
    happen(store, 500, OPENED, "a")
    happen(store, 400, CLOSED, "a", {semconv.DURATION: 60.0, **HOW})
    found = await account(store)
    assert (found.opened, found.closed, found.open_at_end, found.avg_duration) == (1, 1, 0, 60)


async def test_two_accounts_at_the_same_time_do_not_disturb_each_other(store):
    import asyncio

    report(store)
    live(store, "a", 10, 20)
    live(store, "b", 4000, 5000)
    first, second = await asyncio.gather(account(store, until=3600), account(store, since=3600))
    assert (first.opened, second.opened) == (1, 1)
    assert first.stretches[0].opened == second.stretches[0].opened == 1


@pytest.mark.parametrize("wrong", [{"until": 0}, {"until": -5}, {"step": 0}, {"step": -1}, {"step": 0.1}, {"top": 0}])
async def test_periods_of_which_there_is_no_account_are_refused(store, wrong):
    with pytest.raises(QueryError, match=r"expected|longer step"):
        await account(store, **wrong)


async def test_a_console_gives_the_same_account_and_the_same_exports(store):
    report(store)
    report(store, until=1800, instance="killed")
    live(store, "a", 10, 700, attributes={semconv.CHANNELS: ["<b>lobby</b>"]})
    happen(store, 100, OPENED, "b", instance="killed")
    embedded = EmbeddedBackend(store)
    with serving_console(store) as url:
        async with await RemoteBackend.connect(url) as remote:
            asked = {"since": T0, "until": T0 + END}
            assert await remote.ledger(**asked, step=3600, top=10) == await embedded.ledger(**asked, step=3600, top=10)
            assert await remote.exports(**asked) == await embedded.exports(**asked)
            with pytest.raises(QueryError, match="until"):
                await remote.ledger(since=T0, until=T0, step=3600, top=10)
