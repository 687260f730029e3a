import pytest

from socketscope.cli.run import PROTOCOL, application, destination, environment_for, with_protocol
from socketscope.errors import ConfigurationError


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["app:app", "--ws", "wsproto"], {}), (["--ws=none", "app:app"], {}), (["app:app"], {"UVICORN_WS": "wsproto"})],
)
def test_a_protocol_that_is_asked_for_stays(arguments, environment):
    assert with_protocol(arguments, environment) == arguments


def test_else_it_is_the_one_that_gives_a_hub_the_transport():
    assert with_protocol(["app:app", "--port", "80"], {}) == ["app:app", "--port", "80", "--ws", PROTOCOL]


@pytest.mark.parametrize(
    "arguments",
    [
        ["app.main:app"],
        ["--host", "::1", "app.main:app"],
        ["app.main:app", "--host", "::1"],
        ["--header", "Server:mine", "--reload", "app.main:app"],
        ["--ws", PROTOCOL, "app.main:app"],
    ],
)
def test_the_application_is_the_one_that_uvicorn_takes(arguments):
    assert application(arguments) == "app.main:app"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--host", "::1"], "uvicorn: Missing argument 'APP'"),
        (["app:app", "--port", "x"], "uvicorn: Invalid value for '--port'"),
        (["app:app", "--nonsense"], "uvicorn: No such option '--nonsense'"),
        (["app", "--host", "::1"], "APP='app' can't be used: expected module:attribute"),
    ],
)
def test_arguments_that_uvicorn_refuses_are_told_before_anything_starts(socketscope, tmp_path, arguments, says):
    ran = socketscope("run", *arguments, cwd=tmp_path)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert not ran.stdout


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "app sends metrics, traces and logs by OTLP (grpc) to http://localhost:4317 every 1 s"),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:2", "OTEL_LOGS_EXPORTER": "none"},
            (
                "app sends metrics by OTLP (grpc) to http://localhost:4317 every 1 s; "
                "traces by OTLP (grpc) to http://c:2 every 1 s; logs nowhere"
            ),
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_METRIC_EXPORT_INTERVAL": "500", "OTEL_LOGS_EXPORTER": "none"},
            "0.5 s",
        ),
        ({"OTEL_SDK_DISABLED": "true"}, "app: nothing is sent: OTEL_SDK_DISABLED=true"),
    ],
)
def test_one_line_says_where_each_signal_goes(environment, says):
    assert says in destination(environment_for("app:app", None, environment))


@pytest.mark.parametrize(
    "name", ["OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_METRIC_EXPORT_INTERVAL"]
)
def test_what_the_sdk_could_not_be_set_up_with_stops_it(name):
    with pytest.raises(ConfigurationError, match=f"{name}='bogus'"):
        destination(environment_for("app:app", None, {name: "bogus"}))
