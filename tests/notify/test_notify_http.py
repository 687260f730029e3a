from email.utils import format_datetime, formatdate

import pytest

from socketscope.errors import ConfigurationError
from socketscope.notify.http import LONGEST_WAIT, Receiver, retry_after

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("1e300", LONGEST_WAIT),
        ("inf", LONGEST_WAIT),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW - 90, usegmt=True), 0.0),
        (formatdate(NOW + 1e7, usegmt=True), LONGEST_WAIT),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Tue, 99 Nov 2026 05:00:00 GMT", None),
    ],
)
def test_when_to_come_again_is_read_from_seconds_and_dates(value, seconds):
    assert retry_after(value, now=NOW) == seconds


def test_a_date_in_another_zone_is_that_moment():
    from datetime import datetime, timedelta, timezone

    later = datetime.fromtimestamp(NOW + 60, timezone(timedelta(hours=9)))
    assert retry_after(format_datetime(later), now=NOW) == 60.0


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_refused_at_once(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match="ca_file"):
        Receiver("x", timeout=1, ca_file=file)
