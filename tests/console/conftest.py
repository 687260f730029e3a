import pytest
from console_fake import NOW, busy_fleet
from starlette.testclient import TestClient

from socketscope.console.app import create_app
from socketscope.console.options import ConsoleOptions

HERE = "http://127.0.0.1:8300"


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def backend():
    return busy_fleet()


@pytest.fixture
def connect(tmp_path, clock):
    """Make a client of a console over a backend; its lifespan runs until the test ends."""
    clients = []

    def make(backend, *, options=None, **arguments):
        arguments = {"page": tmp_path, "clock": clock, "period": 0.01, **arguments}
        app = create_app(backend, backend, options or ConsoleOptions(), **arguments)
        client = TestClient(app, base_url=HERE)
        client.__enter__()
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(connect, backend):
    return connect(backend)
