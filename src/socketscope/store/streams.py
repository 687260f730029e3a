"""From the bytes of a resource, scope and attributes to the series that they name, decoded once."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import isfinite
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceProto

from socketscope.errors import SocketscopeError
from socketscope.store.attributes import canonical, mapping_of, resource_of
from socketscope.store.rows import Resource, SeriesKey
from socketscope.store.series import Registry, Series

MOST_REMEMBERED: Final = 400_000
"""Resources, streams and series that are remembered by their bytes; beyond that all are decoded anew."""

StreamKey = tuple[bytes, bytes, str, str, str, str, bool]
"""Resource and scope as they came, name, unit, kind, temporality, and whether it only rises."""


class BadBoundsError(SocketscopeError):
    """Bounds of explicit buckets that do not rise."""

    def __init__(self) -> None:
        super().__init__("bounds are not finite and rising")


class Streams:
    """Remembers what was decoded; may be used from any thread (at worst something is decoded twice)."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._resources: dict[bytes, Resource] = {}
        self._streams: dict[StreamKey, Stream] = {}
        self._remembered = 0

    def resource(self, encoded: bytes) -> Resource:
        """Decode a resource."""
        resource = self._resources.get(encoded)
        if resource is None:
            self.remember()
            resource = self._resources[encoded] = resource_of(ResourceProto.FromString(encoded))
        return resource

    def stream(
        self, resource: bytes, scope: bytes, metric: Any, kind: str, temporality: str, *, monotonic: bool
    ) -> Stream:
        """Find the stream of one metric of one scope of one resource."""
        key = (resource, scope, metric.name, metric.unit, kind, temporality, monotonic)
        stream = self._streams.get(key)
        if stream is None:
            self.remember()
            stream = self._streams[key] = Stream(self, key)
        return stream

    def remember(self) -> None:
        """Count one thing more; where that is too much, forget everything first."""
        self._remembered += 1
        if self._remembered > MOST_REMEMBERED:
            self._remembered, self._resources, self._streams = 0, {}, {}


class Stream:
    """All points of one metric of one scope of one resource."""

    __slots__ = ("_key", "_series", "_streams", "kind", "name")

    def __init__(self, streams: Streams, key: StreamKey) -> None:
        resource, scope, name, unit, kind, temporality, monotonic = key
        of_scope = InstrumentationScope.FromString(scope)
        self.name = name
        self.kind = kind
        self._streams = streams
        self._key = partial(
            SeriesKey,
            streams.resource(resource),
            of_scope.name,
            of_scope.version,
            canonical(mapping_of(of_scope.attributes)),
            name,
            kind,
            unit,
            temporality,
            monotonic,
        )
        self._series: dict[tuple[Any, ...], Series] = {}

    def series_of(self, point: Any) -> Series:
        """Find the series of a point (of a message that leaves attributes undecoded).

        Raises `TooManySeriesError`, `BadBoundsError`, and protobuf's `DecodeError`.
        """
        key = tuple(point.attributes)
        if self.kind == "histogram":
            key = (*key, *point.explicit_bounds)
        series = self._series.get(key)
        if series is None:
            series = self._decode(point)
            self._streams.remember()
            self._series[key] = series
        return series

    def _decode(self, point: Any) -> Series:
        bounds = tuple(point.explicit_bounds) if self.kind == "histogram" else ()
        if not all(map(isfinite, bounds)) or any(a >= b for a, b in pairwise(bounds)):
            raise BadBoundsError
        attributes = canonical(mapping_of(map(KeyValue.FromString, point.attributes)))
        return self._streams.registry.intern(self._key(attributes, bounds))
