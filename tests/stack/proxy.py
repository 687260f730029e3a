"""An OTLP receiver that passes on what it gets, or keeps it for itself and says that all is well."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from socketscope.semconv import DIRECTION, MESSAGES

SERVICES = {
    signal: f"opentelemetry.proto.collector.{signal}.v1.{signal.capitalize()}Service"
    for signal in ("trace", "metrics", "logs")
}
DONE = b""
"""An export's answer without anything rejected: an empty message."""

Send = Callable[[bytes], bytes]
Rule = Callable[[str, bytes, Send], bytes]
"""Called with the signal, the request and what passes a request on; gives the answer."""


@contextmanager
def proxy(upstream: int, rule: Rule) -> Iterator[str]:
    """Listen on a free port in front of `127.0.0.1:upstream`; the URL for senders."""
    with grpc.insecure_channel(f"127.0.0.1:{upstream}") as channel:
        server = grpc.server(ThreadPoolExecutor(4))
        for signal, service in SERVICES.items():
            export = channel.unary_unary(f"/{service}/Export", None, None)
            send = _patient(export)

            def handle(request, context, signal=signal, send=send):
                return rule(signal, request, send)

            methods = {"Export": grpc.unary_unary_rpc_method_handler(handle)}
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, methods)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


def _patient(export):
    # The one behind may still be starting.
    return lambda request: export(request, timeout=10, wait_for_ready=True)


class PassOn:
    """Passes all on, and counts."""

    def __init__(self):
        self.passed = 0
        self.lock = Lock()

    def __call__(self, signal, request, send):
        with self.lock:
            self.passed += 1
        return send(request)


class DropOne(PassOn):
    """Keeps the first request of logs."""

    def __init__(self):
        super().__init__()
        self.dropped = []

    def __call__(self, signal, request, send):
        if signal == "logs":
            with self.lock:
                if not self.dropped:
                    self.dropped.append(request)
                    return DONE
        return super().__call__(signal, request, send)


class KeepTheLast(PassOn):
    """Keeps each request of metrics until one with a larger count of received messages has come.

    So the requests with the final count never pass, however many of them there are.
    """

    def __init__(self):
        super().__init__()
        self.largest = 0.0
        self.kept = []

    def __call__(self, signal, request, send):
        if signal != "metrics":
            return super().__call__(signal, request, send)
        with self.lock:
            count = received(request)
            if count > self.largest:
                overtaken, self.kept, self.largest = self.kept, [], count
                for earlier in overtaken:
                    send(earlier)
            self.kept.append(request)
        return DONE


def received(request: bytes) -> float:
    """The messages that the service received so far, by an export of metrics; 0 where it does not say."""
    return sum(
        point.as_int or point.as_double
        for resource in ExportMetricsServiceRequest.FromString(request).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == MESSAGES.name
        for point in metric.sum.data_points
        for attribute in point.attributes
        if (attribute.key, attribute.value.string_value) == (DIRECTION.name, "receive")
    )
