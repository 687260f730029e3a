import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.errors import ConfigurationError
from socketscope.hub.origin import Origins

ALLOWED = [
    "https://example.com",
    "http://localhost:3000",
    "https://*.tenants.example.net",
    "https://[2001:db8::1]:8443",
]

IN = [
    "https://example.com",
    "https://EXAMPLE.com",
    "https://example.com:443",
    "http://localhost:3000",
    "https://a.tenants.example.net",
    "https://a.b.tenants.example.net:443",
    "https://[2001:db8::1]:8443",
]
OUT = [
    "null",
    "",
    "http://example.com",  # scheme
    "wss://example.com",
    "https://example.com:8443",  # port
    "http://localhost",
    "http://localhost:30000",
    "https://example.com.evil.org",  # suffix and prefix
    "https://notexample.com",
    "https://www.example.com",
    "https://tenants.example.net",
    "https://eviltenants.example.net",
    "http://a.tenants.example.net",
    "https://a.tenants.example.net:8443",
    "https://.tenants.example.net.evil.org",
    "https://evil.org/https://example.com",
    "https://example.com/",
    "https://example.com?",
    "https://example.com#a",
    "https://evil.org@example.com",
    "https://example.com@evil.org",
    "https://example.com:port",
    "https://example.com evil.org",
    "example.com",
    "https://[::1",
    "*",
]


@pytest.mark.parametrize("origin", IN)
def test_an_origin_of_the_list_is_let_in(origin):
    assert Origins(ALLOWED).allow([origin])


@pytest.mark.parametrize("origin", OUT)
def test_any_other_is_kept_out(origin):
    assert not Origins(ALLOWED).allow([origin])


def test_who_tells_none_and_who_has_none_are_let_in_only_by_name():
    assert not Origins(ALLOWED).allow([])
    assert Origins([*ALLOWED, None]).allow([])
    assert not Origins([*ALLOWED, None]).allow(["null"])
    assert Origins([*ALLOWED, "null"]).allow(["null"])


def test_a_list_of_nobody_lets_nobody_in():
    assert not Origins([]).allow([])
    assert not Origins([]).allow(["https://example.com"])


def test_two_origins_are_one_too_many():
    assert not Origins(ALLOWED).allow(["https://example.com", "https://example.com"])


@pytest.mark.parametrize(
    "entry",
    ["example.com", "https://", "https://example.com/", "*", "https://*", "https://*.", "https://a.*.com", "//x"],
)
def test_what_is_no_origin_can_not_be_listed(entry):
    with pytest.raises(ConfigurationError):
        Origins([entry])


@given(st.text())
def test_no_text_breaks_it(text):
    assert Origins(ALLOWED).allow([text]) in {True, False}
