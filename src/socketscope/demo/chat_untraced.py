"""The same chat with FastAPI's own telemetry off, to show that its sockets are seen just as well.

The chat itself has no line about telemetry, so the default is changed before it is loaded.
"""

from importlib import import_module
from typing import Any

import fastapi


class _Untraced(fastapi.FastAPI):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, telemetry={"tracing": False, "metrics": False, "logs": False})


vars(fastapi)["FastAPI"] = _Untraced

app = import_module("socketscope.demo.chat").app

__all__ = ["app"]
