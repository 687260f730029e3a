"""Alert services that are killed again and again, over a backend that stops and a receiver that is in a bad state.

    from faults import run_faults
    report = run_faults(directory, evaluations=200)

The services are real processes of `socketscope serve --only alerts`, killed with SIGKILL at random moments, from their
first instruction on. They ask a double of a console over HTTP, whose numbers follow a script, and tell a real HTTP
receiver, which now and then answers 500 or cuts the connection although it has the notification. What they must tell
is computed by the evaluator alone, over the script without a fault.
"""

import contextlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import yaml
from story import LOAD, Story, next_start

from doubles.console_double import ConsoleDouble, EndureKills
from doubles.http_double import HttpDouble, Reply
from socketscope.alerts.unreachable import NAME as UNREACHABLE
from socketscope.state.state import State

PATIENCE = 120.0
"""Seconds for what must come true."""


class Receiver(EndureKills, HttpDouble):
    """Takes webhooks and keeps what each service delivered, in order."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng
        self.delivered = {}
        self.faults = 0

    def answer(self, asked):
        self.require_whole(asked)
        body = json.loads(asked.body)
        assert asked.headers["idempotency-key"] == body["key"]
        self.delivered.setdefault(asked.path.strip("/"), []).append(body)
        fate = self.rng.random()
        if fate < 0.2:
            self.faults += 1
        return Reply({}, 500) if fate < 0.1 else Reply({}, cut=0 if fate < 0.2 else None)

    def keys(self, who, *, unreachable=False):
        return [one["key"] for one in self.delivered.get(who, []) if (one["rule"] == UNREACHABLE) == unreachable]


class Victim:
    """One alert service with a state of its own, started again whenever it is killed."""

    def __init__(self, name, directory, *, backend, receiver, story, asked, life, rng):
        self.name = name
        self.kills = 0
        self.problem = ""
        self.calm = threading.Event()
        self.calm.set()
        self._rng = rng
        self._asked = asked
        self._life = life
        self._interval = story.interval
        self._stopping = threading.Event()
        self._one_at_a_time = threading.Lock()
        self.directory = directory / name
        self.directory.mkdir()
        (self.directory / "rules.yaml").write_text(story.rules())
        configuration = {
            "console": {"port": 0},
            "backend": {"kind": "remote", "url": f"{backend}/{name}"},
            "state": {"file": str(self.state)},
            "notifiers": {"hook": {"type": "webhook", "url": f"{receiver}/{name}", "timeout": 5}},
            "reports": {"enabled": False},
            "alerts": {
                "pack": False,
                "rules": [str(self.directory / "rules.yaml")],
                "cooldown": 0,
                "repeat": 0,
                "catch_up": 600,
                "unreachable_after": 4 * story.interval,
            },
        }
        (self.directory / "socketscope.yaml").write_text(yaml.safe_dump(configuration))
        self._start()
        self._thread = threading.Thread(target=self._kill_now_and_then, daemon=True)
        self._thread.start()

    @property
    def state(self):
        return self.directory / "state.sqlite"

    def kill(self):
        with self._one_at_a_time:
            self.process.send_signal(signal.SIGKILL)
            code = self.process.wait()
            if code != -signal.SIGKILL:
                self.problem = f"{self.name} had ended by itself with {code}: {self.log}"
                self._stopping.set()
                return
            self.kills += 1
            self._start()

    def abandon(self):
        """End it, however far it is."""
        self._stopping.set()
        self._thread.join()
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Let it end in order; returns its exit code."""
        self._stopping.set()
        self.calm.set()
        self._thread.join()
        wait_for(lambda: "ready" in self.log, lambda: f"{self.name} was not ready", [self])
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    @property
    def log(self):
        """What the process that runs now has said."""
        return (self.directory / "log").read_text()

    def _start(self):
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "socketscope", "serve", "--only", "alerts"],
                cwd=self.directory,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("SOCKETSCOPE_")},
            )

    def _kill_now_and_then(self):
        """Kill it within some evaluations of its life, or, one time of five, while it starts; however slow all is."""
        while not self._stopping.is_set():
            if self._rng.random() < 0.2:
                self._stopping.wait(self._rng.uniform(0, 1))
            else:
                until = self._asked() + self._rng.randint(1, self._life)
                while self._asked() < until and not self._stopping.is_set():
                    self._stopping.wait(0.01)
                self._stopping.wait(self._rng.uniform(0, self._interval))
            if not self.calm.is_set() and not self._stopping.is_set():
                self.kill()


def wait_for(condition, what, victims):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert not any(victim.problem for victim in victims), [victim.problem for victim in victims]
        assert time.monotonic() < end, f"{what()} within {PATIENCE:.0f} s"
        time.sleep(0.05)


def run_faults(directory, *, evaluations=200, interval=0.25, life=20, seed=1):
    """Run two services side by side through the story; each lives for `life` evaluations at most.

    Returns what was found; fails where something does not come about in `PATIENCE` seconds.
    """
    rng = random.Random(seed)
    story = Story(math.inf, interval, evaluations)  # all is well before it begins
    console, receiver = ConsoleDouble(story.measured), Receiver(random.Random(seed))
    with console, receiver, contextlib.ExitStack() as ending:
        victims = []
        for name in ("one", "two"):
            victims.append(
                Victim(
                    name,
                    Path(directory),
                    backend=console.url,
                    receiver=receiver.url,
                    story=story,
                    asked=lambda name=name: len(console.moments.get(name, {}).get(LOAD, [])),
                    life=life,
                    rng=random.Random(rng.random()),
                )
            )
            ending.callback(victims[-1].abandon)
        wait_for(lambda: len(console.moments) == len(victims), lambda: "no service evaluated anything", victims)
        story.start = next_start(time.time(), interval)
        for victim in victims:
            victim.calm.clear()

        def reached(victim):
            return max((story.number(at) for at in console.moments.get(victim.name, {}).get(LOAD, [])), default=-1)

        def all_reach(number):
            wait_for(
                lambda: all(reached(victim) >= number for victim in victims),
                lambda: f"evaluation {number} was not reached by {[reached(victim) for victim in victims]}",
                victims,
            )

        all_reach(story.steady_from + 6)
        stop_the_backend(console, receiver, victims, story, all_reach)
        all_reach(story.length + 2)
        expected = set(story.expected())
        for victim in victims:
            victim.calm.set()
            wait_for(
                lambda victim=victim: expected <= set(receiver.keys(victim.name)),
                lambda victim=victim: f"{expected - set(receiver.keys(victim.name))} of {victim.name} did not arrive",
                victims,
            )
            wait_for(
                lambda victim=victim: len(set(receiver.keys(victim.name, unreachable=True))) >= 2,
                lambda victim=victim: f"{victim.name} did not tell that the backend is back",
                victims,
            )
        codes = [victim.stop() for victim in victims]
        return found(story, console, receiver, victims, expected) | {"exit_codes": codes}


def stop_the_backend(console, receiver, victims, story, all_reach):
    """Stop it while everything fires, and kill one service meanwhile; then let the story go on."""
    for victim in victims:
        victim.calm.set()
    all_reach(story.number(time.time()))  # nothing that came before is left to be made up for
    stopped = story.number(time.time())
    console.down = True
    victims[0].kill()
    for victim in victims:
        wait_for(
            lambda victim=victim: (
                console.refused.get(victim.name, 0) > 8 and receiver.keys(victim.name, unreachable=True)
            ),
            lambda victim=victim: f"{victim.name} did not tell that the backend is gone",
            victims,
        )
    console.down = False
    for victim in victims:
        victim.calm.clear()
    following = story.number(time.time()) + 4
    # A few more, as the one that was killed had some before to make up for.
    story.go_on(following, lost=following - stopped + 12)


def found(story, console, receiver, victims, expected):
    """Sum up."""
    keys = {victim.name: receiver.keys(victim.name) for victim in victims}
    pending = {}
    for victim in victims:
        state = State.open(victim.state)
        waiting = [one.notification.key for one in state.outbox.recent() if one.status != "delivered"]
        # What the receiver has, though its answer was lost, waits for the next start.
        pending[victim.name] = len(set(waiting) - {one["key"] for one in receiver.delivered[victim.name]})
        state.close()
    resolved = {key for each in keys.values() for key in each if ":resolved:" in key}
    return {
        "evaluations": min(
            len({at for at in console.moments[victim.name][LOAD] if 0 <= story.number(at) < story.length})
            for victim in victims
        ),
        "kills": sum(victim.kills for victim in victims),
        "receiver_faults": receiver.faults,
        "transitions": len(expected),
        "deliveries": sum(map(len, keys.values())),
        "duplicates": sum(len(each) - len(set(each)) for each in keys.values()),
        "missing": sum(len(expected - set(each)) for each in keys.values()),
        "unexpected": sum(len(set(each) - expected) for each in keys.values()),
        "false_resolved": len(resolved - expected),
        "keys_not_shared": len(set(keys["one"]) ^ set(keys["two"])),
        "out_of_order": sum(out_of_order(each) for each in keys.values()),
        "unreachable_told": {name: dict(unreachable(receiver, name)) for name in keys},
        "undelivered": sum(pending.values()),
    }


def out_of_order(keys):
    """Count ends that arrived before their beginning."""
    first = {key: place for place, key in reversed(list(enumerate(keys)))}
    return sum(
        first[key] < first.get(key.replace(":resolved:", ":firing:"), len(keys)) for key in first if ":resolved:" in key
    )


def unreachable(receiver, who):
    """Count what was told of the backend, each key once."""
    told = {one["key"]: one["status"] for one in receiver.delivered.get(who, []) if one["rule"] == UNREACHABLE}
    return Counter(told.values())
