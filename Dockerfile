# Two images: `collector`, and the default one with all of socketscope. The console's page must have been built before.
FROM golang:1.26 AS collector-build
WORKDIR /src
COPY collector-config/builder.yaml .
RUN go install go.opentelemetry.io/collector/cmd/builder@v0.161.0 \
 && CGO_ENABLED=0 builder --config builder.yaml \
 && install -d /queue

FROM scratch AS collector
COPY --from=collector-build /src/build/otelcol /otelcol
COPY --from=collector-build --chown=10001 /queue /queue
COPY collector-config/base.yaml collector-config/embedded.yaml /config/
USER 10001
ENV SOCKETSCOPE_COLLECTOR_QUEUE=/queue
ENTRYPOINT ["/otelcol", "--config", "/config/base.yaml", "--config", "/config/embedded.yaml"]

FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/socketscope \
 && /opt/socketscope/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/socketscope/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
COPY --from=build /opt/socketscope /opt/socketscope
ENV PATH=/opt/socketscope/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --uid 10001 socketscope && install -d -o socketscope /data
USER socketscope
ENTRYPOINT ["socketscope"]
