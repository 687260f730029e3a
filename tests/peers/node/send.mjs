// Sends known telemetry once: node send.mjs grpc|http/protobuf|http/json ENDPOINT
import { context, diag, DiagConsoleLogger, DiagLogLevel, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as GrpcLogs } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtobufLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtobufMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [protocol, endpoint] = process.argv.slice(2);
const EXPORTERS = {
  grpc: [GrpcMetrics, GrpcTraces, GrpcLogs],
  "http/protobuf": [ProtobufMetrics, ProtobufTraces, ProtobufLogs],
  "http/json": [JsonMetrics, JsonTraces, JsonLogs],
};
const [Metrics, Traces, Logs] = EXPORTERS[protocol];
const at = (signal) => ({ url: protocol === "grpc" ? endpoint : `${endpoint}/v1/${signal}` });

diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN); // whatever it says fails the test

const resource = resourceFromAttributes({ "service.name": "peer", "service.instance.id": "peer-1" });
const CONNECTION = "00112233445566ff";

const meters = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({ exporter: new Metrics(at("metrics")), exportIntervalMillis: 3_600_000 })],
  views: [
    { instrumentName: "websocket.server.message.size", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
  ],
});
const meter = meters.getMeter("peer", "1.2.3");
const messages = meter.createCounter("websocket.server.messages", { unit: "{message}" });
messages.add(3, { "network.io.direction": "receive" });
messages.add(4, { "network.io.direction": "receive" });
messages.add(9, { "network.io.direction": "transmit" });
const open = meter.createUpDownCounter("websocket.server.active_connections", { unit: "{connection}" });
open.add(5);
open.add(-2);
const handling = meter.createHistogram("websocket.server.message.handling.duration", {
  unit: "s",
  advice: { explicitBucketBoundaries: [0.1, 1, 10] },
});
for (const seconds of [0.05, 0.5, 0.5, 5, 50]) handling.record(seconds);
const size = meter.createHistogram("websocket.server.message.size", { unit: "By" });
for (const bytes of [0, 1, 2, 4, 8, 1000]) size.record(bytes);

const spans = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(new Traces(at("traces")))] });
const tracer = spans.getTracer("peer", "1.2.3");
const handshake = tracer.startSpan("WS /ws/{room}", {
  kind: SpanKind.SERVER,
  attributes: {
    "websocket.connection.id": CONNECTION,
    text: "ünï ✓",
    whole: 42,
    real: 1.5,
    truth: true,
    list: ["a", "b"],
  },
});
const segment = tracer.startSpan(
  "WS /ws/{room} segment",
  { kind: SpanKind.INTERNAL, attributes: { "websocket.connection.id": CONNECTION } },
  trace.setSpan(context.active(), handshake),
);
segment.setStatus({ code: SpanStatusCode.ERROR, message: "boom" });
segment.end();
handshake.end();

const logs = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: new Logs(at("logs")) })] });
const logger = logs.getLogger("peer", "1.2.3");
const who = {
  "websocket.connection.id": CONNECTION,
  "http.route": "/ws/{room}",
  "websocket.channels": ["lobby"],
  "user.hash": "someone",
  "user.hash.key_id": "key",
};
logger.emit({ eventName: "websocket.connection.opened", severityNumber: SeverityNumber.INFO, attributes: who });
logger.emit({
  eventName: "websocket.connection.closed",
  severityNumber: SeverityNumber.INFO,
  attributes: {
    ...who,
    "websocket.close.initiator": "client",
    "websocket.close.code": 1000,
    "websocket.connection.duration": 2.5,
    "websocket.connection.messages.received": 7,
    "websocket.connection.messages.sent": 9,
    "websocket.connection.bytes.received": 70,
    "websocket.connection.bytes.sent": 90,
  },
});
logger.emit({ severityNumber: SeverityNumber.ERROR, severityText: "ERROR", body: "it broke ✓" });

await Promise.all([meters, spans, logs].map((provider) => provider.forceFlush()));
await Promise.all([meters, spans, logs].map((provider) => provider.shutdown()));
