// Sends known telemetry once: send grpc|http/protobuf HOST:PORT
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	scope      = "peer"
	connection = "00112233445566ff"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: send grpc|http/protobuf HOST:PORT")
		os.Exit(2)
	}
	if err := send(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func send(ctx context.Context, protocol, endpoint string) error {
	metrics, traces, logs, err := exporters(ctx, protocol, endpoint)
	if err != nil {
		return err
	}
	res := resource.NewSchemaless(
		attribute.String("service.name", "peer"), attribute.String("service.instance.id", "peer-1"))
	for _, send := range []func() error{
		func() error { return sendMetrics(ctx, metrics, res) },
		func() error { return sendTraces(ctx, traces, res) },
		func() error { return sendLogs(ctx, logs, res) },
	} {
		if err := send(); err != nil {
			return err
		}
	}
	return nil
}

func exporters(ctx context.Context, protocol, endpoint string) (
	metrics sdkmetric.Exporter, traces sdktrace.SpanExporter, logs sdklog.Exporter, err error,
) {
	switch protocol {
	case "grpc":
		if metrics, err = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure()); err != nil {
			return
		}
		if traces, err = otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(endpoint), otlptracegrpc.WithInsecure()); err != nil {
			return
		}
		logs, err = otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(endpoint), otlploggrpc.WithInsecure())
	case "http/protobuf":
		if metrics, err = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(endpoint), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression)); err != nil {
			return
		}
		if traces, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(endpoint), otlptracehttp.WithInsecure()); err != nil {
			return
		}
		logs, err = otlploghttp.New(ctx, otlploghttp.WithEndpoint(endpoint), otlploghttp.WithInsecure())
	default:
		err = fmt.Errorf("protocol %q: grpc or http/protobuf is expected", protocol)
	}
	return
}

func sendMetrics(ctx context.Context, exporter sdkmetric.Exporter, res *resource.Resource) error {
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithResource(res),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour))),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "websocket.server.message.size"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
		)),
	)
	meter := provider.Meter(scope, metric.WithInstrumentationVersion("1.2.3"))
	messages, err := meter.Int64Counter("websocket.server.messages", metric.WithUnit("{message}"))
	if err != nil {
		return err
	}
	received := metric.WithAttributes(attribute.String("network.io.direction", "receive"))
	messages.Add(ctx, 3, received)
	messages.Add(ctx, 4, received)
	messages.Add(ctx, 9, metric.WithAttributes(attribute.String("network.io.direction", "transmit")))
	open, err := meter.Int64UpDownCounter("websocket.server.active_connections", metric.WithUnit("{connection}"))
	if err != nil {
		return err
	}
	open.Add(ctx, 5)
	open.Add(ctx, -2)
	handling, err := meter.Float64Histogram("websocket.server.message.handling.duration",
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.1, 1, 10))
	if err != nil {
		return err
	}
	for _, seconds := range []float64{0.05, 0.5, 0.5, 5, 50} {
		handling.Record(ctx, seconds)
	}
	size, err := meter.Int64Histogram("websocket.server.message.size", metric.WithUnit("By"))
	if err != nil {
		return err
	}
	for _, bytes := range []int64{0, 1, 2, 4, 8, 1000} {
		size.Record(ctx, bytes)
	}
	return provider.Shutdown(ctx)
}

func sendTraces(ctx context.Context, exporter sdktrace.SpanExporter, res *resource.Resource) error {
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(exporter))
	tracer := provider.Tracer(scope, trace.WithInstrumentationVersion("1.2.3"))
	inside, handshake := tracer.Start(ctx, "WS /ws/{room}", trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			attribute.String("websocket.connection.id", connection),
			attribute.String("text", "ünï ✓"),
			attribute.Int("whole", 42),
			attribute.Float64("real", 1.5),
			attribute.Bool("truth", true),
			attribute.StringSlice("list", []string{"a", "b"}),
		))
	_, segment := tracer.Start(inside, "WS /ws/{room} segment",
		trace.WithAttributes(attribute.String("websocket.connection.id", connection)))
	segment.SetStatus(codes.Error, "boom")
	segment.End()
	handshake.End()
	return provider.Shutdown(ctx)
}

func sendLogs(ctx context.Context, exporter sdklog.Exporter, res *resource.Resource) error {
	provider := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
	logger := provider.Logger(scope, log.WithInstrumentationVersion("1.2.3"))
	who := []attribute.KeyValue{
		attribute.String("websocket.connection.id", connection),
		attribute.String("http.route", "/ws/{room}"),
		attribute.StringSlice("websocket.channels", []string{"lobby"}),
		attribute.String("user.hash", "someone"),
		attribute.String("user.hash.key_id", "key"),
	}
	emit := func(name string, severity log.Severity, body string, attributes ...attribute.KeyValue) {
		var record log.Record
		record.SetTimestamp(time.Now())
		record.SetEventName(name)
		record.SetSeverity(severity)
		if body != "" {
			record.SetSeverityText("ERROR")
			record.SetBody(attribute.StringValue(body))
		}
		record.AddAttributes(attributes...)
		logger.Emit(ctx, record)
	}
	emit("websocket.connection.opened", log.SeverityInfo, "", who...)
	emit("websocket.connection.closed", log.SeverityInfo, "", append(who,
		attribute.String("websocket.close.initiator", "client"),
		attribute.Int("websocket.close.code", 1000),
		attribute.Float64("websocket.connection.duration", 2.5),
		attribute.Int("websocket.connection.messages.received", 7),
		attribute.Int("websocket.connection.messages.sent", 9),
		attribute.Int("websocket.connection.bytes.received", 70),
		attribute.Int("websocket.connection.bytes.sent", 90),
	)...)
	emit("", log.SeverityError, "it broke ✓")
	return provider.Shutdown(ctx)
}
