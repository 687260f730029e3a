import json

from socketscope.demo.ledger import KEYS, Ledger


def test_an_untouched_ledger_is_all_zeros_and_knows_no_peak():
    assert Ledger().as_dict() == dict.fromkeys(KEYS, 0) | {"peak_connections": None}


def test_it_counts_from_the_servers_point_of_view_and_bytes_as_utf_8():
    ledger = Ledger()
    ledger.received("é🎉")
    ledger.received(b"12345")
    ledger.sent("ñ")
    assert (ledger.messages_received, ledger.bytes_received) == (2, 2 + 4 + 5)
    assert (ledger.messages_sent, ledger.bytes_sent) == (1, 2)


def test_users_and_rooms_count_once_however_often_they_connect():
    ledger = Ledger()
    for user, room in [("ana", "a"), ("ana", "b"), ("bo", "a"), ("ana", "a")]:
        ledger.accepted(user, room)
    counts = ledger.as_dict()
    assert (counts["connections_accepted"], counts["unique_users"], counts["channels"]) == (4, 2, 2)


def test_every_way_out_leaves_the_room_and_only_a_raise_is_an_error():
    ledger = Ledger()
    for _ in range(4):
        ledger.accepted("ana", "a")
    ledger.left()
    ledger.lost()
    ledger.failed()
    ledger.denied()
    assert ledger.open_connections == 1
    counts = ledger.as_dict()
    assert [counts[f"connections_{how}"] for how in ("denied", "lost", "failed")] == [1, 1, 1]
    assert counts["errors"] == 1


def test_the_peak_is_the_most_that_was_held():
    ledger = Ledger()
    for connections in (3, 8, 5):
        ledger.held(connections)
    assert ledger.as_dict()["peak_connections"] == 8


def test_a_written_ledger_has_all_keys_in_order(tmp_path):
    path = tmp_path / "ledger.json"
    Ledger().write(path)
    assert tuple(json.loads(path.read_text(encoding="utf-8"))) == KEYS
    assert [entry.name for entry in tmp_path.iterdir()] == ["ledger.json"]
