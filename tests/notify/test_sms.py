import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from doubles.http_double import Reply
from doubles.twilio_double import ACCOUNT, BLOCKED, NUMBER, TwilioDouble, segments
from notify.conftest import notification
from socketscope.notify.gsm7 import fitting
from socketscope.notify.sms import Sms, SmsOptions
from socketscope.notify.text import short

anyio = pytest.mark.anyio


def sender(double, **options):
    given = {"account": ACCOUNT, "auth_token": double.token, "sender": NUMBER, "to": "+14155552671"}
    return Sms("phone", SmsOptions(url=double.url, timeout=5, **{**given, **options}))


@anyio
async def test_an_alert_is_one_sms():
    with TwilioDouble() as double:
        receipt = await sender(double).send(notification())
    assert receipt.delivered
    assert "SM0000" in receipt.detail
    [form] = double.sent
    assert form["To"] == "+14155552671"
    assert form["Body"].startswith("[CRITICAL] HighErrorRatio: 12 % of the messages failed (0.12) https://console")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": BLOCKED}, 21610),
        ({"to": "+1234"}, 21211),
        ({"sender": "+15005550001"}, 21606),
        ({"auth_token": "wrong"}, 20003),
    ],
)
@anyio
async def test_what_twilio_refuses_for_good_is_not_tried_again(options, code):
    with TwilioDouble() as double:
        receipt = await sender(double, **options).send(notification())
    assert (receipt.delivered, receipt.again) == (False, False)
    assert f"error {code}" in receipt.detail


@pytest.mark.parametrize(
    ("fault", "again", "wait"),
    [
        (Reply({"code": 20429, "message": "Too Many Requests", "status": 429}, 429, {"Retry-After": "3"}), True, 3.0),
        (Reply({"code": 21611, "message": "queue is full", "status": 400}, 400), True, None),
        (Reply({"code": 20500, "message": "Internal", "status": 500}, 500), True, None),
        (Reply({"sid": "SM", "status": "failed", "error_code": 30001}, 201), True, None),
        (Reply({"sid": "SM", "status": "failed", "error_code": 30005}, 201), False, None),
    ],
)
@anyio
async def test_what_is_too_much_at_the_moment_is_tried_again(fault, again, wait):
    with TwilioDouble(fault) as double:
        receipt = await sender(double).send(notification())
    assert (receipt.delivered, receipt.again, receipt.retry_after) == (False, again, wait)


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=100))
def test_whatever_it_says_it_is_one_message(summary, rule, link):
    text = short(notification(summary=summary, rule=rule, link=link))
    assert text
    assert segments(text) == 1


def test_letters_that_take_the_room_of_two_are_counted_as_two():
    assert segments(short(notification(summary="{" * 75, rule="R", value=None, link=""))) == 1
    assert len(fitting("{" * 80, 160)) == 80
    assert fitting("{" * 81, 160) == "{" * 78 + "..."


@given(st.text(), st.integers(min_value=10, max_value=160))
def test_what_is_cut_says_so_and_begins_as_the_whole(text, most):
    whole, cut = fitting(text), fitting(text, most)
    assert cut == whole or (cut.endswith("...") and whole.startswith(cut[:-3]))


def test_letters_of_other_alphabets_become_the_nearest_or_a_question_mark():
    assert fitting("é ã ő “x” \N{EN DASH} 日 €") == 'é a o "x" - ? €'


def test_a_link_is_there_as_a_whole_or_not_at_all():
    link = "https://console.example/" + "x" * 70
    assert short(notification(link=link)).endswith(link)
    assert "https" not in short(notification(link=link + "y" * 10))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"to": "0151 234"}, "to"),
        ({"sender": None}, "one of sender and service"),
        ({"service": "MG" + "0" * 32}, "one of sender and service"),
        ({"auth_token": None}, "auth_token_env"),
        ({"account": "AC12"}, "account"),
    ],
)
def test_options_that_can_not_work_are_refused(options, expected):
    given = {"account": ACCOUNT, "auth_token": "token", "sender": NUMBER, "to": "+14155552671", **options}
    with pytest.raises(ValidationError, match=expected):
        SmsOptions(**given)
