"""gunicorn's uvicorn worker with the settings of the matrix, as uvicorn's documentation says."""

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS = {  # noqa: RUF012  # as in the base class
        "ws": "websockets-sansio",
        "ws_max_size": 65536,
        "ws_ping_interval": 1,
        "ws_ping_timeout": 2,
    }
