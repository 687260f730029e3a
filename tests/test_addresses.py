import contextlib

import pytest

from socketscope.addresses import authority, is_loopback, listen
from socketscope.errors import ConfigurationError, PortInUseError


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known_by_its_names(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "localhost.example", "127.0.0.1.example"])
def test_everything_else_is_not_taken_for_it(host):
    assert not is_loopback(host)


def test_an_ipv6_address_stands_in_brackets_before_its_port():
    assert authority("::1", 80) == "[::1]:80"
    assert authority("example.org", 80) == "example.org:80"


def test_a_port_that_is_taken_is_named_with_its_option():
    with contextlib.closing(listen("127.0.0.1", 0, section="otlp", option="--otlp-http-port")) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"127.0.0.1:{port} is in use .*--otlp-http-port"):
            listen("127.0.0.1", port, section="otlp", option="--otlp-http-port")


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("192.0.2.1", "otlp='192.0.2.1:0' can't be used: expected an address to listen on"),
        ("no.such.host.invalid", "otlp.host='no.such.host.invalid' can't be used: expected an address of this machine"),
    ],
)
def test_an_address_that_this_machine_lacks_is_named_with_its_setting(host, named):
    with pytest.raises(ConfigurationError, match=named):
        listen(host, 0, section="otlp", option="--otlp-http-port")
