"""Numbers for resources, held in memory and in their table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socketscope.store.rows import Resource

if TYPE_CHECKING:
    import duckdb


class Resources:
    """Used by the writer's thread alone.

    Numbers given out since the last `settle` or `forget` are provisional: `new` are their rows, `settle()` keeps
    them once they are committed, `forget()` takes them back after a rollback.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        rows = connection.execute("SELECT id, service_name, instance_id, attributes FROM resources").fetchall()
        self._numbers = {Resource(*columns): number for number, *columns in rows}
        self._next = max(self._numbers.values(), default=0) + 1
        self.new: list[tuple[Any, ...]] = []

    def number(self, resource: Resource) -> int:
        """Look up the number of `resource`, a new one if it was never seen."""
        number = self._numbers.get(resource)
        if number is None:
            number = self._numbers[resource] = self._next
            self._next += 1
            self.new.append((number, *resource))
        return number

    def by_number(self) -> dict[int, Resource]:
        """List all resources by their number."""
        return {number: resource for resource, number in self._numbers.items()}

    def settle(self) -> None:
        """Keep what is new: it is committed."""
        self.new.clear()

    def forget(self) -> None:
        """Drop what is new: it was rolled back; its numbers are not used again."""
        self.drop({row[0] for row in self.new})
        self.new.clear()

    def drop(self, gone: set[int]) -> None:
        """Forget these numbers: their rows are gone."""
        if gone:
            self._numbers = {resource: number for resource, number in self._numbers.items() if number not in gone}
