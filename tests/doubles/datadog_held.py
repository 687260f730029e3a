"""What the double of Datadog holds: counts, gauges and distributions with tags, and how OTLP becomes that."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

RENAMED = {"service.name": "service", "service.version": "version", "deployment.environment.name": "env",
           "host.name": "host"}  # fmt: skip
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


class NotTaken(Exception):
    pass


@dataclass
class Held:
    """A metric: its kind, and for each set of tags the points by second.

    A point is a number; of a distribution `{value: times}`.
    """

    kind: str
    series: dict = field(default_factory=lambda: defaultdict(dict))

    def add(self, tags, second, value):
        points = self.series[tags]
        if self.kind == "gauge":
            points[second] = value  # of one second the last
        elif self.kind == "count":
            points[second] = points.get(second, 0) + value
        else:
            sketch = points.setdefault(second, {})
            for representative, times in value.items():
                sketch[representative] = sketch.get(representative, 0) + times


class Intake:
    """Takes OTLP metrics of delta temporality into `metrics`, by their name."""

    def __init__(self):
        self.metrics = {}

    def take(self, request):
        """Take an ExportMetricsServiceRequest whole, or none of it (`NotTaken`)."""
        taken = list(points_of(request))
        for name, kind, *_ in taken:
            known = self.metrics.get(name)
            if known and known.kind != kind:
                raise NotTaken(f"metric {name} is a {known.kind}, not a {kind}")
        for name, kind, tags, second, value in taken:
            self.metrics.setdefault(name, Held(kind)).add(tags, second, value)


def points_of(request):
    for resource_metrics in request.resource_metrics:
        resource = tags_of(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                kind, points = kind_of(metric)
                for point in points:
                    tags = frozenset({**resource, **tags_of(point.attributes)}.items())
                    yield metric.name, kind, tags, point.time_unix_nano // 10**9, value_of(point, kind)


def kind_of(metric):
    which = metric.WhichOneof("data")
    if which == "gauge":
        return "gauge", metric.gauge.data_points
    if which == "sum":
        if metric.sum.aggregation_temporality == DELTA:
            return "count", metric.sum.data_points
        if metric.sum.is_monotonic:
            raise NotTaken(f"metric {metric.name}: cumulative monotonic sums are not supported")
        return "gauge", metric.sum.data_points
    if which == "histogram":
        if metric.histogram.aggregation_temporality != DELTA:
            raise NotTaken(f"metric {metric.name}: cumulative histograms are not supported")
        return "distribution", metric.histogram.data_points
    raise NotTaken(f"metric {metric.name}: {which} is not supported")


def value_of(point, kind):
    if kind != "distribution":
        return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)
    # Each bucket stands at its upper bound, what is beyond the last at the last.
    places = [*point.explicit_bounds, *point.explicit_bounds[-1:]]
    sketch = defaultdict(int)
    for place, count in zip(places, point.bucket_counts, strict=True):
        if count:
            sketch[place] += count
    return sketch


def tags_of(attributes):
    tags = {}
    for pair in attributes:
        which = pair.value.WhichOneof("value")
        value = getattr(pair.value, which)
        if which not in ("string_value", "int_value", "double_value", "bool_value"):
            continue  # lists are no tags
        tags[RENAMED.get(pair.key, pair.key)] = normalized(str(value).lower() if which == "bool_value" else str(value))
    return {key: value for key, value in tags.items() if value}


def normalized(value):
    """A tag's value as Datadog keeps it."""
    kept = "".join(character if character.isalnum() or character in "_-.:/" else "_" for character in value.lower())
    return re.sub("_+", "_", kept)[:200].rstrip("_")


class CumulativeToDelta:
    """What the Collector's processor of that name does: monotonic sums and histograms lose what was there before.

    A first point counts from 0: its start is in what was sent. A fall is a reset.
    """

    def __init__(self):
        self.before = {}

    def convert(self, request):
        made = type(request)()
        made.CopyFrom(request)
        for resource_metrics in made.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    self._metric(metric, resource_metrics.resource.SerializeToString(deterministic=True))
        return made

    def _metric(self, metric, resource):
        which = metric.WhichOneof("data")
        data = getattr(metric, which)
        if which not in ("sum", "histogram") or data.aggregation_temporality == DELTA:
            return
        if which == "sum" and not data.is_monotonic:
            return
        data.aggregation_temporality = DELTA
        for point in data.data_points:
            attributes = sorted((pair.key, pair.value.SerializeToString()) for pair in point.attributes)
            key = (resource, metric.name, tuple(attributes))
            now = list(point.bucket_counts) if which == "histogram" else [value_of(point, "count")]
            before = self.before.get(key, [0] * len(now))
            self.before[key] = now
            grown = now if sum(now) < sum(before) else [new - old for new, old in zip(now, before, strict=True)]
            if which == "histogram":
                point.bucket_counts[:] = grown
                point.count = sum(grown)
            else:
                point.as_double = grown[0]
