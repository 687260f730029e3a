from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.query.kept import HOURS, MINUTES, POINTS, TENS, WIDTHS, Kept, Stretch, cover, widest_dividing

SECOND = 10**9
ALL = dict.fromkeys((POINTS, *WIDTHS), 0)


def kept(settled=0, **after):
    names = {"points": POINTS, "tens": TENS, "minutes": MINUTES, "hours": HOURS}
    return Kept(0, settled, ALL | {names[name]: time for name, time in after.items()})


hours = st.integers(0, 20)
limits = st.tuples(hours, hours, hours).map(sorted)


@given(
    ends=st.tuples(st.integers(0, 25 * 3600), st.integers(0, 25 * 3600)).map(sorted),
    settled=st.integers(0, 2500),
    limits=limits,
    widest=st.sampled_from((POINTS, *WIDTHS)),
)
def test_a_cover_is_whole_and_nothing_lies_in_it_twice(ends, settled, limits, widest):
    after, until = (end * SECOND for end in ends)
    minutes, tens, points = (limit * HOURS for limit in limits)
    what = kept(max(settled * TENS, points), points=points, tens=tens, minutes=minutes)
    stretches = sorted(cover(what, after, until, widest), key=lambda stretch: stretch.after)
    for before, behind in pairwise(stretches):
        assert before.until == behind.after
    if stretches:
        assert (stretches[0].after, stretches[-1].until) == (after, until)
    else:
        assert after >= until
    for stretch in stretches:
        assert stretch.after >= what.after[stretch.width], "it is still there"
        if stretch.width != POINTS:
            assert stretch.until <= max(what.settled(stretch.width), points), "it is complete"
            narrower = (POINTS, *WIDTHS)[(POINTS, *WIDTHS).index(stretch.width) - 1]
            for end in (stretch.after, stretch.until):
                assert end % stretch.width == 0 or end <= what.after[narrower], "what narrower ones know is not rounded"


@pytest.mark.parametrize(
    ("after", "until", "widest", "expected"),
    [
        (0, 24 * 3600, HOURS, [(POINTS, 79_200, 86_400), (HOURS, 0, 79_200)]),
        (
            30, 21 * 3600 + 1800 + 5, HOURS,
            [(POINTS, 30, 60), (POINTS, 77_400, 77_405), (MINUTES, 60, 3600), (MINUTES, 75_600, 77_400),
             (HOURS, 3600, 75_600)],
        ),
        (0, 3600, MINUTES, [(MINUTES, 0, 3600)]),
        (0, 3600, POINTS, [(POINTS, 0, 3600)]),
        (0, 60, TENS, [(TENS, 0, 60)]),
        (30, 80, HOURS, [(POINTS, 30, 80)]),  # not worth another table
    ],
)  # fmt: skip
def test_whole_buckets_are_taken_and_points_at_the_ends(after, until, widest, expected):
    found = cover(kept(settled=22 * HOURS), after * SECOND, until * SECOND, widest)
    assert found == [Stretch(width, begin * SECOND, end * SECOND) for width, begin, end in expected]


def test_where_only_wide_ones_are_left_they_are_taken():
    what = kept(settled=22 * HOURS, points=20 * HOURS, tens=10 * HOURS, minutes=5 * HOURS)
    assert cover(what, 3 * HOURS + 7, 21 * HOURS, POINTS) == [
        Stretch(POINTS, 20 * HOURS, 21 * HOURS),
        Stretch(TENS, 10 * HOURS, 20 * HOURS),
        Stretch(MINUTES, 5 * HOURS, 10 * HOURS),
        Stretch(HOURS, 3 * HOURS + 7, 5 * HOURS),
    ]


@pytest.mark.parametrize(
    ("times", "width"),
    [((0, 60, 600), MINUTES), ((7200, 3600), HOURS), ((10, 60), TENS), ((0, 15), POINTS), ((5,), POINTS)],
)
def test_the_widest_roll_up_that_ends_at_all_times_is_found(times, width):
    assert widest_dividing(*(time * SECOND for time in times)) == width
