"""Addresses of pages that show a trace or a connection, in Jaeger, Grafana (Tempo) and Datadog.

All are made here, from ids alone: nothing is asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field

from socketscope import semconv

PLACEHOLDER: Final = "TRACE-ID"
"""Stands for a trace's id in a template of a link; it has no character that an address would escape."""

_ID: Final = semconv.CONNECTION_ID.name


class LinkOptions(BaseModel):
    """Which tools there are to link into; each is linked into when it is set."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    jaeger_url: str | None = Field(default=None, pattern="^https?://")
    """Address of Jaeger's page."""
    grafana_url: str | None = Field(default=None, pattern="^https?://")
    """Address of Grafana, which shows traces of Tempo."""
    grafana_datasource: str = "tempo"
    """Identifier (uid) of Grafana's data source for Tempo."""
    datadog_site: str | None = Field(default=None, pattern=r"^[a-z0-9.-]+$")
    """Datadog's site, as `datadoghq.com` or `us5.datadoghq.com`."""

    def trace(self, trace_id: str) -> str | None:
        """Link to a trace: in Jaeger, else Grafana, else Datadog; None where none is set."""
        return next(iter(self.traces(trace_id).values()), None)

    def traces(self, trace_id: str) -> dict[str, str]:
        """Link to a trace in each tool that is set: `jaeger`, `grafana`, `datadog`."""
        links = {}
        if self.jaeger_url:
            links["jaeger"] = jaeger_trace(self.jaeger_url, trace_id)
        if self.grafana_url:
            links["grafana"] = grafana_trace(self.grafana_url, self.grafana_datasource, trace_id)
        if self.datadog_site:
            links["datadog"] = datadog_trace(self.datadog_site, trace_id)
        return links

    def connection(self, connection_id: str, period: Period, *, service: str | None = None) -> dict[str, str]:
        """Link to a search for a connection in each tool that is set; Jaeger's needs the `service`."""
        links = {}
        if self.jaeger_url and service:
            links["jaeger"] = jaeger_connection(self.jaeger_url, connection_id, period, service=service)
        if self.grafana_url:
            links["grafana"] = grafana_connection(self.grafana_url, self.grafana_datasource, connection_id, period)
        if self.datadog_site:
            links["datadog"] = datadog_connection(self.datadog_site, connection_id, period)
        return links


@dataclass(frozen=True, slots=True)
class Period:
    """What a search looks through; seconds since the epoch."""

    since: float
    until: float


def jaeger_trace(url: str, trace_id: str) -> str:
    """Link to a trace in Jaeger's page."""
    return f"{url.rstrip('/')}/trace/{trace_id}"


def jaeger_connection(url: str, connection_id: str, period: Period, *, service: str) -> str:
    """Link to Jaeger's search for a connection of `service`."""
    search = {
        "service": service,
        "tags": _json({_ID: connection_id}),
        "lookback": "custom",
        "start": round(period.since * 1e6),
        "end": round(period.until * 1e6),
    }
    return f"{url.rstrip('/')}/search?{urlencode(search)}"


def grafana_trace(url: str, datasource: str, trace_id: str, period: Period | None = None) -> str:
    """Link to a trace in Grafana's Explore; Tempo finds an id in the last hour's and all other blocks."""
    return _explore(url, datasource, trace_id, period)


def grafana_connection(url: str, datasource: str, connection_id: str, period: Period) -> str:
    """Link to Grafana's Explore with the TraceQL search for a connection."""
    return _explore(url, datasource, traceql(connection_id), period)


def datadog_trace(site: str, trace_id: str) -> str:
    """Link to a trace in Datadog's APM."""
    return f"https://{_datadog_page(site)}/apm/trace/{trace_id}"


def datadog_connection(site: str, connection_id: str, period: Period) -> str:
    """Link to Datadog's trace explorer with the search for a connection."""
    search = {
        "query": f"@{_ID}:{connection_id}",
        "start": round(period.since * 1e3),
        "end": round(period.until * 1e3),
        "paused": "true",
    }
    return f"https://{_datadog_page(site)}/apm/traces?{urlencode(search)}"


def traceql(connection_id: str, *, service: str | None = None) -> str:
    """Write the TraceQL query for a connection's spans."""
    conditions = [f"span.{_ID} = {_json(connection_id)}"]
    if service:
        conditions.append(f"resource.service.name = {_json(service)}")
    return f"{{ {' && '.join(conditions)} }}"


def _explore(url: str, datasource: str, query: str, period: Period | None) -> str:
    span = (round(period.since * 1e3), round(period.until * 1e3)) if period else ("now-1h", "now")
    pane = {
        "datasource": datasource,
        "queries": [
            {
                "refId": "A",
                "datasource": {"type": "tempo", "uid": datasource},
                "queryType": "traceql",
                "query": query,
            }
        ],
        "range": {"from": str(span[0]), "to": str(span[1])},
    }
    panes = quote(_json({"connection": pane}), safe="")
    return f"{url.rstrip('/')}/explore?schemaVersion=1&panes={panes}&orgId=1"


def _datadog_page(site: str) -> str:
    # Sites with a name of their own (us3, us5, ap1, ...) serve the page themselves, the others at `app.`.
    return site if site.count(".") > 1 else f"app.{site}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
