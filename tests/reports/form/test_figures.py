"""What is known of the truth of a figure stands beside it, in every form."""

from dataclasses import fields, replace
from typing import get_args

import pytest

from reports.samples import SEEN, events, good, metrics, of_all, of_nothing, summary, unknown, with_a_gap
from socketscope.reports.form import labels, paragraph
from socketscope.reports.form.compose import Edition, compose
from socketscope.reports.form.figures import Figures
from socketscope.reports.form.forms import Forms
from socketscope.reports.form.issues import issues
from socketscope.reports.form.summary import lines
from socketscope.reports.form.words import Words
from socketscope.reports.model import (
    Compared,
    Comparison,
    Coverage,
    Fleet,
    Highlight,
    HighlightKind,
    Issue,
    IssueKind,
    LoadKind,
    Method,
    Reason,
    Source,
    Summary,
)
from socketscope.rules.model import Severity

WORDS = Words("en", "Europe/Madrid")
LEAST = "\N{GREATER-THAN OR EQUAL TO}"


def written(figure):
    value = Figures(WORDS).value(figure, WORDS.number)
    return str(value), value.short


@pytest.mark.parametrize(
    ("figure", "whole", "short"),
    [
        (events(1234), "1,234", "1,234"),
        (events(0), "0", "0"),
        (
            events(1234, certainty="at_least", coverage=Coverage(seen=81, expected=100)),
            "at least 1,234 (81% of the samples seen)",
            "at least 1,234",
        ),
        (
            events(12, certainty="of_seen", coverage=Coverage(seen=81, expected=100)),
            "12 (of what was seen: 81% of the samples seen)",
            "12 (of what was seen)",
        ),
        (events(12, certainty="at_least"), "at least 12 (samples are missing)", "at least 12"),
        (metrics(12, certainty="estimate"), "about 12", "about 12"),
        (metrics(12, certainty="unchecked"), "12 (unchecked)", "12 (unchecked)"),
        (
            metrics(None, reason="needs_events"),
            "not available (it takes events of connections, which this backend does not keep)",
            "not available",
        ),
    ],
)
def test_a_figure_is_never_without_what_is_known_of_its_truth(figure, whole, short):
    assert written(figure) == (whole, short)


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (labels.reasons, Reason),
        (labels.sources, Source),
        (labels.methods, Method),
        (labels.severities, Severity),
        (labels.loads, LoadKind),
    ],
)
def test_every_code_has_words(table, codes):
    assert set(table(WORDS)) == set(get_args(codes))


def test_every_figure_of_the_summary_has_a_line():
    assert {line.field for line in lines(WORDS)} == {field.name for field in fields(Summary)}


@pytest.mark.parametrize("kind", get_args(HighlightKind))
@pytest.mark.parametrize("full", [True, False])
def test_every_highlight_has_a_sentence(kind, full):
    highlight = (
        Highlight(
            kind=kind, value=2, reference=1, change=0.5, share=0.5, against="day_before", name="n", since=0, until=60
        )
        if full
        else Highlight(kind=kind)
    )
    for report in (good(highlights=[highlight]), replace(of_nothing(), highlights=[highlight])):
        [sentence] = paragraph.sentences(report, WORDS, Figures(WORDS))
        assert "None" not in sentence
        assert sentence == "" if kind == "busiest_hour" and not full else sentence.endswith(".")


@pytest.mark.parametrize("kind", get_args(IssueKind))
@pytest.mark.parametrize("full", [True, False])
def test_every_issue_has_a_line(kind, full):
    name = "connections" if kind == "high_load" else "n"
    more = {"value": 2, "reference": 1, "share": 0.5, "link": "https://console.example/"} if full else {}
    report = good(issues_detected=[Issue(kind=kind, severity="warning", since=0, until=60, name=name, **more)])
    [[when, severity, what, where]] = issues(report, WORDS, Figures(WORDS)).rows
    assert when.text
    assert severity.text == "warning"
    assert what.text
    assert "None" not in what.text
    assert (where.text, where.address) == (("console", "https://console.example/") if full else ("", None))


def test_over_a_gap_no_total_stands_bare_in_any_form():
    forms = Forms(with_a_gap(), Edition())
    document = forms.document()
    for text in (forms.form("html"), forms.form("md"), document.text, document.page, document.title):
        for number in ("18,432", "5,210", "1,204,881", "38,112,004", "1,180,221", "1,301", "58 errors", "412"):
            for place in range(text.count(number)):
                before = text.split(number)[place][-30:]
                assert "at least " in before.lower() or before.endswith(LEAST), (number, before)
    for text in (forms.form("html"), forms.form("md"), document.text, document.page):
        assert "80.9%" in text


def test_what_is_not_available_is_never_0():
    view = compose(of_nothing(), Edition())
    assert {card.value.text for card in view.cards} == {"not available"}
    figures = next(table for table in view.tables if table.key == "figures")
    assert {row[1].text for row in figures.rows} == {"not available"}
    assert {row[1].note for row in figures.rows} == {"nothing reported"}
    for table in view.tables:
        assert table.key == "figures" or table.empty == "Not available: nothing reported."
    assert view.pictures == []
    assert view.subject == "WebSockets on Monday, November 23, 2026: no data"


def test_each_figure_leads_to_its_source_and_method():
    view = compose(good(), Edition())
    made = {row[0].mark: (row[1].text, row[2].text) for row in view.made.rows}
    assert list(made) == list(range(1, len(made) + 1))
    marks = [card.value.mark for card in view.cards]
    marks += [row[1].mark for table in view.tables if table.key == "figures" for row in table.rows]
    marks += [table.mark for table in view.tables if table.key != "figures"] + [one.mark for one in view.pictures]
    assert set(marks) == set(made)
    assert made[view.cards[0].value.mark][0] == "events of connections"


def test_what_misses_something_is_compared_with_nothing():
    view = compose(with_a_gap(), Edition())
    assert view.cards[0].details == ()
    [figures] = [table for table in view.tables if table.key == "figures"]
    assert figures.rows[0][3].text == "\N{EN DASH}"


def test_the_mean_of_the_weeks_says_of_how_many_it_is():
    view = compose(good(), Edition())
    [figures] = [table for table in view.tables if table.key == "figures"]
    row = figures.rows[0]
    assert [cell.text for cell in row] == ["Connections", "18,432", "13,087", "+40.8%", "17,265", "+6.8%"]
    assert row[4].note == "of 3"


def test_where_there_is_nothing_to_compare_with_there_are_no_such_columns():
    before = good().comparison.day_before
    report = good(comparison=Comparison(day_before=Compared(period=before.period, summary=unknown()), same_weekday=[]))
    [figures] = [table for table in compose(report, Edition()).tables if table.key == "figures"]
    assert figures.head == ["Figure", "This day"]
    assert figures.note == "There is nothing to compare it with."


def test_loads_that_nobody_told_of_are_not_available_and_not_none():
    def table(**changed):
        [found] = [one for one in compose(good(**changed), Edition()).tables if one.key == "load"]
        return found

    nothing = metrics([], "gauge_range")
    assert table(high_load=nothing).empty == "There was none."
    of_cpu = table(high_load=nothing, unknown_loads=["cpu"])
    assert (of_cpu.empty, of_cpu.note) == ("There was none.", "Not available: processors of the busiest host.")
    of_all_loads = table(high_load=nothing, unknown_loads=["connections", "messages", "cpu"])
    assert of_all_loads.empty.startswith("Not available: open connections, messages a second, processors")


def test_unchecked_figures_say_so():
    unchecked = of_all(lambda figure: replace(figure, certainty="unchecked"), summary())
    fleet = metrics(Fleet(instances=1, born=0, stopped=0, vanished=0, coverage=None), "gauge_range")
    view = compose(good(summary=unchecked, fleet=fleet), Edition())
    assert str(view.cards[0].value) == "18,432 (unchecked)"
    assert any("can't tell whether samples are missing" in fact for fact in view.facts)


def test_a_report_that_is_late_or_not_over_or_misses_samples_says_so_first():
    due = good().period.until + 7200
    view = compose(replace(with_a_gap(), finished=False), Edition(due_at=due))
    assert [text for _, text in view.badges] == [
        "Late: it was due 24 Nov 2026, 02:00 UTC+1",
        "Not over: the time that it is about had not passed when it was made",
        "Samples are missing: totals may be greater than what was seen",
    ]
    assert view.subject.endswith(" (late)")
    assert compose(good(), Edition()).badges == []


@pytest.mark.parametrize(
    ("against", "said"), [("day_before", "+50% on the day before"), ("same_weekday", "+50% on the mean of the weeks")]
)
def test_a_change_says_what_it_is_compared_with(against, said):
    highlight = Highlight(kind="errors", value=61, share=0.01, change=0.5, against=against)
    [sentence] = paragraph.sentences(good(highlights=[highlight]), WORDS, Figures(WORDS))
    assert said in sentence


def test_a_total_over_a_gap_is_marked_in_the_chart_too():
    *_, weeks = compose(with_a_gap(), Edition()).pictures
    assert weeks.chart.bars[-1].text == "at least 18,432"
    assert SEEN.share
    assert weeks.chart.bars[0].text == "n/a"
