"""Every implementation of `Metrics`: entered while it runs, `take` for OTLP requests, `connect` for the backend."""

from console_process import serving_console
from otlp_requests import put
from prometheus_process import PrometheusProcess, required_prometheus
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.backends.remote import RemoteBackend
from socketscope.store.store import Store


class Embedded:
    def __init__(self, _directory):
        self.store = Store.open(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.close()

    def take(self, *requests):
        for request in requests:
            put(self.store, request)

    async def connect(self):
        return EmbeddedBackend(self.store)


class Remote(Embedded):
    def __enter__(self):
        self.console = serving_console(self.store)
        self.url = self.console.__enter__()
        return self

    def __exit__(self, *_):
        self.console.__exit__(None, None, None)
        super().__exit__()

    async def connect(self):
        return await RemoteBackend.connect(self.url)


class Prometheus(PrometheusProcess):
    strategy = "UnderscoreEscapingWithSuffixes"
    native = False

    def __init__(self, directory):
        super().__init__(required_prometheus(), directory, strategy=self.strategy, native=self.native)

    async def connect(self):
        return PrometheusMetrics(self.url)


class DottedPrometheus(Prometheus):
    strategy = "NoUTF8EscapingWithSuffixes"


class NativePrometheus(Prometheus):
    strategy = "NoTranslation"
    native = True
