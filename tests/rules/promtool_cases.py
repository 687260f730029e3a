"""Our cases as promtool's unit tests, for the exported rules."""

from collections import defaultdict

from socketscope.query.naming import metric_name
from socketscope.rules.case_series import OBSERVED

STRATEGY = "UnderscoreEscapingWithSuffixes"


def promtool_test(cases, rules_file, naming):
    """One of promtool's test files for cases of one set of rules."""
    rules = cases[0].rules
    [interval] = {rule.interval for rule in rules.values()}
    return {
        "rule_files": [rules_file],
        "evaluation_interval": f"{interval:g}s",
        "tests": [
            {
                "name": case.form.name,
                "interval": f"{case.form.step:g}s",
                "input_series": list(_series(case.timelines, naming)),
                "alert_rule_test": list(_checks(case, naming)),
            }
            for case in cases
        ],
    }


def _checks(case, naming):
    for check in case.form.checks:
        for name in sorted({expected.alert for expected in check.expect}):
            rule = case.rules[name]
            firing = [expected for expected in check.expect if (expected.alert, expected.state) == (name, "firing")]
            yield {
                "eval_time": f"{check.at:g}s",
                "alertname": name,
                "exp_alerts": [
                    {
                        "exp_labels": {
                            "severity": rule.severity,
                            **rule.labels,
                            **{naming.label(attribute): text for attribute, text in expected.labels.items()},
                        }
                    }
                    for expected in firing
                ],
            }


def _series(timelines, naming):
    histograms = defaultdict(list)
    for timeline in timelines:
        name = metric_name(timeline.metric, STRATEGY)
        labels = {naming.label(key): text for key, text in timeline.attributes.items() if key != OBSERVED}
        if timeline.metric.kind == "histogram":
            histograms[name, tuple(sorted(labels.items()))].append(timeline)
        else:
            yield {"series": _written(name, labels), "values": _values(timeline.values)}
    for (name, labels), parts in histograms.items():
        for bound in (*parts[0].metric.buckets, float("inf")):
            le = "+Inf" if bound == float("inf") else f"{bound:.17g}"
            counts = [
                None if None in at else sum(n for n, part in zip(at, parts, strict=True) if _observed(part) <= bound)
                for at in zip(*(part.values for part in parts), strict=True)
            ]
            yield {"series": _written(f"{name}_bucket", {**dict(labels), "le": le}), "values": _values(counts)}
        totals = [None if None in at else sum(at) for at in zip(*(part.values for part in parts), strict=True)]
        yield {"series": _written(f"{name}_count", dict(labels)), "values": _values(totals)}


def _observed(timeline):
    return float(timeline.attributes[OBSERVED])


def _written(name, labels):
    return name + "{" + ",".join(f'{key}="{text}"' for key, text in labels.items()) + "}"


def _values(values):
    return " ".join("_" if value is None else f"{value:.17g}" for value in values)
