import pytest

from socketscope.cli.run import PROTOCOL, with_protocol


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["app:app", "--ws", "wsproto"], {}), (["--ws=none", "app:app"], {}), (["app:app"], {"UVICORN_WS": "wsproto"})],
)
def test_a_protocol_that_is_asked_for_stays(arguments, environment):
    assert with_protocol(arguments, environment) == arguments


def test_else_it_is_the_one_that_gives_a_hub_the_transport():
    assert with_protocol(["app:app", "--port", "80"], {}) == ["app:app", "--port", "80", "--ws", PROTOCOL]
