"""Where signals go: what OpenTelemetry's variables say, and that the SDK's own exporters go there."""

from importlib.metadata import entry_points

import pytest

from socketscope.errors import ConfigurationError
from socketscope.telemetry.destinations import by_destination

ENDPOINT, PROTOCOL = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL"
HTTP = {PROTOCOL: "http/protobuf"}


def told(environment):
    return [where.told(signals) for where, signals in by_destination(environment).items()]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ["by OTLP (grpc) to http://localhost:4317"]),
        (HTTP, ["by OTLP (http/protobuf) to http://localhost:4318/v1/{metrics,traces,logs}"]),
        (HTTP | {ENDPOINT: "https://c/otlp/"}, ["by OTLP (http/protobuf) to https://c/otlp/v1/{metrics,traces,logs}"]),
        (HTTP | {ENDPOINT: ""}, ["by OTLP (http/protobuf) to http://localhost:4318/v1/{metrics,traces,logs}"]),
        (
            HTTP | {ENDPOINT: "http://c:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:2/spans"},
            ["by OTLP (http/protobuf) to http://c:1/v1/{metrics,logs}", "by OTLP (http/protobuf) to http://c:2/spans"],
        ),
        (
            {ENDPOINT: "http://c:1", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf"},
            ["by OTLP (grpc) to http://c:1", "by OTLP (http/protobuf) to http://c:1/v1/logs"],
        ),
        (
            {"OTEL_METRICS_EXPORTER": "socketscope", "OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "console"},
            ["by OTLP (grpc) to http://localhost:4317", "nowhere", "through the exporter 'console'"],
        ),
        ({f"OTEL_{signal}_EXPORTER": "" for signal in ("METRICS", "TRACES", "LOGS")}, ["nowhere"]),
        (
            {f"OTEL_{signal}_EXPORTER": "otlp_proto_http, console" for signal in ("METRICS", "TRACES", "LOGS")},
            [
                "by OTLP (http/protobuf) to http://localhost:4318/v1/{metrics,traces,logs}",
                "through the exporter 'console'",
            ],
        ),
    ],
)
def test_each_signal_goes_where_its_variables_say(environment, expected):
    assert told(environment) == expected


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({PROTOCOL: "http/json"}, f"{PROTOCOL}='http/json'"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL='http/json'"),
        ({"OTEL_METRICS_EXPORTER": "bogus"}, "OTEL_METRICS_EXPORTER='bogus'.*console.*socketscope"),
        ({"OTEL_TRACES_EXPORTER": "socketscope"}, "OTEL_TRACES_EXPORTER='socketscope'"),
        ({"OTEL_LOGS_EXPORTER": "otlp,none"}, "OTEL_LOGS_EXPORTER='otlp,none'"),
        ({ENDPOINT: ""}, f"{ENDPOINT}=''"),
    ],
)
def test_what_the_sdk_could_not_be_set_up_with_is_named(environment, named):
    with pytest.raises(ConfigurationError, match=named):
        by_destination(environment)


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("http://c:4317", ("c", 4317)),
        ("https://c", ("c", 443)),
        ("c:1", ("c", 1)),
        ("http://[::1]:7", ("::1", 7)),
        ("unix:///run/otel.sock", "/run/otel.sock"),
        ("unix:otel.sock", "otel.sock"),
        ("dns:///c:4317", None),
    ],
)
def test_grpc_goes_to_an_address_or_a_socket_or_wherever_it_resolves_a_name_to(endpoint, address):
    [where] = by_destination({ENDPOINT: endpoint})
    assert where.address() == address


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [("grpc", "nonsense://"), ("grpc", "c:99999"), ("http/protobuf", "c:4318"), ("http/protobuf", "unix:///run/x")],
)
def test_what_is_no_address_is_refused(protocol, endpoint):
    [where] = by_destination({PROTOCOL: protocol, ENDPOINT: endpoint})
    with pytest.raises(ValueError, match=r"it is no HOST:PORT|http://HOST|Port out of range"):
        where.address()


@pytest.mark.parametrize("signal", ["metrics", "traces", "logs"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("own", [{}, {"ENDPOINT": "http://127.0.0.1:2/own"}, {"ENDPOINT": ""}])
def test_the_exporters_of_the_sdk_go_to_the_same_place(monkeypatch, signal, protocol, own):
    environment = {ENDPOINT: "http://127.0.0.1:1/all/", PROTOCOL: protocol} | {
        f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}": value for name, value in own.items()
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    name = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}[protocol]
    [entry] = entry_points(group=f"opentelemetry_{signal}_exporter", name=name)
    exporter = entry.load()()
    [where] = [where for where, signals in by_destination(environment).items() if signal in signals]
    host, port = where.address()
    theirs = exporter._endpoint
    assert theirs in (f"{host}:{port}", where.told([signal]).rpartition(" ")[2])
    assert getattr(exporter, "_insecure", True) is not where.tls
    exporter.shutdown()


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "https://127.0.0.1:1", "127.0.0.1:1", "unix:///x"])
@pytest.mark.parametrize("insecure", [{}, {"": "true"}, {"": "false"}, {"METRICS_": "true", "": "false"}])
def test_whether_grpc_speaks_tls_is_told_as_the_sdk_has_it(monkeypatch, endpoint, insecure):
    environment = {ENDPOINT: endpoint} | {f"OTEL_EXPORTER_OTLP_{of}INSECURE": value for of, value in insecure.items()}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    [entry] = entry_points(group="opentelemetry_metrics_exporter", name="otlp_proto_grpc")
    exporter = entry.load()()
    [where] = [where for where, signals in by_destination(environment).items() if "metrics" in signals]
    assert where.tls is not exporter._insecure
    assert where.hides_tls is (where.tls and not endpoint.startswith("https"))
    exporter.shutdown()
