"""Which names our metrics have in one backend: looked up once, pinned, and looked for again where not found."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from time import monotonic
from typing import Final

from socketscope.backends.prometheus_api import PrometheusApi
from socketscope.query.naming import KNOWN, Naming, find, listing_pattern

LOOK_AGAIN: Final = 10.0
"""Seconds after which names that were not found are looked for again."""

_logger = logging.getLogger(__name__)


class Names:
    """The names in the backend behind `api`. `clock` gives seconds.

    A metric that is asked for and not found is told of once, until it was found.
    """

    def __init__(self, api: PrometheusApi, *, clock: Callable[[], float] = monotonic) -> None:
        self._api = api
        self._clock = clock
        self._pinned = Naming({}, {}, escaped=True)
        self._looked_at = -math.inf
        self._looking = asyncio.Lock()
        self._told: set[str] = set()

    async def of(self, *metrics: str) -> Naming:
        """Give the names, in which `metrics` were looked for not longer than `LOOK_AGAIN` seconds ago.

        Raises `BackendError` when the backend can't be asked.
        """
        async with self._looking:
            if not self._is_known(*metrics):
                await self._look(*metrics)
            self._tell(*metrics)
            return self._pinned

    async def look(self) -> Naming:
        """Look for all that is not pinned yet."""
        async with self._looking:
            return await self._look()

    def _is_known(self, *metrics: str) -> bool:
        if all(self._pinned.metric(name) for name in metrics):
            return True
        return self._pinned.metrics.keys() >= set(metrics) and self._clock() < self._looked_at + LOOK_AGAIN

    def _tell(self, *metrics: str) -> None:
        missing = {name for name in metrics if not self._pinned.metric(name)}
        for name in sorted(missing - self._told):
            _logger.warning("the backend has no metric %s under any name it could have: no data of it came yet", name)
        for name in sorted(self._told.intersection(metrics) - missing):
            _logger.warning("the backend has the metric %s now", name)
        self._told = (self._told - set(metrics)) | missing

    async def _look(self, *metrics: str) -> Naming:
        wanted = list(dict.fromkeys([*KNOWN, *self._pinned.metrics, *metrics]))
        found = find(*await self._api.names(listing_pattern(wanted)), wanted=wanted)
        self._pinned = self._pinned.with_what(found)
        self._looked_at = self._clock()
        return self._pinned
