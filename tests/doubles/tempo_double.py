"""A double of Grafana Tempo, from its documented HTTP API. No Tempo runs here, so this is not Tempo.

It holds traces, searches them with the one form of TraceQL that is listed in `SEARCH`, and returns them by id in both
versions of the API, in protobuf's JSON as Tempo does (base64 ids, names for enumerations; ids of search results without
leading zeros). What it does not do: any other TraceQL, `spss`, partial answers, blocks, limits of time.
"""

import re

from google.protobuf.json_format import MessageToDict

from doubles.http_double import HttpDouble, Refusal

SEARCH = re.compile(r'\{ span\.([\w.]+) = "([^"\\]*)"(?: && resource\.service\.name = "([^"\\]*)")? \}')
PARAMETERS = {"q", "start", "end", "limit", "spss"}


class TempoDouble(HttpDouble):
    """`tenant`: what X-Scope-OrgID has to be, if anything. `version` of the API by ids: 1 only, or 2 as well."""

    def __init__(self, *, tenant=None, version=2):
        super().__init__()
        self.tenant = tenant
        self.version = version
        self.traces = {}

    def take(self, request):
        """Take an ExportTraceServiceRequest."""
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    alone = type(resource_spans)(resource=resource_spans.resource)
                    alone.scope_spans.add(scope=scope_spans.scope).spans.append(span)
                    self.traces.setdefault(span.trace_id.hex(), []).append(alone)

    def answer(self, asked):
        if self.tenant and asked.headers.get("x-scope-orgid") != self.tenant:
            raise Refusal(401, "no org id")
        if asked.method != "GET":
            raise Refusal(405, "Method Not Allowed")
        if asked.path == "/api/search":
            return self.search({name: value for name, [value] in asked.query.items()})
        if found := re.fullmatch(r"/api/(v2/)?traces/([0-9a-f]+)", asked.path):
            if found[1] and self.version < 2:
                raise Refusal(404, "404 page not found")
            return self.trace(found[2].zfill(32), "trace" if found[1] else None)
        raise Refusal(404, "404 page not found")

    def search(self, query):
        if unknown := query.keys() - PARAMETERS:
            raise Refusal(400, f"unknown parameters {unknown}")
        if missing := {"q", "start", "end"} - query.keys():
            raise Refusal(400, f"missing {missing}")
        start, end = int(query["start"]), int(query["end"])
        if start >= end:
            raise Refusal(400, f"http parameter start must be before end. received start={start} end={end}")
        asked = SEARCH.fullmatch(query["q"])
        if not asked:
            raise Refusal(400, f"invalid TraceQL query: parse error at line 1, col 1: {query['q']}")
        name, value, service = asked.groups()
        found = [
            self.summary(trace_id, parts)
            for trace_id, parts in self.traces.items()
            if any(matches(part, name, value, service, (start, end)) for part in parts)
        ]
        return {"traces": found[: int(query.get("limit", 20))], "metrics": {"inspectedTraces": len(self.traces)}}

    def summary(self, trace_id, parts):
        first = min((part.scope_spans[0].spans[0] for part in parts), key=lambda span: span.start_time_unix_nano)
        return {
            "traceID": trace_id.lstrip("0"),
            "rootServiceName": "<root span not yet received>",
            "startTimeUnixNano": str(first.start_time_unix_nano),
        }

    def trace(self, trace_id, wrapped):
        if trace_id not in self.traces:
            raise Refusal(404, "trace not found")
        parts = [MessageToDict(part) for part in self.traces[trace_id]]
        return {wrapped: {"resourceSpans": parts}, "metrics": {}} if wrapped else {"batches": parts}


def matches(part, name, value, service, period):
    [span] = part.scope_spans[0].spans
    attributes = {pair.key: pair.value.string_value for pair in span.attributes}
    resource = {pair.key: pair.value.string_value for pair in part.resource.attributes}
    return (
        attributes.get(name) == value
        and service in (None, resource["service.name"])
        and span.start_time_unix_nano <= period[1] * 10**9
        and span.end_time_unix_nano >= period[0] * 10**9
    )
