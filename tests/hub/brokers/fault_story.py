"""Processes that publish and subscribe under load over the real Redis, which is killed, paused, cut off or lossy.

Told by `run_fault`; the proofs tell it at length.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from redis_process import RedisProcess

HERE = Path(__file__).parent
NODES = 2
COUNTS = ("received", "recovered", "lost", "duplicate")


class NodeProcess:
    """One `fault_node.py`; `last` is what it told last."""

    def __init__(self, name, url, *numbers, options, directory):
        self.log = (directory / f"{name}.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, HERE / "fault_node.py", name, url, *map(str, numbers), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self.name = name
        self.last = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.last = json.loads(line)

    def say(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def wait_until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not (self.last and condition(self.last)):
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}"
            assert time.monotonic() < end, f"{self.name}: waited too long: {self.last}"
            time.sleep(0.01)

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()


class Story:
    """Redis and the nodes while a fault happens."""

    def __init__(self, redis, nodes):
        self.redis = redis
        self.nodes = nodes

    def all_are(self, condition, seconds=60):
        for node in self.nodes:
            node.wait_until(condition, seconds)

    def load(self, seconds):
        """Let the load go on: so long is what is wanted, not a condition."""
        time.sleep(seconds)

    def published(self):
        return sum(node.last["counters"]["published"] for node in self.nodes)

    def asleep(self):
        """Have the last node sleep."""
        self.nodes[-1].process.send_signal(signal.SIGSTOP)

    def awake(self):
        """Wake it."""
        self.nodes[-1].process.send_signal(signal.SIGCONT)

    def late(self, messages=20):
        """Wake the last node once another has published so many more: it comes back to what it must have missed."""
        first = self.nodes[0]
        before = first.last["counters"]["published"]
        first.wait_until(lambda told: told["counters"]["published"] > before + messages)
        self.awake()


def killed(story, seconds):
    """`kill -9`, and started again after a while."""
    story.redis.kill()
    story.load(seconds)
    story.redis.again()
    return time.monotonic()


def killed_with_one_late(story, seconds):
    """The same, and one process comes back after another has published again."""
    story.redis.kill()
    story.load(seconds)
    story.asleep()
    story.redis.again()
    story.late()
    return time.monotonic()


def paused(story, seconds):
    """It does not answer for a while."""
    story.redis.pause()
    story.load(seconds)
    story.redis.go_on()
    return time.monotonic()


def paused_with_one_late(story, seconds):
    """The same, and one process, which has given up the connection, comes back after another has published again."""
    story.redis.pause()
    story.load(seconds)
    story.all_are(lambda told: not told["connected"])
    story.asleep()
    story.redis.go_on()
    story.late()
    return time.monotonic()


def reset(story, seconds):
    """All connections are closed by the server, several times over."""
    for _ in range(5):
        at = time.monotonic()
        story.redis.do("CLIENT", "KILL", "TYPE", "pubsub")
        story.redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        story.load(seconds / 5)
        story.all_are(lambda told: told["connected"])
    return at


def reset_with_one_late(story, seconds):
    """The connections are closed while a process sleeps; it wakes after another has published again."""
    story.asleep()
    story.redis.do("CLIENT", "KILL", "TYPE", "pubsub")
    story.redis.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    story.load(seconds)
    story.late()
    return time.monotonic()


def cut_off(story, seconds):
    """A process sleeps, and the server cuts its subscriptions off since it does not read them."""
    cut(story)
    story.load(seconds)
    story.awake()
    return time.monotonic()


def cut_off_and_killed(story, seconds):
    """What it missed since it was cut off is in no history any more."""
    cut(story)
    story.load(seconds)
    story.redis.kill()
    story.redis.again()
    story.awake()
    return time.monotonic()


def cut(story):
    story.asleep()
    while story.redis.do("CLIENT", "LIST", "TYPE", "pubsub").count(b"id=") == len(story.nodes):
        story.load(0.1)


FAULTS = {
    "kill": killed,
    "kill, kept on disk": killed,
    "kill, one late": killed_with_one_late,
    "kill, kept on disk, one late": killed_with_one_late,
    "pause": paused,
    "pause, one late": paused_with_one_late,
    "reset": reset,
    "reset, one late": reset_with_one_late,
    "cut off": cut_off,
    "cut off, then kill": cut_off_and_killed,
}


def run_fault(
    program, directory, fault, *, before=1.0, seconds=1.0, after=1.0, rate=500.0, topics=5, size=128, options=None
):
    """Give what came of it: counts over all processes, and seconds until all were subscribed again.

    `rate` is of each process, in messages of `size` bytes a second; `seconds` is how long the fault lasts, `options`
    are those of the broker.
    """
    directory.mkdir(parents=True, exist_ok=True)
    limits = ("client-output-buffer-limit pubsub 64kb 0 0",) if fault.startswith("cut off") else ()
    with ExitStack() as stack:
        server = RedisProcess(program, directory, appendonly="kept" in fault, options=limits)
        redis = stack.enter_context(server)
        nodes = []
        for number in range(NODES):
            node = NodeProcess(f"n{number}", redis.url, rate, topics, size, options=options or {}, directory=directory)
            stack.callback(node.close)
            nodes.append(node)
        story = Story(redis, nodes)
        story.all_are(lambda told: told["connected"])
        for node in nodes:
            node.say()
        story.all_are(lambda told: told["counters"]["published"] > rate * before / 2)
        story.load(before / 2)
        came_back = FAULTS[fault](story, seconds)
        story.load(after)
        for node in nodes:
            node.say()
        story.all_are(lambda told: told["quiet"])
        counts = close(story)
        again = max(0.0, *(node.last["since"] - came_back for node in nodes))
        return {"seconds_until_subscribed": round(again, 3), **counts}


def close(story):
    """Wait until the ledger closes, as far as it does, and give the counts."""

    def difference(node):
        return story.published() - sum(node.last["counters"][name] for name in ("received", "recovered", "lost"))

    end = time.monotonic() + 15
    while any(difference(node) for node in story.nodes) and time.monotonic() < end:
        time.sleep(0.05)
    for node in story.nodes:
        node.say()
        node.wait_until(lambda told: told["ended"])
    told = [node.last for node in story.nodes]
    published = {one["name"]: one["counters"]["published"] for one in told}
    missing = [sum(published.values()) - sum(one["received"].values()) for one in told]
    return {
        "published": sum(published.values()),
        "attempts": sum(one["attempts"] for one in told),
        "refused": sum(one["refused"] for one in told),
        "in_doubt": sum(one["in_doubt"] for one in told),
        **{name: sum(one["counters"][name] for one in told) for name in COUNTS},
        "open": [difference(node) for node in story.nodes],
        "missing_uncounted": [gone - one["counters"]["lost"] for gone, one in zip(missing, told, strict=True)],
        "told_lost": sum(one["told_lost"] for one in told),
        "out_of_order": sum(one["out_of_order"] for one in told),
    }
