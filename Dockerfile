# Two images: the last one has all of socketscope and is the default; `collector` is OpenTelemetry's own, with a folder
# for its queue. Nothing runs as root.
FROM node:22.20.0-slim AS page
WORKDIR /src/ui
COPY ui/package.json ui/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY ui .
RUN npm run build

FROM python:3.13.5-slim-bookworm AS build
RUN install -d /queue && pip install --no-cache-dir uv==0.13.9 && python -m venv /opt/socketscope
WORKDIR /src
COPY . .
COPY --from=page /src/src/socketscope/console/page src/socketscope/console/page
RUN uv pip install --no-cache --python /opt/socketscope/bin/python --constraint requirements.lock '.[server]'

FROM otel/opentelemetry-collector-contrib:0.161.0 AS collector
COPY --from=build --chown=10001:10001 /queue /queue
USER 10001

FROM python:3.13.5-slim-bookworm
COPY --from=build /opt/socketscope /opt/socketscope
ENV PATH=/opt/socketscope/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --uid 10001 socketscope && install -d -o socketscope /data
USER 10001
ENTRYPOINT ["socketscope"]
