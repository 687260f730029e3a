"""The same chat with FastAPI's own telemetry off, to show that its sockets are seen just as well.

The chat itself has no line about telemetry, so the default is changed before it is loaded.
"""

from typing import Any

import fastapi


class _Untraced(fastapi.FastAPI):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, telemetry={"tracing": False, "metrics": False, "logs": False})


vars(fastapi)["FastAPI"] = _Untraced

from socketscope.demo.chat import app  # noqa: E402 - after the change above

__all__ = ["app"]
