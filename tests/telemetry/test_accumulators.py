from threading import Event, Thread, stack_size

from socketscope import semconv
from socketscope.telemetry.accumulators import Accumulators
from socketscope.telemetry.cardinality import Cap
from socketscope.telemetry.histogram import size_cell
from socketscope.telemetry.record import ConnectionRecord


def test_names_beyond_the_cap_become_other_and_keep_the_total() -> None:
    cap = Cap(2)
    assert [cap.admit(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", "_other", "a", "_other"]
    assert cap.folded == 2


def test_cells_of_every_thread_are_summed() -> None:
    accumulators = Accumulators(start_ns=0)
    where = accumulators.where("/ws", 80)

    def work() -> None:
        flow = accumulators.traffic(where).receive
        for _ in range(1000):
            flow.text[3] += 1
            flow.bytes += 5

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flows = {direction: rest for _, direction, *rest in accumulators.flows()}
    assert flows["receive"] == [4000, 0, 20_000]
    sizes = [found for found in accumulators.histograms() if found.metric is semconv.MESSAGE_SIZE]
    assert [(sum(found.counts), found.sum) for found in sizes] == [(4000, 20_000)]


def test_the_same_thread_gets_the_same_cells() -> None:
    accumulators = Accumulators(start_ns=0)
    where = accumulators.where("/ws", 80)
    assert accumulators.traffic(where) is accumulators.traffic(where)


def test_there_are_no_more_cells_than_threads_at_once_and_what_those_that_ended_counted_stays() -> None:
    accumulators = Accumulators(start_ns=0)
    where = accumulators.where("/ws", 80)

    def work(counted: Event, may_end: Event) -> None:
        accumulators.traffic(where).receive.text[3] += 1
        accumulators.own_channel("news").messages[0] += 1
        counted.set()
        may_end.wait()

    # Each ends while the next one runs, and their stacks differ: the system gives them ever new identifiers.
    before = None
    for number in range(200):
        counted, may_end = Event(), Event()
        sizes = stack_size((256 + 4 * (number % 64)) * 1024)
        thread = Thread(target=work, args=(counted, may_end))
        thread.start()
        stack_size(sizes)
        counted.wait()
        if before is not None:
            before[1].set()
            before[0].join()
        before = thread, may_end
    assert before is not None
    before[1].set()
    before[0].join()
    assert (len(accumulators._traffic), len(accumulators._channels)) == (2, 2)
    assert [flow[2:] for flow in accumulators.flows() if flow[1] == "receive"] == [(200, 0, 0)]
    assert [flow[2:] for flow in accumulators.channel_flows() if flow[1] == "receive"] == [(200, 0)]


def test_ten_thousand_channels_make_no_more_than_the_limit_and_other() -> None:
    accumulators = Accumulators(start_ns=0, channel_limit=100)
    for number in range(10_000):
        cells = accumulators.channel(f"room-{number}")
        cells.messages[0] += 1
    flows = [flow for flow in accumulators.channel_flows() if flow[1] == "receive"]
    assert len(flows) == 101
    assert sum(messages for _, _, messages, _ in flows) == 10_000
    assert accumulators.channel_cap.folded == 9_900


def connected(accumulators: Accumulators, *channels: str) -> ConnectionRecord:
    record = ConnectionRecord("0" * 16, 0, 0)
    record.count_into(accumulators.traffic(accumulators.where("/ws", 80)))
    record.channel_traffic = tuple(accumulators.channel(channel) for channel in channels)
    return record


def received(record: ConnectionRecord, text: str) -> None:
    record.receive.bytes += record.receive.count_apart(text)


def in_channels(accumulators: Accumulators) -> dict[str, tuple[int, int]]:
    flows = accumulators.channel_flows()
    return {name: (messages, size) for name, direction, messages, size in flows if direction == "receive"}


def test_what_a_connection_did_is_folded_into_its_totals_once() -> None:
    accumulators = Accumulators(start_ns=0)
    record = connected(accumulators, "news")
    received(record, "abc")
    for _ in range(2):
        accumulators.fold(record)
    received(record, "x" * 5000)
    accumulators.fold(record)
    flows = {direction: rest for _, direction, *rest in accumulators.flows()}
    assert flows == {"receive": [2, 0, 5003], "transmit": [0, 0, 0]}
    assert in_channels(accumulators) == {"news": (2, 5003)}
    assert [(sum(found.counts), found.sum) for found in accumulators.histograms()] == [(2, 5003)]


def test_what_a_connection_sent_is_folded_as_it_was_at_that_moment() -> None:
    accumulators = Accumulators(start_ns=0)
    record = connected(accumulators)
    for size in (10, 12):  # the second goes into the cell of the first
        record.transmit.count_one(size, size_cell(size), binary=True)
        accumulators.fold(record)
    assert [flow[2:] for flow in accumulators.flows() if flow[1] == "transmit"] == [(0, 2, 22)]


def test_what_was_folded_stays_with_the_channels_of_that_time() -> None:
    accumulators = Accumulators(start_ns=0)
    record = connected(accumulators, "before", "always")
    received(record, "abc")
    accumulators.fold(record)
    record.channel_traffic = (accumulators.channel("after"), accumulators.channel("always"))
    received(record, "de")
    accumulators.fold(record)
    assert in_channels(accumulators) == {"before": (1, 3), "after": (1, 2), "always": (2, 5)}


def test_many_readers_fold_every_message_once_while_they_are_counted() -> None:
    accumulators = Accumulators(start_ns=0)
    records = [connected(accumulators, "news") for _ in range(4)]
    counting = True
    seen: list[int] = []

    def read() -> None:
        while counting:
            for record in records:
                accumulators.fold(record)
            seen.append(in_channels(accumulators)["news"][0])

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(20_000):
        for record in records:
            received(record, "abc")
    counting = False
    for reader in readers:
        reader.join()
    for record in records:
        accumulators.fold(record)
    assert in_channels(accumulators) == {"news": (80_000, 240_000)}
    assert next(accumulators.flows())[2:] == (80_000, 0, 240_000)
    assert seen
