"""A rule of the right shape becomes a `Rule`."""

from __future__ import annotations

from socketscope.query.model import Query, Ratio
from socketscope.rules.check import sides_of
from socketscope.rules.document import Document, Place
from socketscope.rules.form import QueryForm, RatioForm, RawForm, RuleForm
from socketscope.rules.model import Raw, Rule


def build(form: RuleForm, document: Document, within: Place) -> Rule:
    """Make the rule that stands at `within`; it has been checked."""
    return Rule(
        name=form.alert,
        query=_query(form.query),
        above=0.0 if form.above is None and form.below is None else form.above,  # of absence
        below=form.below,
        at_least=form.at_least,
        for_=form.for_,
        keep_firing_for=form.keep_firing_for,
        no_data=form.no_data,
        severity=form.severity,
        summary=" ".join(form.summary.split()),
        runbook=form.runbook,
        labels=dict(form.labels),
        interval=form.interval,
        delay=form.delay,
        source=(document.file, document.line(within)),
    )


def _query(form: QueryForm | RatioForm | RawForm) -> Query | Ratio | Raw:
    if isinstance(form, RawForm):
        return Raw({str(language): text.strip() for language, text in form.raw.items()})
    if isinstance(form, QueryForm):
        return _one(form)
    return Ratio(*map(_one, sides_of(form)))


def _one(form: QueryForm) -> Query:
    return Query(
        form.metric,
        form.over_time,
        form.window,
        form.across,
        tuple(form.by),
        {name: (values,) if isinstance(values, str) else tuple(values) for name, values in form.where.items()},
        form.offset,
        form.complement,
        form.absent,
    )
