from pathlib import Path

import pytest

from socketscope.demo.stack.options import Options, free_port
from socketscope.errors import ConfigurationError


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"duration": 0}, "--duration=0"),
        ({"duration": -1.0}, "--duration=-1.0"),
        ({"users": 2}, "--users=2"),
        ({"messages": 0}, "--messages=0"),
        ({"port": 0}, "--port=0"),
        ({"chat_port": 65536}, "--chat-port=65536"),
        ({"otlp_endpoint": "not a url"}, "--otlp-endpoint='not a url'"),
        ({"otlp_endpoint": "127.0.0.1:4317"}, "--otlp-endpoint='127.0.0.1:4317'"),
        ({"otlp_endpoint": "http://127.0.0.1:port"}, "--otlp-endpoint='http://127.0.0.1:port'"),
        ({"chat_python": Path("/")}, "--chat-python='/'"),
        ({"chat_python": Path(__file__)}, "--chat-python="),
        ({"chat_port": 8300}, r"--chat-port=8300 .*\(--port has this one\)"),
    ],
)
def test_an_option_that_can_not_be_used_is_named_with_what_is_expected(wrong, named):
    with pytest.raises(ConfigurationError, match=named):
        Options(**wrong)


def test_without_a_collector_its_ports_are_nobodys():
    assert "--otlp-grpc-port" not in Options().ports()


def test_with_a_collector_its_ports_are_its_own(tmp_path):
    ports = Options(collector=tmp_path).ports()
    assert (ports["--otlp-grpc-port"], ports["--otlp-http-port"]) == (4317, 4318)
    assert (ports["--store-grpc-port"], ports["--store-http-port"]) == (14317, 14318)


def test_a_port_that_is_free_is_given_to_one_program_only():
    chosen = [free_port() for _ in range(500)]
    assert len(set(chosen)) == len(chosen)
