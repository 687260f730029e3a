"""Which exports came, over points of a real store: whether single ones are kept or roll-ups alone."""

import pytest

from otlp_requests import DELTA, T0, counter, metrics_request, ns, number, put, resource
from socketscope import semconv
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.query.kept import HOURS
from socketscope.store.retention import Retention
from socketscope.store.store import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock():
    return [ns(-7200)]


@pytest.fixture
def store(clock):
    store = Store.open(None, retention=Retention(points_ns=HOURS), clock=lambda: clock[0])
    yield store
    store.close()


@pytest.fixture(params=["points", "roll-ups of 10 s", "roll-ups of a minute"])
def grown_old(request, store, clock):
    """Lets the store grow old, so that this is what is left of the past."""

    def grow_old():
        hours = {"points": 0, "roll-ups of 10 s": 2, "roll-ups of a minute": 5}[request.param]
        if hours:
            clock[0] = ns(hours * 3600)
            store.settle(clock[0])
            store.delete_old()

    return grow_old


def export(store, times, *, instance="one", start=-100.0, still_open=0, **options):
    """An instance exports at these times; the last export tells of open connections."""
    where = {semconv.HTTP_ROUTE.name: "/ws"}
    put(
        store,
        metrics_request(
            counter(semconv.OVERFLOW.name, *(number(time, 0, start=start) for time in times), **options),
            counter(
                semconv.ACTIVE_CONNECTIONS.name,
                *(number(time, still_open, start=start, attributes=where) for time in times[-1:]),
                monotonic=False,
            ),
            of=resource(instance),
        ),
    )


class Seen:
    """An instance's exports, with times since T0."""

    def __init__(self, one):
        self.id, self.seen, self.missing = one.id, one.seen, one.missing
        self.goes_on, self.vanished, self.interval = one.goes_on, one.vanished, one.interval
        self.began, self.last, self.open_at_last = one.began - T0, one.last - T0, one.open_at_last
        self.gaps = [(gap.after - T0, gap.before - T0, gap.missing) for gap in one.gaps]


async def only(store, **period):
    found = await EmbeddedBackend(store).exports(
        since=T0 + period.get("since", 0), until=T0 + period.get("until", 1200)
    )
    [one] = found.instances
    return Seen(one)


async def test_all_that_came_is_counted(store, grown_old):
    export(store, range(-60, 1400, 10))
    grown_old()
    one = await only(store)
    assert (one.seen, one.missing, one.goes_on, one.began) == (120, 0, True, 0)
    assert one.interval == pytest.approx(10)


async def test_exports_that_do_not_fall_on_the_ends_of_buckets_are_counted_too(store, grown_old):
    export(store, [time + 7.3 for time in range(-60, 1400, 15)])
    grown_old()
    one = await only(store)
    assert (one.seen, one.missing, one.interval) == (80, 0, pytest.approx(15))


async def test_a_gap_is_found_where_it_is(store, grown_old):
    export(store, [time for time in range(-60, 1400, 10) if not 300 < time <= 420])
    grown_old()
    one = await only(store)
    assert (one.seen, one.missing) == (108, 12)
    assert one.gaps == [(300, pytest.approx(430, abs=50), 12)]


async def test_one_that_begins_and_one_that_is_stopped_owe_nothing(store, grown_old):
    export(store, range(610, 1400, 10), instance="born", start=600.0)
    export(store, range(-60, 601, 10), instance="stopped")
    grown_old()
    found = {one.id: Seen(one) for one in (await EmbeddedBackend(store).exports(since=T0, until=T0 + 1200)).instances}
    assert (found["born"].seen, found["born"].missing, found["born"].began) == (60, 0, 600)
    assert (found["stopped"].seen, found["stopped"].missing, found["stopped"].goes_on) == (60, 0, False)


async def test_one_that_vanished_owes_what_it_would_have_sent_next(store, grown_old):
    export(store, range(-60, 601, 10), still_open=5)
    grown_old()
    one = await only(store)
    assert (one.seen, one.missing, one.vanished, one.open_at_last, one.last) == (60, 1, True, 5, 600)


async def test_one_that_is_restarted_under_the_same_name_is_another_one(store, grown_old):
    export(store, range(-60, 361, 10), still_open=2)
    export(store, range(730, 1400, 10), start=720.0)
    grown_old()
    first, second = (Seen(one) for one in (await EmbeddedBackend(store).exports(since=T0, until=T0 + 1200)).instances)
    assert (first.seen, first.vanished, first.open_at_last) == (36, True, 2)
    assert (second.seen, second.missing, second.began) == (48, 0, 720)


async def test_deltas_do_not_tell_when_a_process_began(store):
    for time in range(-60, 1400, 10):
        export(store, [time], start=float(time - 10), temporality=DELTA)
    one = await only(store)
    assert (one.seen, one.missing) == (120, 0)


async def test_of_one_that_reported_before_or_after_alone_nothing_is_said(store):
    export(store, range(-200, -10, 10), instance="before")
    export(store, range(1210, 1400, 10), instance="after", start=1205.0)
    found = await EmbeddedBackend(store).exports(since=T0, until=T0 + 1200)
    assert (list(found.instances), found.known_since) == ([], T0 - 7200)


async def test_instances_without_our_own_counter_are_told_by_their_connections(store):
    put(store, metrics_request(counter(semconv.HANDSHAKES.name, *(number(time, time) for time in range(10, 1400, 10)))))
    one = await only(store)
    assert (one.seen, one.missing) == (120, 0)
