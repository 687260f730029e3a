from functools import partial

import pytest

import asking
from otlp_requests import T0
from socketscope.store.store import Store


@pytest.fixture
def store():
    """A store that was made just before `T0`."""
    store = Store.open(None, clock=lambda: (T0 - 1) * 1_000_000_000)
    yield store
    store.close()


@pytest.fixture
def ask(store):
    return partial(asking.instant, store)


@pytest.fixture
def ask_range(store):
    return partial(asking.over_range, store)
