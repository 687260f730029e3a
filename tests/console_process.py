"""A console over a store of the test's own, served by uvicorn in a thread."""

import contextlib
import threading

import uvicorn

from socketscope.addresses import listen
from socketscope.backends.links import LinkOptions
from socketscope.console.options import ConsoleOptions
from socketscope.service import console_app


@contextlib.contextmanager
def serving_console(store, links=None, options=None):
    """Yield the address of a console over `store`."""
    app = console_app(store, options or ConsoleOptions(), links or LinkOptions())
    with contextlib.closing(listen("127.0.0.1", 0, section="console", option="--port")) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            assert not thread.is_alive()
