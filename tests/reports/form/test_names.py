import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.reports.form.names import LONGEST, shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lobby", "lobby"),
        ("a\r\nBcc: x@example.com", "a Bcc: x@example.com"),
        ("\x1b[31mred\x00", "[31mred"),
        ("\u202eevil\u2066\u200b", "evil"),
        ("", "∅"),
        ("\u200b\n", "∅"),
        ("  two   words ", "two words"),
        ("x" * 10_000, "x" * 47 + "…" + "x" * 16),
        ("room-" + "a" * 80 + "-end", "room-" + "a" * 42 + "…" + "a" * 12 + "-end"),
        ("عربي", "\u2068عربي\u2069"),
    ],
)
def test_a_name_is_one_line_of_visible_characters(name, text):
    assert shown(name) == text


def test_marks_are_not_piled_up_over_the_lines_around():
    assert shown("Z" + "\u0351" * 50) == "Z" + "\u0351" * 3


@given(st.text())
def test_whatever_it_is_it_is_short_and_harmless(name):
    text = shown(name)
    assert 1 <= len(text) <= LONGEST + 2
    inside = text.removeprefix("\u2068").removesuffix("\u2069")
    assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in inside)
    text.encode()
