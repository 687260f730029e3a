import subprocess
import sys

import pytest

from socketscope.instrumentation.identity import Source, UserHash, truncated_address

SCOPE = {
    "path_params": {"room": "lobby", "number": 7},
    "query_string": b"user=ann%20lee&empty=",
    "headers": [(b"x-user", b"bob"), (b"x-user", b"eve")],
    "tenant": "acme",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("path:room", "lobby"),
        ("path:number", "7"),
        ("path:missing", None),
        ("query:user", "ann lee"),
        ("query:empty", None),
        ("header:X-User", "bob"),
        ("scope:tenant", "acme"),
    ],
)
def test_a_source_reads_its_place(text: str, value: str | None) -> None:
    source = Source.parse(text)
    assert source is not None
    assert source.read(SCOPE) == value


@pytest.mark.parametrize("text", ["", "path", "path:", "cookie:x", "room"])
def test_what_is_no_source_is_none(text: str) -> None:
    assert Source.parse(text) is None


def test_a_name_of_a_client_is_cut() -> None:
    source = Source.parse("query:user")
    assert source is not None
    assert len(source.read({"query_string": b"user=" + b"x" * 10_000}) or "") == 256


def test_the_same_key_gives_the_same_hash_and_another_key_another() -> None:
    first, second, other = UserHash(b"key"), UserHash(b"key"), UserHash(b"other")
    assert first("ann") == second("ann") != other("ann")
    assert first.key_id == second.key_id != other.key_id
    assert first("ann") != first("bob")
    assert "ann" not in first("ann")


def test_without_a_key_every_process_has_its_own() -> None:
    program = "from socketscope.instrumentation.identity import UserHash; print(UserHash(b'').key_id)"
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert UserHash(b"").key_id == UserHash(b"").key_id != other
    assert len(other) == 8


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.77", "192.0.2.0"),
        ("2001:db8:1:2::9", "2001:db8:1::"),
        ("testclient", None),
        (None, None),
        ("", None),
    ],
)
def test_addresses_are_truncated(host: str | None, network: str | None) -> None:
    assert truncated_address(host) == network
