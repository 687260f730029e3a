"""Datadog's query API through its own client: compiled queries in, numbers by labels out. Blocking."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from datadog_api_client import ApiClient, Configuration
from datadog_api_client.exceptions import ApiException, OpenApiException
from datadog_api_client.v2.api.metrics_api import MetricsApi
from datadog_api_client.v2.model.metrics_aggregator import MetricsAggregator
from datadog_api_client.v2.model.metrics_data_source import MetricsDataSource
from datadog_api_client.v2.model.metrics_scalar_query import MetricsScalarQuery
from datadog_api_client.v2.model.metrics_timeseries_query import MetricsTimeseriesQuery
from datadog_api_client.v2.model.query_formula import QueryFormula
from datadog_api_client.v2.model.scalar_formula_query_request import ScalarFormulaQueryRequest
from datadog_api_client.v2.model.scalar_formula_request import ScalarFormulaRequest
from datadog_api_client.v2.model.scalar_formula_request_attributes import ScalarFormulaRequestAttributes
from datadog_api_client.v2.model.scalar_formula_request_queries import ScalarFormulaRequestQueries
from datadog_api_client.v2.model.scalar_formula_request_type import ScalarFormulaRequestType
from datadog_api_client.v2.model.timeseries_formula_query_request import TimeseriesFormulaQueryRequest
from datadog_api_client.v2.model.timeseries_formula_request import TimeseriesFormulaRequest
from datadog_api_client.v2.model.timeseries_formula_request_attributes import TimeseriesFormulaRequestAttributes
from datadog_api_client.v2.model.timeseries_formula_request_queries import TimeseriesFormulaRequestQueries
from datadog_api_client.v2.model.timeseries_formula_request_type import TimeseriesFormulaRequestType
from urllib3.exceptions import HTTPError

from socketscope.errors import BackendError, BackendStatusError
from socketscope.query.datadog import DatadogQuery, MetricQuery

NO_TAG: Final = "N/A"
"""What Datadog calls the group of the series that have not got the tag."""
_SHOWN: Final = 300

Labels = tuple[str, ...]
"""Values of the query's `by`, in its order."""
T = TypeVar("T")


class DatadogApi:
    """Asks Datadog at `url`; raises `BackendError` where it can't be asked or its answer can't be read."""

    def __init__(self, url: str, *, api_key: str, app_key: str, timeout: float) -> None:
        configuration = Configuration(host=url)
        # All of it is set, since the client reads the environment for what is not.
        configuration.api_key = {"apiKeyAuth": api_key, "appKeyAuth": app_key}
        configuration.access_token = None
        configuration.request_timeout = timeout
        self.url = url
        self._api = MetricsApi(ApiClient(configuration))

    def scalars(self, asked: DatadogQuery, *, since: float, until: float) -> dict[Labels, list[float | None]]:
        """Return a number for each of `asked.sides` over `(since, until]`, by labels."""
        attributes = ScalarFormulaRequestAttributes(
            _from=_first(since),
            to=_first(until),
            queries=ScalarFormulaRequestQueries([_scalar(query) for query in asked.queries]),
            formulas=[QueryFormula(formula=side) for side in asked.sides],
        )
        request = ScalarFormulaQueryRequest(
            data=ScalarFormulaRequest(attributes=attributes, type=ScalarFormulaRequestType.SCALAR_REQUEST)
        )
        columns = self._ask(lambda: self._api.query_scalar_data(body=request))["attributes"].get("columns", [])
        return self._read(_rows, columns, list(asked.labels.values()))

    def lines(
        self, asked: DatadogQuery, *, since: float, until: float, interval: int
    ) -> dict[Labels, dict[float, float]]:
        """Return the line of the first query by labels: the value of each stretch of `interval` seconds, by its begin.

        `since` and `until` are multiples of `interval`.
        """
        [query] = asked.queries
        attributes = TimeseriesFormulaRequestAttributes(
            _from=round(since * 1000),
            to=round(until * 1000),
            interval=interval * 1000,
            queries=TimeseriesFormulaRequestQueries(
                [MetricsTimeseriesQuery(data_source=MetricsDataSource.METRICS, query=query.text, name=query.name)]
            ),
            formulas=[QueryFormula(formula=query.name)],
        )
        request = TimeseriesFormulaQueryRequest(
            data=TimeseriesFormulaRequest(attributes=attributes, type=TimeseriesFormulaRequestType.TIMESERIES_REQUEST)
        )
        answer = self._ask(lambda: self._api.query_timeseries_data(body=request))["attributes"]
        return self._read(_lines, answer, list(asked.labels.values()))

    def _ask(self, ask: Callable[[], Any]) -> Any:
        try:
            answer = ask().to_dict()
        except ApiException as error:
            raise BackendStatusError("Datadog", self.url, error.status or 0, _reason(error)) from error
        except HTTPError as error:
            raise BackendError(f"Datadog could not be asked at {self.url}: {error}") from error
        except OpenApiException as error:
            raise BackendError(f"Datadog at {self.url} gave an answer that its client can't read: {error}") from error
        if errors := answer.get("errors"):
            raise BackendError(f"Datadog at {self.url} could not answer: {errors}")
        if "attributes" not in (answer.get("data") or {}):
            raise BackendError(f"Datadog at {self.url} gave an answer without data")
        return answer["data"]

    def _read(self, read: Callable[[Any, list[str]], T], answer: Any, tags: list[str]) -> T:
        try:
            return read(answer, tags)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BackendError(f"Datadog at {self.url} gave an answer that can't be read ({error!r})") from error


def _scalar(query: MetricQuery) -> MetricsScalarQuery:
    return MetricsScalarQuery(
        aggregator=MetricsAggregator(query.aggregator),
        data_source=MetricsDataSource.METRICS,
        query=query.text,
        name=query.name,
    )


def _first(moment: float) -> int:
    """Return the first millisecond after a moment: Datadog's periods begin with `from` and end before `to`."""
    return int(moment * 1000) + 1


def _rows(columns: Sequence[Mapping[str, Any]], tags: list[str]) -> dict[Labels, list[float | None]]:
    if not columns:
        return {}
    groups = {column["name"]: column["values"] for column in columns if column["type"] == "group"}
    numbers = [column["values"] for column in columns if column["type"] == "number"]
    return {
        tuple(_value(groups[tag][row][0]) for tag in tags): [values[row] for values in numbers]
        for row in range(len(numbers[0]))
    }


def _lines(answer: Mapping[str, Any], tags: list[str]) -> dict[Labels, dict[float, float]]:
    times = [time / 1000 for time in answer.get("times", ())]
    lines = {}
    for series, values in zip(answer.get("series", ()), answer.get("values", ()), strict=True):
        lines[_labels(series.get("group_tags", ()), tags)] = {
            time: value for time, value in zip(times, values, strict=True) if value is not None
        }
    return lines


def _labels(group_tags: Iterable[str], tags: list[str]) -> Labels:
    given = dict(tag.partition(":")[::2] for tag in group_tags)
    return tuple(_value(given[tag]) for tag in tags)


def _value(tag_value: str) -> str:
    return "" if tag_value == NO_TAG else tag_value


def _reason(error: ApiException) -> str:
    body = error.body
    try:
        errors = (json.loads(body) if isinstance(body, str | bytes) else body)["errors"]
        reason = "; ".join(errors) if isinstance(errors, list) else errors
    except (ValueError, TypeError, KeyError):
        reason = body or error.reason
    return " ".join(str(reason or "").split())[:_SHOWN]
