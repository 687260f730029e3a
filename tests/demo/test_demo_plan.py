from collections import Counter
from itertools import islice

import pytest

from socketscope.demo.plan import BURST, ROUNDS, Depart, Hold, Join, Refused, Talk, make_plan


def test_the_same_seed_gives_the_same_plan():
    assert make_plan(seed=7, users=50, messages=900).bounded() == make_plan(seed=7, users=50, messages=900).bounded()


def test_another_seed_gives_another_plan():
    assert make_plan(seed=7, users=50, messages=900).bounded() != make_plan(seed=8, users=50, messages=900).bounded()


def test_reading_a_plan_does_not_use_it_up():
    plan = make_plan(seed=7, users=30, messages=300)
    assert plan.bounded() == plan.bounded()


def test_an_endless_run_starts_as_the_bounded_one():
    plan = make_plan(seed=7, users=30, messages=300)
    (_, bounded) = plan.bounded()[0]
    endless = tuple(islice(plan.rooms[0].phases(), 40))
    assert endless[: len(bounded)] == bounded
    assert all(endless)


@pytest.mark.parametrize("users", [3, 4, 10, 29, 100])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_step_is_one_that_the_room_can_do_and_more_than_in_the_hold_are_never_there(users, seed):
    held = 0
    for room in make_plan(seed=seed, users=users, messages=200).rooms:
        present: set[str] = set()
        in_hold = None
        for step in (step for phase in islice(room.phases(), 60) for step in phase):
            match step:
                case Join(user):
                    assert user not in present
                    present.add(user)
                    assert in_hold is None or len(present) < in_hold
                case Talk(messages):
                    assert {message.user for message in messages} <= present
                case Depart(user, how, mistake):
                    present.remove(user)
                    assert present, "somebody has to see it"
                    assert bool(mistake) == (how == "raise")
                case Hold():
                    in_hold = len(present)
                    held += in_hold
    assert held == users


def test_the_plan_of_a_demo_has_every_kind_of_thing_and_enough_of_it():
    steps = [
        step
        for _, phases in make_plan(seed=1, users=100, messages=2500).bounded()
        for phase in phases
        for step in phase
    ]
    kinds = Counter(step.how if isinstance(step, Depart) else type(step).__name__ for step in steps)
    assert kinds["Join"] >= 200
    assert min(kinds[how] for how in ("leave", "vanish", "raise", "Refused")) >= 10
    said = [message for step in steps if isinstance(step, Talk) for message in step.messages]
    assert len(said) >= 2500
    assert any(message.attachment for message in said)
    assert any(not message.text.isascii() for message in said)
    assert {step.user for step in steps if isinstance(step, Refused)} == {"mallory", "trudy", None}
    assert len({step.user for step in steps if isinstance(step, Join)}) < kinds["Join"], "some come back"


@pytest.mark.parametrize("users", [3, 20, 100])
def test_errors_come_in_bursts_in_all_rooms_at_the_same_rounds_and_at_no_other_time(users):
    for room in make_plan(seed=1, users=users, messages=200).rooms:
        rounds = list(islice(room.phases(), 2, 2 + 3 * ROUNDS))
        raising = [
            number
            for number, steps in enumerate(rounds)
            for step in steps
            if isinstance(step, Depart) and step.how == "raise"
        ]
        assert raising == [start + number for start in (0, ROUNDS, 2 * ROUNDS) for number in BURST]


@pytest.mark.parametrize(("users", "messages"), [(2, 10), (0, 10), (10, 0)])
def test_a_size_that_can_not_be_planned_is_named(users, messages):
    with pytest.raises(ValueError, match=f"users={users}:|messages={messages}:"):
        make_plan(seed=1, users=users, messages=messages)
