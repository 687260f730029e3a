from hypothesis import given
from hypothesis import strategies as st

from socketscope.hub.quota import BURST_SECONDS, Rate

SECOND = 1_000_000_000


def test_no_rate_is_any_rate():
    rate = Rate(0)
    assert all(rate.take(0) for _ in range(10_000))


def test_less_than_one_a_burst_is_still_one():
    rate = Rate(0.1)
    assert [rate.take(0), rate.take(SECOND), rate.take(11 * SECOND)] == [True, False, True]


@given(
    rate=st.floats(0.1, 1000),
    pauses=st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=200),
)
def test_never_more_than_the_rate_and_a_burst_come_in(rate, pauses):
    bucket, now, taken = Rate(rate), 0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= now / SECOND * rate + max(1.0, rate * BURST_SECONDS) + 1e-6
