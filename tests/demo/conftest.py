import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import monotonic, sleep
from typing import Any

import pytest
import uvicorn


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A uvicorn server of `app` in a thread; its `ws://` URL."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def serve() -> Callable[[Any], AbstractContextManager[str]]:
    return serving


def wait_for(condition: Callable[[], Any], *, seconds: float = 30) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, f"{condition} did not come true within {seconds} s"
        sleep(0.02)


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], None]:
    return wait_for
