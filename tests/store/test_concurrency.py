import random
import threading

import asking
from otlp_requests import counter, metrics_request, ns, number, put
from socketscope.query.model import Query
from socketscope.store.store import Store


def test_a_total_is_never_wrong_while_points_come_late_and_roll_ups_are_made_and_taken_back():
    """Each point counts 1: a total lies between what was acknowledged before it was asked and what was sent after."""
    store = Store.open(None, clock=lambda: ns(-1))
    rng = random.Random(7)  # no secret
    account = {"sent": 0, "acknowledged": 0}
    done = threading.Event()
    wrong, answers = [], []

    def ask():
        while not done.is_set():
            least = account["acknowledged"]
            total = asking.instant(store, Query("m", over_time="increase", window=1e9), 1e6) or 0
            most = account["sent"]
            answers.append(total)
            if not least <= total <= most:
                wrong.append((least, total, most))

    def send(index):
        time = 10 * index - rng.choice([0, 0, 0, 300, 1500]) + 2000 + index / 1000
        account["sent"] += 1
        # A series of its own for each point: its value is what it counts.
        put(store, metrics_request(counter("m", number(time, 1, attributes={"n": index}))))
        account["acknowledged"] += 1
        if index % 7 == 0:
            store.settle(ns(10 * index + 1800))
        if index % 11 == 0:
            store.delete_old()

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for index in range(250):
            send(index)
    finally:
        done.set()
        for asker in askers:
            asker.join()
    assert wrong == []
    assert len(set(answers)) > 10, "it was asked in between"
    store.close()
