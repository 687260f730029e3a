"""An OTLP receiver (HTTP, protobuf) that keeps what a server's processes send, until it is asked."""

from collections import Counter, defaultdict

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from doubles.http_double import HttpDouble, Reply


def values(attributes):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


class Receiver(HttpDouble):
    """`spans` and `events` are lists of dicts; `totals` gives the sums of our counters over all processes."""

    def __init__(self):
        super().__init__()
        self.spans = []
        self.events = []
        self._numbers = {}

    def answer(self, asked):
        kind = asked.path.rsplit("/", 1)[1]
        {"traces": self._traces, "logs": self._logs, "metrics": self._metrics}[kind](asked.body)
        self.asked.clear()
        return Reply(b"")

    def _traces(self, body):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += (
                    values(span.attributes)
                    | {
                        "name": span.name,
                        "kind": span.kind,
                        "id": span.span_id,
                        "trace": span.trace_id,
                        "parent": span.parent_span_id,
                        "failed": span.status.code == 2,
                        "scope": scope.scope.name,
                        "instance": values(resource.resource.attributes).get("service.instance.id"),
                    }
                    for span in scope.spans
                )

    def _logs(self, body):
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in resource.scope_logs:
                if scope.scope.name != "socketscope":
                    continue
                self.events += (
                    values(record.attributes)
                    | {"event": record.event_name, "trace": record.trace_id, "span": record.span_id}
                    for record in scope.log_records
                )

    def _metrics(self, body):
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            instance = values(resource.resource.attributes).get("service.instance.id")
            for scope in resource.scope_metrics:
                if scope.scope.name != "socketscope":
                    continue
                for metric in scope.metrics:
                    self._points(instance, metric)

    def _points(self, instance, metric):
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points:
            number = point.count if kind == "histogram" else point.as_int or point.as_double
            attributes = tuple(sorted(values(point.attributes).items()))
            self._numbers[metric.name, attributes, instance] = number

    def totals(self, metric, *keys):
        """Sum the last value of each series over the processes, by the values of `keys`."""
        sums = Counter()
        for (name, attributes, _), number in list(self._numbers.items()):
            if name == metric:
                having = dict(attributes)
                sums[tuple(having.get(key, "") for key in keys)] += number
        return sums

    def of_agent(self):
        """Spans and events by the client's User-Agent."""
        spans, events = defaultdict(list), defaultdict(list)
        for span in list(self.spans):
            if span["scope"] == "socketscope":
                spans[span.get("user_agent.original", "")].append(span)
        for event in list(self.events):
            events[event.get("user_agent.original", "")].append(event)
        return spans, events
