"""The store's dictionaries: resource -> id and series -> id, held in memory and in their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socketscope.store.rows import Resource, SeriesKey

if TYPE_CHECKING:
    import duckdb


class Dictionary:
    """Numbers for resources and series. Used by the writer's thread alone.

    Numbers given out since the last `settle` or `forget` are provisional: `new_resources` and `new_series` are
    their rows, `settle()` keeps them once they are committed, `forget()` takes them back after a rollback.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._resources: dict[Resource, int] = {}
        self._series: dict[SeriesKey, int] = {}
        self.new_resources: list[tuple[Any, ...]] = []
        self.new_series: list[tuple[Any, ...]] = []
        by_id: dict[int, Resource] = {}
        for number, service_name, instance_id, attributes in connection.execute(
            "SELECT id, service_name, instance_id, attributes FROM resources ORDER BY id"
        ).fetchall():
            by_id[number] = Resource(service_name, instance_id, attributes)
            self._resources[by_id[number]] = number
        for number, resource_id, *rest in connection.execute(
            "SELECT id, resource_id, scope, scope_version, metric, kind, unit, temporality, monotonic, attributes"
            " FROM series ORDER BY id"
        ).fetchall():
            self._series[SeriesKey(by_id[resource_id], *rest)] = number
        self._next_resource = max(by_id, default=0) + 1
        self._next_series = max(self._series.values(), default=0) + 1

    def resource(self, resource: Resource) -> int:
        """Look up the number of `resource`, a new one if it was never seen."""
        number = self._resources.get(resource)
        if number is None:
            number = self._resources[resource] = self._next_resource
            self._next_resource += 1
            self.new_resources.append((number, *resource))
        return number

    def series(self, key: SeriesKey) -> int:
        """Look up the number of the series `key`, a new one if it was never seen."""
        number = self._series.get(key)
        if number is None:
            resource_id = self.resource(key.resource)
            number = self._series[key] = self._next_series
            self._next_series += 1
            self.new_series.append((number, resource_id, *key[1:]))
        return number

    def settle(self) -> None:
        """Keep what is new: it is committed."""
        self.new_resources.clear()
        self.new_series.clear()

    def forget(self) -> None:
        """Drop what is new: it was rolled back; its numbers are not used again."""
        gone = {row[0] for row in self.new_resources}
        if gone:
            self._resources = {key: number for key, number in self._resources.items() if number not in gone}
        gone = {row[0] for row in self.new_series}
        if gone:
            self._series = {key: number for key, number in self._series.items() if number not in gone}
        self.settle()
