"""OTLP's metrics as messages that leave resources, scopes and attributes undecoded.

Most of a metrics request is the same attributes again and again. These messages have the same field numbers as
OpenTelemetry's, but `bytes` where those have a message of another package: what was seen before is then looked up by
its bytes, and decoded only the first time. The descriptor is derived from OpenTelemetry's own.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2

_PACKAGE: Final = "socketscope.wire"
_OF_METRICS: Final = f".{metrics_pb2.DESCRIPTOR.package}."


def _request() -> Any:
    """Make the class of `ExportMetricsServiceRequest`."""
    file = descriptor_pb2.FileDescriptorProto()
    metrics_pb2.DESCRIPTOR.CopyToProto(file)
    request = descriptor_pb2.DescriptorProto()
    metrics_service_pb2.ExportMetricsServiceRequest.DESCRIPTOR.CopyToProto(request)
    file.message_type.append(request)
    file.name, file.package = "socketscope/wire.proto", _PACKAGE
    file.ClearField("dependency")
    file.ClearField("options")
    for message in file.message_type:
        _leave_undecoded(message)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{request.name}"))


def _leave_undecoded(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if field.type_name.startswith(_OF_METRICS):
            field.type_name = f".{_PACKAGE}.{field.type_name.removeprefix(_OF_METRICS)}"
        elif field.type_name:
            field.ClearField("type_name")
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _leave_undecoded(nested)


MetricsRequest: Final = _request()
"""`FromString(body)` raises `google.protobuf.message.DecodeError` for what is no such request."""
