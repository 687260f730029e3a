"""A store that commands open by themselves, while its service does not run."""

import asyncio
import time

from otlp_requests import event, logs_request, ns
from socketscope import semconv
from socketscope.cli.stored import opened_store
from socketscope.config import load
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.store import Store

LONG_AGO = -100 * 86_400


def test_nothing_is_deleted_however_old_it_is(tmp_path):
    store = Store.open(tmp_path / "socketscope.duckdb", clock=lambda: ns(LONG_AGO - 1))
    opened = event(LONG_AGO, semconv.OPENED.name, {semconv.CONNECTION_ID: "c1"})
    submit(store, SIGNALS[2], logs_request(opened).SerializeToString())[1].result()
    store.close()

    async def keep_up():
        async with opened_store(load(None, {"store": {"data": tmp_path, "retention_days": 1}})) as store:
            store.settle(time.time_ns())  # nothing is deleted before its roll-ups are complete
            store.delete_old()
            return store.select("SELECT count(*) FROM events")

    assert asyncio.run(keep_up()) == [(1,)]
