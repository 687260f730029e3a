"""A store's process is killed (SIGKILL) while it takes requests, again and again: is all that it acknowledged there?

    python tests/store/killing.py --rounds 100 [--json FILE]

Each round starts a process with the store and its receivers, sends all three signals over gRPC from several threads,
kills the process at a random moment, opens the file here and compares. In the process roll-ups are made and the log
is moved into the file (a check-point) all the time, so that kills hit those too.
"""

# ruff: noqa: T201  # a program of its own; its chances are no secrets

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import grpc

from otlp_requests import counter, event, logs_request, metrics_request, number, resource, span, traces_request
from socketscope import semconv
from socketscope.store.store import Store

SERVICE = "/opentelemetry.proto.collector.{}.v1.{}Service/Export"
POINTS = 5
"""Points, spans and events in a request."""

PROGRAM = """
import asyncio, pathlib, sys, time
from socketscope.store import upkeep
from socketscope.store.receiver import Receiver
from socketscope.store.record import Recorder
from socketscope.store.store import Store
async def main():
    store = Store.open(pathlib.Path(sys.argv[1]))
    upkeep.LOG_BYTES = 32 << 10
    # Commits take their time, so that kills find some under way.
    write = Recorder._write
    Recorder._write = lambda self, batches: (write(self, batches), time.sleep(0.01))[0]
    receiver = Receiver(store, grpc_port=0, http_port=0)
    await receiver.start()
    print(receiver.grpc_port, flush=True)
    while True:
        await asyncio.to_thread(store.settle, time.time_ns())
        await asyncio.sleep(0.02)
asyncio.run(main())
"""


@dataclass
class Account:
    """What was sent and what was acknowledged: (signal, sender, number) of each point, span and event."""

    sent: set = field(default_factory=set)
    acknowledged: set = field(default_factory=set)
    found: set = field(default_factory=set)
    rounds: int = 0
    wrong_totals: int = 0
    in_checkpoints: int = 0

    @property
    def missing(self):
        return self.acknowledged - self.found

    @property
    def unknown(self):
        return self.found - self.sent


def requests(sender, first, since):
    """One request of each signal; the counter's value tells how many points there were."""
    numbers = range(first, first + POINTS)
    who = resource(f"s{sender}")
    points = (number(since + index / 1000, index + 1, start=None, attributes={"n": index}) for index in numbers)
    total = (number(since + index / 1000, index + 1, start=None) for index in numbers)
    spans = (
        span("WS", since, trace_id=sender.to_bytes(16, "big"), span_id=(index + 1).to_bytes(8, "big"))
        for index in numbers
    )
    events = (event(since, "websocket.connection.opened", {semconv.CONNECTION_ID: f"{sender}/{n}"}) for n in numbers)
    yield "metrics", metrics_request(counter("point", *points), counter("total", *total), of=who)
    yield "trace", traces_request(*spans, of=who)
    yield "logs", logs_request(*events, of=who)


def send(port, account, sender, since, lock):
    """Send until the receiver is gone."""
    first = 0
    names = {"metrics": "Metrics", "trace": "Trace", "logs": "Logs"}
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        while True:
            for kind, request in requests(sender, first, since):
                items = {(kind, sender, index) for index in range(first, first + POINTS)}
                with lock:
                    account.sent |= items
                try:
                    channel.unary_unary(SERVICE.format(kind, names[kind]))(request.SerializeToString(), timeout=5)
                except grpc.RpcError:
                    return
                with lock:
                    account.acknowledged |= items
            first += POINTS


def read(path, account):
    """See what is in the file."""
    store = Store.open(path)
    account.found = {
        ("metrics", int(sender[1:]), int(index))
        for sender, index in store.select(
            "SELECT instance_id, series.attributes->>'$.n' FROM number_points JOIN series ON series.id = series_id"
            " JOIN resources ON resources.id = resource_id WHERE metric = 'point'"
        )
    }
    account.found |= {
        ("trace", int(trace, 16), int(index, 16) - 1)
        for trace, index in store.select("SELECT trace_id, span_id FROM spans")
    }
    account.found |= {
        ("logs", *map(int, name.split("/"))) for (name,) in store.select("SELECT connection_id FROM events")
    }
    # Steps and roll-ups agree with the values, whatever was under way.
    [(values, steps)] = store.select(
        """SELECT sum(newest), sum(steps) FROM (SELECT series_id, max(value) AS newest, sum(step) AS steps
        FROM number_points JOIN series ON series.id = series_id WHERE metric = 'total' GROUP BY series_id)"""
    )
    [(rolled, points)] = store.select(
        """SELECT (SELECT coalesce(sum(step), 0) FROM rollup_10s),
        (SELECT coalesce(sum(step), 0) FROM number_points, socketscope_store WHERE time_ns <= settled_ns)"""
    )
    account.wrong_totals += values != steps or rolled != points
    store.close()


def kill_rounds(directory, rounds, *, seed=0, senders=6):
    """Run so many rounds on one file; gives the account of all of them."""
    rng = random.Random(seed)
    path, account, lock = Path(directory) / "store.duckdb", Account(), threading.Lock()
    for number_of_round in range(rounds):
        child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(child)
            stack.callback(child.kill)
            port = int(child.stdout.readline())
            since = time.time() - 1_800_000_000 - 10  # partly within what is settled on the way
            threads = [
                threading.Thread(target=send, args=(port, account, 100 * number_of_round + index, since, lock))
                for index in range(senders)
            ]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0.02, 0.5))
            child.send_signal(signal.SIGKILL)
            child.wait()
            for thread in threads:
                thread.join()
        account.in_checkpoints += path.with_name(f"{path.name}.journal").exists()
        read(path, account)
        account.rounds += 1
    return account


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        account = kill_rounds(directory, options.rounds)
    print(
        f"{account.rounds} kills, {account.in_checkpoints} of them in a check-point: {len(account.sent)} sent,"
        f" {len(account.acknowledged)} acknowledged, {len(account.found)} found; {len(account.missing)} acknowledged"
        f" are missing, {len(account.unknown)} were never sent, {account.wrong_totals} wrong totals"
    )
    if options.json:
        figures = {
            "kills": account.rounds,
            "in_checkpoints": account.in_checkpoints,
            "sent": len(account.sent),
            "acknowledged": len(account.acknowledged),
            "found": len(account.found),
            "missing": len(account.missing),
            "never_sent": len(account.unknown),
            "wrong_totals": account.wrong_totals,
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(bool(account.missing or account.unknown or account.wrong_totals))


if __name__ == "__main__":
    main()
