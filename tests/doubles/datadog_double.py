"""A double of Datadog: its OTLP intake of metrics and its query API v2. This is not Datadog, which is not asked here.

Requests are read, and answers written, with the classes of Datadog's own client. What it speaks is in
`datadog_query.py`, what it keeps in `datadog_held.py`. It refuses

* keys that are not its own, bodies that are not of the client's classes, other sources of data than metrics;
* cumulative monotonic sums and histograms at the intake, exponential histograms, summaries;
* metrics that it has never seen and that were not announced as `known`;
* whatever it can't parse, counts of gauges, quantiles of what is no distribution.

What it does not do: interpolate gauges, limit or lengthen intervals, keep data in coarser stretches as it ages, make
real sketches (a bucket of a histogram stands at its upper bound), logs, traces, events, any other function than
`timeshift`, boolean filters but `AND` and `IN`, wildcards, units, limits of formulas, rate limits.
"""

import json

from datadog_api_client import Configuration
from datadog_api_client.exceptions import OpenApiException
from datadog_api_client.model_utils import model_to_dict, validate_and_convert_types
from datadog_api_client.v2.model.data_scalar_column import DataScalarColumn
from datadog_api_client.v2.model.group_scalar_column import GroupScalarColumn
from datadog_api_client.v2.model.group_tags import GroupTags
from datadog_api_client.v2.model.metrics_scalar_query import MetricsScalarQuery
from datadog_api_client.v2.model.metrics_timeseries_query import MetricsTimeseriesQuery
from datadog_api_client.v2.model.scalar_column_type_group import ScalarColumnTypeGroup
from datadog_api_client.v2.model.scalar_column_type_number import ScalarColumnTypeNumber
from datadog_api_client.v2.model.scalar_formula_query_request import ScalarFormulaQueryRequest
from datadog_api_client.v2.model.scalar_formula_query_response import ScalarFormulaQueryResponse
from datadog_api_client.v2.model.scalar_formula_response_atrributes import ScalarFormulaResponseAtrributes
from datadog_api_client.v2.model.scalar_formula_response_type import ScalarFormulaResponseType
from datadog_api_client.v2.model.scalar_response import ScalarResponse
from datadog_api_client.v2.model.timeseries_formula_query_request import TimeseriesFormulaQueryRequest
from datadog_api_client.v2.model.timeseries_formula_query_response import TimeseriesFormulaQueryResponse
from datadog_api_client.v2.model.timeseries_formula_response_type import TimeseriesFormulaResponseType
from datadog_api_client.v2.model.timeseries_response import TimeseriesResponse
from datadog_api_client.v2.model.timeseries_response_attributes import TimeseriesResponseAttributes
from datadog_api_client.v2.model.timeseries_response_series import TimeseriesResponseSeries
from datadog_api_client.v2.model.timeseries_response_series_list import TimeseriesResponseSeriesList
from datadog_api_client.v2.model.timeseries_response_times import TimeseriesResponseTimes
from datadog_api_client.v2.model.timeseries_response_values import TimeseriesResponseValues
from datadog_api_client.v2.model.timeseries_response_values_list import TimeseriesResponseValuesList
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from doubles.datadog_held import Held, Intake, NotTaken
from doubles.datadog_query import REDUCE, QuerySyntaxError, UnknownMetric, check, evaluate, formula, parse
from doubles.http_double import HttpDouble, Refusal

API_KEY, APP_KEY = "the-double's-api-key", "the-double's-app-key"
KINDS = {"counter": "count", "histogram": "distribution"}


class DatadogDouble(HttpDouble):
    """`known`: metrics (of semconv) that may be asked about before there is data of them."""

    def __init__(self, known=()):
        super().__init__()
        self.intake = Intake()
        self.known = {metric.name: Held(KINDS.get(metric.kind, "gauge")) for metric in known}

    def answer(self, asked):
        if asked.method != "POST":
            raise Refusal(405, {"errors": ["Method Not Allowed"]})
        if asked.headers.get("dd-api-key") != API_KEY:
            raise Refusal(403, {"errors": ["Forbidden"]})
        if asked.path == "/v1/metrics":
            return self.take(asked.body)
        if asked.headers.get("dd-application-key") != APP_KEY:
            raise Refusal(403, {"errors": ["Forbidden"]})
        how = {"/api/v2/query/scalar": self.scalar, "/api/v2/query/timeseries": self.timeseries}.get(asked.path)
        if how is None:
            raise Refusal(404, {"errors": ["Not found"]})
        try:
            return how(json.loads(asked.body))
        except UnknownMetric as error:
            return {"errors": str(error)}
        except (QuerySyntaxError, OpenApiException, TypeError, ValueError) as error:
            raise Refusal(400, {"errors": [str(error)]}) from error

    def take(self, body):
        try:
            self.intake.take(ExportMetricsServiceRequest.FromString(body))
        except (DecodeError, NotTaken) as error:
            raise Refusal(400, {"errors": [str(error)]}) from error
        return {}

    def scalar(self, body):
        attributes = read(body, ScalarFormulaQueryRequest)
        queries = self.parsed(attributes, MetricsScalarQuery)
        since, until = attributes._from / 1000, attributes.to / 1000

        def values(name, shift):
            query, aggregator = queries[name]
            if (aggregator == "percentile") != query.is_quantile:
                raise QuerySyntaxError(f"the aggregator {aggregator} does not go with {query.space}")
            if aggregator == "percentile":  # one stretch, from before all time
                lines = evaluate(query, self.held(query), since - shift, until - shift, 10**12)
                return {group: line[0] for group, line in lines.items()}
            if aggregator not in REDUCE:
                raise QuerySyntaxError(f"the aggregator {aggregator} is not known to the double")
            lines = evaluate(query, self.held(query), since - shift, until - shift, None)
            return {group: REDUCE[aggregator](list(line.values())) for group, line in lines.items()}

        columns = [formula(each.formula, queries)(values) for each in attributes.formulas]
        groups = sorted({group for column in columns for group in column})
        tags = next(iter(queries.values()))[0].by
        made = [
            GroupScalarColumn(name=tag, type=ScalarColumnTypeGroup.GROUP, values=[[group[index]] for group in groups])
            for index, tag in enumerate(tags)
        ] + [
            DataScalarColumn(
                name=each.formula,
                type=ScalarColumnTypeNumber.NUMBER,
                values=[number(column.get(group)) for group in groups],
            )
            for each, column in zip(attributes.formulas, columns, strict=True)
        ]
        return shown(
            ScalarFormulaQueryResponse(
                data=ScalarResponse(
                    attributes=ScalarFormulaResponseAtrributes(columns=made),
                    type=ScalarFormulaResponseType.SCALAR_RESPONSE,
                )
            )
        )

    def timeseries(self, body):
        attributes = read(body, TimeseriesFormulaQueryRequest)
        queries = self.parsed(attributes, MetricsTimeseriesQuery)
        since, until = attributes._from / 1000, attributes.to / 1000
        interval = attributes.interval / 1000 if "interval" in attributes._data_store else 10
        if interval != int(interval):
            raise QuerySyntaxError("interval: whole seconds are expected")

        def values(name, shift):
            query, _ = queries[name]
            lines = evaluate(query, self.held(query), since - shift, until - shift, int(interval))
            return {(group, begin + shift): value for group, line in lines.items() for begin, value in line.items()}

        answers = [formula(each.formula, queries)(values) for each in attributes.formulas]
        times = sorted({time for answer in answers for _, time in answer})
        tags = next(iter(queries.values()))[0].by
        series, lines = [], []
        for index, answer in enumerate(answers):
            for group in sorted({group for group, _ in answer}):
                pairs = [f"{tag}:{value}" for tag, value in zip(tags, group, strict=True)]
                series.append(TimeseriesResponseSeries(group_tags=GroupTags(pairs), query_index=index))
                lines.append(TimeseriesResponseValues([number(answer.get((group, time))) for time in times]))
        return shown(
            TimeseriesFormulaQueryResponse(
                data=TimeseriesResponse(
                    attributes=TimeseriesResponseAttributes(
                        series=TimeseriesResponseSeriesList(series),
                        times=TimeseriesResponseTimes([int(time * 1000) for time in times]),
                        values=TimeseriesResponseValuesList(lines),
                    ),
                    type=TimeseriesFormulaResponseType.TIMESERIES_RESPONSE,
                )
            )
        )

    def parsed(self, attributes, kind):
        """The queries by name, each with its aggregator; all have to be of `kind`, by the same tags."""
        queries = {}
        for each in attributes.queries.value:
            query = each._composed_instances[0]
            if not isinstance(query, kind) or str(query.data_source) != "metrics":
                raise QuerySyntaxError("the double has metrics only")
            queries[query.name] = (parse(query.query), str(query.aggregator) if kind is MetricsScalarQuery else None)
        if len({query.by for query, _ in queries.values()}) != 1:
            raise QuerySyntaxError("the double combines queries by the same tags only")
        for query, _ in queries.values():
            check(query, self.held(query))
        return queries

    def held(self, query):
        if query.metric in self.intake.metrics:
            return self.intake.metrics[query.metric]
        if query.metric in self.known:
            return self.known[query.metric]
        raise UnknownMetric(f"metric {query.metric} is not known")


def read(body, kind):
    """Read a body with the client's class; raises what the client raises."""
    request = validate_and_convert_types(
        body, (kind,), ["body"], spec_property_naming=True, check_type=True, configuration=Configuration()
    )
    attributes = request.data.attributes
    unknown = attributes._data_store.keys() - attributes.attribute_map.keys()
    if request._unparsed or unknown:
        raise QuerySyntaxError(f"the body is no {kind.__name__} {sorted(unknown)}")
    if "formulas" not in attributes._data_store:
        raise QuerySyntaxError("the double answers formulas only")
    if not attributes._from < attributes.to:
        raise QuerySyntaxError("from has to be before to")
    return attributes


def shown(model):
    return model_to_dict(model)


def number(value):
    return None if value is None else float(value)
