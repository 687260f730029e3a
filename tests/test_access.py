"""Tokens, by the words of the real programs: `socketscope serve`, and what sends to it and asks it."""

import grpc
import httpx
import pytest
from google.protobuf import json_format
from google.rpc import status_pb2
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub

from otlp_requests import gauge, metrics_request, number
from service_process import ServiceProcess

READS, WRITES = "reads-" * 4, "writes-" * 4
REQUEST = metrics_request(gauge("m", number(1, 2)))
METRICS = "/monitoring/websocket/metrics"
TOKENS = {"SOCKETSCOPE_CONSOLE_TOKEN": READS, "SOCKETSCOPE_OTLP_TOKEN": WRITES}


@pytest.fixture(scope="module")
def service():
    with ServiceProcess("--memory", "--host=0.0.0.0", "--otlp-host=0.0.0.0", environment=TOKENS) as service:
        yield service


def shown(token):
    return {"authorization": f"Bearer {token}"}


def export_grpc(service, **metadata):
    with grpc.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:
        return MetricsServiceStub(channel).Export(REQUEST, metadata=tuple(metadata.items()), timeout=10)


def export_http(service, body, content_type, **headers):
    return httpx.post(
        f"http://127.0.0.1:{service.http_port}/v1/metrics",
        content=body,
        headers={"content-type": content_type} | headers,
    )


def test_otlp_over_grpc_is_taken_from_who_shows_the_token(service):
    assert not export_grpc(service, **shown(WRITES)).HasField("partial_success")


@pytest.mark.parametrize("metadata", [{}, shown(READS), {"authorization": WRITES}])
def test_otlp_over_grpc_is_refused_from_others(service, metadata):
    with pytest.raises(grpc.RpcError) as refused:
        export_grpc(service, **metadata)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "OTEL_EXPORTER_OTLP_HEADERS" in refused.value.details()


def test_otlp_over_http_is_taken_from_who_shows_the_token(service):
    answer = export_http(service, REQUEST.SerializeToString(), "application/x-protobuf", **shown(WRITES))
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, shown(READS)])
def test_otlp_over_http_is_refused_from_others_in_their_encoding(service, headers):
    binary = export_http(service, REQUEST.SerializeToString(), "application/x-protobuf", **headers)
    text = export_http(service, json_format.MessageToJson(REQUEST), "application/json", **headers)
    assert binary.status_code == text.status_code == 401
    assert binary.headers["www-authenticate"].startswith("Bearer")
    status = status_pb2.Status.FromString(binary.content)
    assert (status.code, status.message) == (16, text.json()["message"])
    assert "OTEL_EXPORTER_OTLP_HEADERS" in status.message


def test_the_console_answers_who_shows_its_own_token(service):
    url = f"http://127.0.0.1:{service.port}{METRICS}"
    assert httpx.get(url, headers=shown(READS)).status_code == 200
    assert httpx.get(url, headers=shown(WRITES)).status_code == 401
    assert httpx.get(url).status_code == 401


def test_no_token_is_in_what_the_service_prints(service):
    printed = "\n".join([*service.lines, *service.complaints])
    assert "ready" in printed
    assert not [token for token in TOKENS.values() if token in printed]
