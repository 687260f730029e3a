"""Exports in pieces.

Encoding and serializing are calls of C that keep the interpreter's lock for as long as their input is large: a service
of a thousand places would stand still for tens of milliseconds at each export (`scripts/bench export`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics

POINTS = 250
"""Data points of one piece: some 100 KB."""

_Piece = tuple[ResourceMetrics, ScopeMetrics, Metric]


def in_pieces(data: MetricsData, most: int = POINTS) -> Iterator[MetricsData]:
    """Yield `data` as pieces of at most `most` data points, in their order; what has none is left out."""
    piece: list[_Piece] = []
    room = most
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                data_of: Any = metric.data  # of four types, all with points
                points: list[Any] = list(data_of.data_points)
                while points:
                    part, points = points[:room], points[room:]
                    piece.append((resource, scope, replace(metric, data=replace(data_of, data_points=part))))
                    room -= len(part)
                    if not room:
                        yield _joined(piece)
                        piece, room = [], most
    if piece:
        yield _joined(piece)


def _joined(piece: Sequence[_Piece]) -> MetricsData:
    return MetricsData(
        [
            replace(
                resource,
                scope_metrics=[
                    replace(scope, metrics=[metric for _, _, metric in same_scope])
                    for scope, same_scope in _runs(same_resource, 1)
                ],
            )
            for resource, same_resource in _runs(piece, 0)
        ]
    )


def _runs(piece: Sequence[_Piece], index: int) -> Iterator[tuple[Any, list[_Piece]]]:
    for _, found in groupby(piece, key=lambda one: id(one[index])):
        members = list(found)
        yield members[0][index], members
