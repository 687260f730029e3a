"""Each form of a report: complete, bounded, and harmless whatever names are in it."""

import json
import re
from html.parser import HTMLParser

import jsonschema
import pytest

from reports.samples import HOSTILE, good, hostile, of_nothing, with_a_gap
from socketscope.reports.form import json as json_form
from socketscope.reports.form.compose import Edition
from socketscope.reports.form.forms import Forms
from socketscope.reports.form.mail import LARGEST
from socketscope.reports.form.markdown import LONGEST, escape

LINK = "https://console.example/reports/2026-11-23.html"
EVERY = pytest.mark.parametrize("make", [good, with_a_gap, of_nothing, hostile])


def forms(report, **more):
    return Forms(report, Edition(link=LINK, **more))


class Tags(HTMLParser):
    """What a page is made of, and whether it is well-formed."""

    VOID = frozenset({"meta", "img", "br", "path", "use", "rect"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open = set(), [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in self.VOID or self.open.pop() == tag, tag


@EVERY
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_page_is_one_file_that_loads_nothing_and_runs_nothing(make, language):
    page = forms(make(), language=language).form("html")
    found = Tags(page)
    assert not found.tags & {"script", "link", "iframe", "object", "embed", "form", "base"}
    assert found.tags & {"img", "image"} == set()
    assert all(not name.startswith("on") for name, _ in found.attributes)
    sources = [value for name, value in found.attributes if name in ("src", "srcset", "xlink:href", "action")]
    assert all(source.startswith("#") for source in sources)
    links = {value for name, value in found.attributes if name == "href" and not value.startswith("#")}
    assert all(link.startswith("https://") for link in links)
    assert "url(http" not in page
    assert "@import" not in page
    assert f'<html lang="{language}">' in page


@EVERY
def test_the_page_of_a_mail_is_small_and_has_its_pictures_with_words_for_them(make):
    document = forms(make()).document()
    assert len(document.page.encode()) < LARGEST
    found = Tags(document.page)
    assert not found.tags & {"script", "link", "style", "svg"}
    shown = {value.removeprefix("cid:") for name, value in found.attributes if name == "src"}
    assert shown == {image.name for image in document.images}
    assert all(image.content.startswith(b"\x89PNG") for image in document.images)
    assert found.tags.isdisjoint({"img"}) or [value for name, value in found.attributes if name == "alt" and value]
    assert "data:" not in document.page.replace("No data: ", "")


@EVERY
def test_no_name_becomes_a_tag_or_a_header(make):
    whole = forms(make())
    document = whole.document()
    for text in (whole.form("html"), document.page):
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<h1>mine" not in text
        assert "\x00" not in text
        assert "\u202e" not in text
    for line in (document.title, document.brief):
        assert "\n" not in line
        assert "\r" not in line


def test_markdown_has_no_mark_that_a_name_brought():
    text = forms(hostile()).form("md")
    assert "<" not in text
    assert not re.search(r"(?<!\\)\[click", text)
    assert not re.search(r"(?<!\\)\*\*bold", text)
    assert "http://" not in text
    assert not re.search(r"(?<!\\)@", text)
    assert "javascript:alert" in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain text, 0.2 % (1,234)", "plain text, 0.2 % (1,234)"),
        ("a_b*c`d|e", r"a\_b\*c\`d\|e"),
        ("<!channel> & <b>", "&lt;!channel&gt; &amp; &lt;b&gt;"),
        ("[x](http://evil.example)", r"\[x\](http\://evil\.example)"),
        ("@here ops@example.com www.example.com", r"\@here ops\@example\.com www\.example\.com"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_plain_text_is_escaped_for_markdown(text, escaped):
    assert escape(text) == escaped


@EVERY
def test_markdown_fits_into_a_message(make):
    text = forms(make()).form("md")
    assert 100 < len(text) <= LONGEST
    assert text.startswith("# ")


def test_a_report_that_is_too_long_for_a_message_loses_its_end_and_nothing_else():
    report = good(highlights=[], notes=[])
    whole = forms(report).form("md")
    long = forms(good(top_channels=hostile().top_channels)).form("md")
    assert long.startswith(whole[:30])
    assert LINK in whole


@EVERY
def test_json_keeps_the_keys_of_the_seed_and_its_published_schema(make):
    found = json.loads(forms(make()).form("json"))
    assert list(found)[:4] == ["schema", "period", "summary", "charts"]
    assert {"period", "summary", "charts", "top_channels", "issues_detected"} <= found.keys()
    assert {"start", "end"} <= found["period"].keys()
    assert {"total_connections", "unique_users", "avg_connection_duration"} <= found["summary"].keys()
    jsonschema.Draft202012Validator.check_schema(json_form.schema())
    jsonschema.validate(found, json_form.schema(), format_checker=jsonschema.FormatChecker())


def test_json_has_every_figure_with_its_source_method_certainty_and_coverage():
    figure = json.loads(forms(with_a_gap()).form("json"))["summary"]["total_connections"]
    assert figure == {
        "value": 18_432,
        "source": "events",
        "method": "opened_events",
        "certainty": "at_least",
        "coverage": {"seen": 27_993, "expected": 34_560},
        "reason": None,
    }


def test_moments_in_json_are_iso_8601():
    found = json.loads(forms(good()).form("json"))
    assert found["period"]["start"] == "2026-11-23T00:00:00+01:00"
    assert found["generated_at"] == "2026-11-24T01:00:03.000Z"
    assert found["charts"]["connections_per_hour"]["value"][0]["since"] == "2026-11-22T23:00:00.000Z"
    assert found["alerts"]["value"][0]["ended_at"] == "2026-11-23T13:31:00.000Z"
    assert found["comparison"]["same_weekday"][0]["period"]["day"] == "2026-11-16"


def test_json_has_names_as_they_are():
    found = json.loads(forms(hostile()).form("json"))
    assert [channel["name"] for channel in found["top_channels"]["value"]] == [*HOSTILE]


def test_plain_text_has_no_trailing_or_control_characters():
    for make in (good, with_a_gap, of_nothing, hostile):
        text = forms(make()).document().text
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
        assert all(line == line.rstrip() for line in text.splitlines())


def test_a_document_says_the_same_in_every_form():
    document = forms(good()).document()
    for text in (document.text, document.markdown, document.page, document.brief):
        assert "18,432" in text
    assert document.title == "WebSockets on Monday, November 23, 2026: 18,432 connections"
    assert document.data["summary"]["total_connections"]["value"] == 18_432
