import pytest

from socketscope.store.store import Store


@pytest.fixture
def store():
    store = Store.open(None)
    yield store
    store.close()
