import pytest

from socketscope.errors import ConfigurationError
from socketscope.instrumentation.options import Options, from_environment


def test_nothing_set_gives_the_defaults() -> None:
    assert from_environment({}) == Options()


def test_every_variable_is_read() -> None:
    options = from_environment(
        {
            "SOCKETSCOPE_USER_FROM": "query:user",
            "SOCKETSCOPE_CHANNEL_FROM": "path:room",
            "SOCKETSCOPE_USER_KEY": "k",
            "SOCKETSCOPE_USER_ID": "1",
            "SOCKETSCOPE_SEGMENT": "60",
            "SOCKETSCOPE_MESSAGE_SPANS": " All ",
            "SOCKETSCOPE_SLOW_MESSAGE": "0.25",
            "SOCKETSCOPE_CHANNEL_LIMIT": "5",
            "SOCKETSCOPE_EXCLUDED_URLS": "health, ^/internal",
        }
    )
    assert options.user_from is not None
    assert options.user_from.name == "user"
    assert (options.segment, options.channel_limit, options.user_id, options.user_key) == (60.0, 5, True, b"k")
    assert (options.message_spans, options.slow_message) == ("all", 0.25)
    assert options.excluded_urls is not None
    assert options.excluded_urls.search("/internal/ws")
    assert not options.excluded_urls.search("/ws/internal")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SOCKETSCOPE_USER_FROM", "cookie:user"),
        ("SOCKETSCOPE_CHANNEL_FROM", "room"),
        ("SOCKETSCOPE_SEGMENT", "soon"),
        ("SOCKETSCOPE_SEGMENT", "0"),
        ("SOCKETSCOPE_MESSAGE_SPANS", "some"),
        ("SOCKETSCOPE_SLOW_MESSAGE", "0"),
        ("SOCKETSCOPE_SLOW_MESSAGE", "1s"),
        ("SOCKETSCOPE_CHANNEL_LIMIT", "nan"),
        ("SOCKETSCOPE_USER_ID", "perhaps"),
        ("SOCKETSCOPE_EXCLUDED_URLS", "(["),
    ],
)
def test_a_mistake_is_named_with_its_variable_and_what_is_expected(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        from_environment({name: value})
    assert caught.value.setting == name
    assert value in str(caught.value)
    assert "expected" in str(caught.value)


def test_which_messages_may_have_spans_is_said_in_full() -> None:
    with pytest.raises(ConfigurationError, match=r"SOCKETSCOPE_MESSAGE_SPANS='slow' .* notable .*, all or off"):
        from_environment({"SOCKETSCOPE_MESSAGE_SPANS": "slow"})


@pytest.mark.parametrize("mode", ["notable", "all", "off"])
def test_every_mode_of_message_spans_has_its_name(mode: str) -> None:
    assert from_environment({"SOCKETSCOPE_MESSAGE_SPANS": mode}).message_spans == mode


def test_the_key_of_user_hashes_is_in_no_repr() -> None:
    assert "hush" not in repr(from_environment({"SOCKETSCOPE_USER_KEY": "hush"}))
