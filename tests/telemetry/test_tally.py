from socketscope.telemetry.accumulators import Accumulators
from socketscope.telemetry.histogram import size_cell
from socketscope.telemetry.record import ConnectionRecord
from socketscope.telemetry.tally import Tally


def send(tally, size, now=1, *, binary=False):
    tally.count(size, size_cell(size), now, binary=binary)


def test_a_connection_was_sent_what_a_tally_grew_by_while_it_took_part():
    accumulators, tally, record = Accumulators(start_ns=0), Tally(), ConnectionRecord("one", 0, 0)
    record.count_into(accumulators.traffic(("/ws", None)))
    send(tally, 100)
    share = record.take_part(tally)
    assert (record.messages_sent, record.bytes_sent, record.last_activity) == (0, 0, 0)
    send(tally, 5, 7)
    send(tally, 3000, 9, binary=True)
    record.transmit.count_one(1, 0, binary=False)
    assert (record.messages_sent, record.bytes_sent, record.last_activity) == (3, 3006, 9)
    accumulators.fold(record)
    accumulators.fold(record)
    accumulators.end_share(record, share)
    accumulators.end_share(record, share)
    send(tally, 5, 11)
    accumulators.fold(record)
    assert (record.messages_sent, record.bytes_sent, record.last_activity) == (3, 3006, 9)
    [flow] = [flow for flow in accumulators.flows() if flow[1] == "transmit"]
    assert flow == (("/ws", None), "transmit", 2, 1, 3006)


def test_two_tallies_add_up():
    record, one, two = ConnectionRecord("one", 0, 0), Tally(), Tally()
    record.take_part(one)
    record.take_part(two)
    send(one, 1)
    send(two, 2)
    assert record.totals() == (0, 2, 0, 3)


def test_what_is_sent_by_a_tally_alone_is_folded_whatever_its_type():
    for binary in (False, True):
        accumulators, tally, record = Accumulators(start_ns=0), Tally(), ConnectionRecord("one", 0, 0)
        record.count_into(accumulators.traffic(("/ws", None)))
        record.take_part(tally)
        for number in (1, 2):
            send(tally, 100, binary=binary)
            accumulators.fold(record)
            [flow] = [flow for flow in accumulators.flows() if flow[1] == "transmit"]
            assert flow[2:] == ((0, number, 100 * number) if binary else (number, 0, 100 * number))
        assert record.totals() == (0, 2, 0, 200)
