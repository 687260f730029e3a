from pathlib import Path

import pytest

from socketscope.demo.stack.options import Options, free_port
from socketscope.demo.stack.replicas import Redis, find_redis, make_replicas
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
        ({"replicas": 0}, "--replicas=0"),
        ({"replicas": 2}, "--replicas=2 .*--hub --broker redis"),
        ({"replicas": 2, "hub": True}, "--replicas=2 .*--hub --broker redis"),
        ({"redis": Path("redis-server")}, "--broker='redis' .*--hub"),
        ({"hub": True, "fastapi_telemetry": False}, "--fastapi-telemetry=False"),
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


def test_every_replica_has_a_name_and_a_port_of_its_own_and_the_same_key_of_users():
    replicas = make_replicas(Options(hub=True, redis=Path("redis-server"), replicas=3), "redis://somewhere")
    assert [replica.name for replica in replicas] == ["chat", "chat-2", "chat-3"]
    assert replicas[0].port == 8000
    assert len({replica.port for replica in replicas}) == 3
    assert len({replica.user_key for replica in replicas}) == 1
    assert {replica.broker_url for replica in replicas} == {"redis://somewhere"}


def test_where_no_redis_is_it_says_what_to_install(tmp_path):
    with pytest.raises(ConfigurationError, match=r"SOCKETSCOPE_REDIS.*apt-get install redis-server"):
        find_redis({"PATH": str(tmp_path)})


def test_redis_is_found_on_the_path_or_where_the_variable_says(tmp_path):
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_redis({"PATH": str(tmp_path)}) == program
    assert find_redis({"PATH": "", "SOCKETSCOPE_REDIS": str(program)}) == program
    assert not Redis(program).ready()
