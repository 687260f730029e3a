"""The shape of a file of rules: what may stand where, for reading it and for the JSON Schema of editors."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema

from socketscope.query.model import Across, OverTime
from socketscope.rules.model import NoData, RawLanguage, Severity
from socketscope.rules.quantities import DURATION_PATTERN, SHARE_PATTERN, number, seconds

Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"type": "number", "minimum": 0}]},
        mode="validation",
    ),
]
Number = Annotated[
    float,
    BeforeValidator(number),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": SHARE_PATTERN}]}, mode="validation"),
]
Values = Annotated[
    Annotated[str, Tag("(text)")] | Annotated[list[str], Tag("(list)")],
    Discriminator(lambda value: "(list)" if isinstance(value, list) else "(text)"),
]


class Form(BaseModel):
    """What stands in a file: no key but those that are named, and every value of its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class _Asking(Form):
    over_time: OverTime = "last"
    """How each series is reduced over the window: `increase` and `rate` of counters, `pNN` of histograms."""
    window: Duration = 60.0
    """How far is looked back."""
    across: Across = "sum"
    """How the series are combined."""
    by: list[str] = Field(default_factory=list)
    """Attributes whose values are told apart: an alert for each."""
    where: dict[str, Values] = Field(default_factory=dict)
    """Attribute -> the value, or the values, that count."""
    offset: Duration = 0.0
    """How far the window lies in the past."""


class QueryForm(_Asking):
    """What is asked of one metric."""

    metric: str
    """The metric's OpenTelemetry name."""
    complement: bool = False
    """Take 1 minus the answer."""
    absent: bool = False
    """Ask whether nothing is there; no threshold is needed then."""


Side = Annotated[
    Annotated[str, Tag("(name)")] | Annotated[QueryForm, Tag("(side)")],
    Discriminator(lambda value: "(side)" if isinstance(value, dict | QueryForm) else "(name)"),
]


class RatioForm(_Asking):
    """One query divided by another; keys beside `ratio` hold for both sides where a side does not say otherwise."""

    ratio: Annotated[list[Side], Field(min_length=2, max_length=2)]
    """Numerator and denominator: names of metrics, or queries."""


class RawForm(Form):
    """A question in the backends' own languages."""

    raw: Annotated[dict[RawLanguage, str], Field(min_length=1)]
    """Language -> text. Of Datadog the part of a monitor's query before the comparison."""


def _kind(value: Any) -> str | None:
    if isinstance(value, BaseModel):
        return {QueryForm: "(query)", RatioForm: "(ratio)", RawForm: "(raw)"}.get(type(value))
    if not isinstance(value, dict):
        return None
    return "(ratio)" if "ratio" in value else "(raw)" if "raw" in value else "(query)"


class RuleForm(Form):
    """One alerting rule."""

    alert: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """Its name, of letters, digits and `_`; no other rule has it."""
    query: Annotated[
        Annotated[QueryForm, Tag("(query)")] | Annotated[RatioForm, Tag("(ratio)")] | Annotated[RawForm, Tag("(raw)")],
        Discriminator(_kind),
    ]
    """What is asked."""
    above: Number | None = None
    """The condition holds where the value is greater."""
    below: Number | None = None
    """The condition holds where the value is smaller."""
    at_least: Number | None = None
    """The condition holds only where the greater side of a ratio, or the count behind a quantile, reaches this."""
    for_: Annotated[Duration, Field(alias="for")] = 0.0
    """How long the condition holds without a gap before the alert fires."""
    keep_firing_for: Duration = 0.0
    """How long a firing alert stays so after its condition has ceased to hold."""
    no_data: NoData = "keep"
    """`alert` counts it as a breach when nothing is known; neither ever resolves an alert."""
    severity: Severity = "warning"
    """How urgent it is."""
    summary: str = ""
    """A sentence for people; `{value}`, `{threshold}`, `{labels}` and `{labels[http.route]}` are filled in."""
    runbook: str = ""
    """Where it stands what to do: an address, or a path."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels of the alert beside the values of `by`."""
    interval: Duration = 15.0
    """How often it is evaluated."""
    delay: Duration = 0.0
    """How far evaluations look behind the present, so that what is exported late has arrived."""


class RulesForm(Form):
    """A file of alerting rules."""

    rules: list[RuleForm]
    """The rules."""


def json_schema() -> dict[str, Any]:
    """Describe a file of rules as a JSON Schema, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RulesForm.model_json_schema(),
        "title": "socketscope rules",
    }
