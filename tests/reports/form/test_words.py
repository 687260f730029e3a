import string
from dataclasses import replace
from datetime import date

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from reports.samples import at, good, hostile, of_nothing, period_of, with_a_gap
from socketscope.reports.form import words as module
from socketscope.reports.form.compose import Edition
from socketscope.reports.form.forms import Forms
from socketscope.reports.form.words import CATALOGUES, Words
from socketscope.reports.model import Coverage

EN, ES = Words("en", "Europe/Madrid"), Words("es", "Europe/Madrid")
NBSP = "\N{NO-BREAK SPACE}"
CHANGED = date(2026, 10, 25)
"""25 hours long in Madrid."""


def catalogue(language="es"):
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return [message for message in read_po(file, locale=language) if message.id]


def key(message):
    return message if isinstance(message, str) else message[0]


def test_every_message_is_in_every_catalogue_and_translated_and_none_is_left_over():
    form = CATALOGUES.parent
    said = {key(message) for _, _, message, _, _ in extract_from_dir(form, method_map=[("**.py", "python")])}
    for language in ("es",):
        messages = catalogue(language)
        assert {key(message.id) for message in messages} == said, "run scripts/translate"
        assert [m.id for m in messages if not all([m.string] if isinstance(m.string, str) else m.string)] == []
        assert [message.id for message in messages if message.fuzzy] == []


def test_every_translation_has_the_placeholders_of_its_message():
    for message in catalogue():
        if isinstance(message.string, str):
            assert placeholders(message.string) == placeholders(message.id)
        else:
            for form, original in zip(message.string, message.id, strict=True):
                assert placeholders(form) == placeholders(original)


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("make", [good, with_a_gap, of_nothing, hostile])
def test_nothing_is_said_that_a_translator_does_not_see(monkeypatch, make):
    asked = set()

    class Recording(module.NullTranslations):
        def gettext(self, message):
            asked.add(message)
            return message

        def ngettext(self, singular, plural, n):
            asked.add(singular)
            return super().ngettext(singular, plural, n)

    monkeypatch.setattr(module, "catalogue", lambda _: Recording())
    forms = Forms(make(), Edition(due_at=at(2), link="https://console.example/"))
    forms.kept()
    forms.document()
    assert len(asked) > 100
    assert asked - {key(message.id) for message in catalogue()} == set()


@pytest.mark.parametrize(
    ("number", "english", "spanish"),
    [(0, "0", "0"), (1234567, "1,234,567", "1.234.567"), (1234.56, "1,235", "1.235"), (0.01234, "0.0123", "0,0123")],
)
def test_numbers_are_written_as_people_write_them(number, english, spanish):
    assert (EN.number(number), ES.number(number)) == (english, spanish)


@pytest.mark.parametrize(
    ("share", "english", "spanish"),
    [
        (0, "0%", "0 %"),
        (0.8134, "81.3%", "81,3 %"),
        (0.00005063, "0.0051%", "0,0051 %"),
        (1, "100%", "100 %"),
        (2.5, "250%", "250 %"),
    ],
)
def test_shares_are_in_percent_and_what_is_not_nothing_is_not_0(share, english, spanish):
    assert EN.share(share) == english
    assert ES.share(share) == spanish.replace(" ", NBSP)


def test_a_coverage_that_is_not_whole_is_never_100_percent():
    assert EN.seen(Coverage(seen=99_999, expected=100_000).share) == "99.9%"
    assert EN.seen(Coverage(seen=100_000, expected=100_000).share) == "100%"
    assert EN.seen(Coverage(seen=100_001, expected=100_000).share) == "100%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.00042, "0.42 ms"),
        (0.25, "250 ms"),
        (1.5, "1.5 s"),
        (59.9, "59.9 s"),
        (60, "1 min"),
        (311.4, "5 min 11 s"),
        (3600, "1 h"),
        (7_260, "2 h 1 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
        (864_000, "10 d"),
    ],
)
def test_lengths_of_time_have_one_or_two_units(seconds, text):
    assert EN.span(seconds).replace(NBSP, " ") == text


@pytest.mark.parametrize(
    ("octets", "text"), [(0, "0 B"), (999, "999 B"), (201_337_812, "201 MB"), (6.4e9, "6.4 GB"), (5e15, "5,000 TB")]
)
def test_bytes_have_the_unit_that_suits_them(octets, text):
    assert EN.size(octets).replace(NBSP, " ") == text


@pytest.mark.parametrize(
    ("by", "text"),
    [(0.0, "±0%"), (0.0001, "±0%"), (0.068, "+6.8%"), (-0.5, "\N{MINUS SIGN}50%"), (11.0, "\N{MULTIPLICATION SIGN}12")],
)
def test_changes_have_a_sign(by, text):
    assert EN.change(by) == text


def test_days_are_written_in_full():
    assert EN.day(date(2026, 11, 23)) == "Monday, November 23, 2026"
    assert ES.day(date(2026, 11, 23)) == "lunes, 23 de noviembre de 2026"


def test_an_hour_that_comes_twice_has_its_offset():
    period = period_of(CHANGED)
    assert period.hours == 25
    assert [EN.clock(period.since + 3600 * hour) for hour in range(1, 5)] == [
        "01:00", "02:00 (UTC+2)", "02:00 (UTC+1)", "03:00",
    ]  # fmt: skip


def test_a_stretch_within_the_day_has_times_alone_and_any_other_has_days():
    period = period_of()
    assert EN.stretch(at(14), at(15, 20), period) == "14:00\N{EN DASH}15:20"
    assert EN.stretch(at(22), period.until, period) == "22:00\N{EN DASH}24:00"
    assert EN.stretch(at(22), None, period) == "since 22:00"
    assert EN.stretch(at(22, day=date(2026, 11, 22)), at(1), period) == "Sun 22 Nov 22:00\N{EN DASH}Mon 23 Nov 01:00"


def test_a_period_that_is_no_day_has_days_where_it_is_of_several():
    period = period_of()
    hours = replace(period, day=None, since=at(13), until=at(16, 30))
    assert EN.stretch(at(14), at(15), hours) == "14:00\N{EN DASH}15:00"
    assert EN.period(hours) == "23 Nov 2026, 13:00\N{EN DASH}16:30 UTC+1"
    days = replace(hours, until=at(2, day=date(2026, 11, 24)))
    assert EN.stretch(at(14), at(15), days) == "Mon 23 Nov 14:00\N{EN DASH}Mon 23 Nov 15:00"
    assert EN.period(days) == "23 Nov 2026, 13:00 UTC+1 \N{EN DASH} 24 Nov 2026, 02:00 UTC+1"
    assert ES.period(period) == "lunes, 23 de noviembre de 2026"


def test_other_zones_have_their_offsets():
    assert Words("en", "Asia/Kathmandu").moment(15) == "1 Jan 1970, 05:30:15 UTC+5:30"
    assert Words("es", "America/New_York").moment(1_795_000_000) == "18 nov 2026, 06:06:40 UTC-5"
    assert Words("en", "UTC").moment(0) == "1 Jan 1970, 00:00 UTC"
