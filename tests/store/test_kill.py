from killing import kill_rounds


def test_what_was_acknowledged_before_a_kill_is_there_after_it(tmp_path):
    account = kill_rounds(tmp_path, 5)
    assert account.rounds == 5
    assert len(account.acknowledged) > 100
    assert account.missing == set()
    assert account.unknown == set()
    assert account.wrong_totals == 0
