"""The store of a service that does not run, for commands that ask it themselves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from socketscope.errors import ConfigurationError

if TYPE_CHECKING:
    from socketscope.config import Settings
    from socketscope.store.store import Store


@contextlib.asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the store of `settings`; nothing in it is deleted, however old it is.

    Raises `ConfigurationError` where there is none, and `StoreError`.
    """
    from socketscope.store.retention import EVERYTHING
    from socketscope.store.store import Store

    file = settings.store.file
    if file is None or not await asyncio.to_thread(file.is_file):
        raise ConfigurationError("--data", str(file and file.parent), "the directory of a store that `serve` has made")
    store = await asyncio.to_thread(Store.open, file, retention=EVERYTHING)
    try:
        yield store
    finally:
        await asyncio.to_thread(store.close)
