import os
from pathlib import Path

import pytest

from socketscope import config
from socketscope.access import Token
from socketscope.config import Settings, load
from socketscope.errors import ConfigurationError


@pytest.fixture(autouse=True)
def empty_surroundings(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith(config.PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write(text, name="socketscope.yaml"):
    path = Path(name)
    path.write_text(text)
    return path


def mistakes(**arguments):
    try:
        load(**arguments)
    except ConfigurationError as error:
        return [str(error)]
    except ExceptionGroup as group:
        return [str(error) for error in group.exceptions]
    return []


def test_without_anything_the_defaults_hold():
    assert load() == Settings()


def test_the_command_line_wins_over_the_environment_over_the_file(monkeypatch):
    write("console: {port: 1, connections_maximum: 11}\notlp: {grpc_port: 1, http_port: 1}\n")
    monkeypatch.setenv("SOCKETSCOPE_OTLP_GRPC_PORT", "2")
    monkeypatch.setenv("SOCKETSCOPE_OTLP_HTTP_PORT", "2")
    settings = load(options={"otlp": {"http_port": 3}})
    assert settings.console.port == 1
    assert settings.console.connections_maximum == 11
    assert settings.otlp.grpc_port == 2
    assert settings.otlp.http_port == 3


def test_settings_made_directly_read_no_environment(monkeypatch):
    monkeypatch.setenv("SOCKETSCOPE_CONSOLE_PORT", "1")
    assert Settings().console.port == 8300


def test_variables_of_the_instrumentation_are_not_settings_of_the_service(monkeypatch):
    monkeypatch.setenv("SOCKETSCOPE_USER_KEY", "secret")
    assert load() == Settings()


def test_a_file_may_be_named_by_option_or_variable(monkeypatch):
    named, other = write("console: {port: 1}", "named.yaml"), write("console: {port: 2}", "other.yaml")
    assert load(named).console.port == 1
    monkeypatch.setenv("SOCKETSCOPE_CONFIG", str(other))
    assert load().console.port == 2
    assert load(named).console.port == 1


@pytest.mark.parametrize(
    ("text", "named", "expected"),
    [
        ("console: {port: 70000}", "socketscope.yaml: console.port=70000", "less than or equal to 65535"),
        ("console: {port: high}", "socketscope.yaml: console.port='high'", "a valid integer"),
        ("console: {prot: 1}", "socketscope.yaml: console.prot=1", "one of host, token_file"),
        ("consol: {port: 1}", "socketscope.yaml: consol=", "one of console, otlp, store"),
        ("console: 8300", "socketscope.yaml: console=8300", "keys and values, of the keys host, token_file"),
        ("console: {host: 0.0.0.0}", "console.token (SOCKETSCOPE_CONSOLE_TOKEN)=None", "openssl rand -hex 32"),
        ("otlp: {host: '::'}", "otlp.token (SOCKETSCOPE_OTLP_TOKEN)=None", "as other machines reach ::"),
        ("console: {token: short}", "socketscope.yaml: console.token='(hidden)'", "16 or more visible"),
        ("console: {token: [0, 1]}", "socketscope.yaml: console.token='(hidden)'", "expected text"),
        (
            "console: {token: kept-by-others-0000000, token_file: t}",
            "socketscope.yaml: console.token='(hidden)'",
            "not both",
        ),
        ("console: {token_file: nowhere}", "console.token (SOCKETSCOPE_CONSOLE_TOKEN)=None", "the file nowhere"),
        ("console: [", "configuration file='socketscope.yaml'", "YAML"),
        ("alerts: {link: 2026-02-30}", "configuration file='socketscope.yaml'", "YAML"),
        pytest.param(f"a: {'[' * 5000}{']' * 5000}", "configuration file='socketscope.yaml'", "YAML", id="too deep"),
        ("- console", "configuration file='socketscope.yaml'", "the sections console, otlp, store"),
        ("1: 2", "socketscope.yaml: 1=2", "one of console, otlp, store"),
    ],
)
def test_a_mistake_in_the_file_names_file_key_and_what_was_expected(text, named, expected):
    write(text)
    (mistake,) = mistakes()
    assert mistake.startswith(named)
    assert expected in mistake


def test_each_mistake_names_the_source_that_it_is_in(monkeypatch):
    write("console: {port: low}\nstore: {memory: perhaps}")
    monkeypatch.setenv("SOCKETSCOPE_CONSOLE_PORT", "high")
    monkeypatch.setenv("SOCKETSCOPE_OTLP_BOGUS", "1")
    found = mistakes(options={"otlp": {"grpc_port": -1}})
    assert [mistake.partition("=")[0] for mistake in found] == [
        "SOCKETSCOPE_CONSOLE_PORT",
        "--otlp-grpc-port",
        "SOCKETSCOPE_OTLP_BOGUS",
        "socketscope.yaml: store.memory",
    ]


@pytest.mark.parametrize("section", ["console", "otlp", "store", "backend", "alerts", "state", "notifiers"])
@pytest.mark.parametrize("written", ["3", "[a]", "text", "yes"])
def test_a_section_that_is_no_mapping_is_a_mistake_whatever_else_is_set(section, written, monkeypatch):
    write(f"{section}: {written}")
    monkeypatch.setenv("SOCKETSCOPE_STORE_RAW_HOURS", "2")
    (mistake,) = mistakes(options={"console": {"port": 1}, "otlp": {}, "store": {"memory": True}})
    assert mistake.startswith(f"socketscope.yaml: {section}=")
    assert "expected keys and values" in mistake or "a name and its settings" in mistake


def test_a_section_with_nothing_but_comments_says_nothing():
    write("console:\n  # port: 1\nnotifiers:\nalerts:\n")
    assert load(options={"console": {}}) == Settings()


def test_a_key_that_stands_twice_is_a_mistake_with_its_line():
    write("console: {port: 1}\nnotifiers:\n  a: {type: blackhole}\n  a: {type: blackhole}\nconsole: {port: low}\n")
    assert [mistake.partition(" can't")[0] for mistake in mistakes()] == [
        "socketscope.yaml: notifiers.a='(in line 4)'",
        "socketscope.yaml: console='(in line 5)'",
        "socketscope.yaml: console.port='low'",
    ]


def test_a_secret_under_a_misspelt_key_is_not_shown():
    write(f"console: {{tokn: {SECRET}}}\nbackend: {{pasword: {SECRET}}}")
    assert len(mistakes()) == 2
    assert not any(SECRET in mistake for mistake in mistakes())


def test_what_is_expected_is_said_in_the_words_of_the_file():
    write("alerts: {routes: [{notify: pager}, 4], heartbeat: {notify: []}}\nnotifiers: {a: 5}")
    expected = [mistake.partition("expected ")[2] for mistake in mistakes()]
    assert expected == ["a list.", "keys and values.", "at least 1.", "keys and values."]


def test_a_named_file_that_is_not_there_is_a_mistake():
    (mistake,) = mistakes(file=Path("nowhere.yaml"))
    assert mistake.startswith("configuration file='nowhere.yaml'")


def test_an_empty_file_says_nothing():
    write("")
    assert load() == Settings()


def test_a_section_as_one_variable_that_is_no_mapping_is_a_mistake(monkeypatch):
    monkeypatch.setenv("SOCKETSCOPE_CONSOLE", "8300")
    (mistake,) = mistakes()
    assert mistake.startswith("SOCKETSCOPE_")


SECRET = "0123456789abcdef" * 2


def test_an_address_that_others_reach_is_fine_with_a_token(monkeypatch):
    monkeypatch.setenv("SOCKETSCOPE_CONSOLE_TOKEN", SECRET)
    console = load(options={"console": {"host": "0.0.0.0"}}).console
    assert console.token.get_secret_value() == SECRET


def test_a_token_may_be_in_a_file_of_its_own(monkeypatch):
    monkeypatch.setenv("SOCKETSCOPE_OTLP_TOKEN_FILE", str(write(f"{SECRET}\n", "token")))
    assert load(options={"otlp": {"host": "0.0.0.0"}}).otlp.token.get_secret_value() == SECRET


def test_names_are_given_with_commas_or_as_a_list(monkeypatch):
    write("console: {allowed_hosts: [one.example, two.example]}")
    assert load().console.allowed_hosts == ("one.example", "two.example")
    monkeypatch.setenv("SOCKETSCOPE_CONSOLE_ALLOWED_HOSTS", "one.example, two.example")
    assert load().console.allowed_hosts == ("one.example", "two.example")


def test_a_token_is_in_no_representation_of_the_settings():
    write(f"console: {{token: {SECRET}}}\notlp: {{token: {SECRET}}}")
    settings = load()
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(Token.of(settings.console.token))):
        assert SECRET not in shown


def test_no_token_is_in_any_message_about_a_mistake(monkeypatch):
    monkeypatch.setenv("SOCKETSCOPE_CONSOLE_TOKEN", f"{SECRET} ")
    monkeypatch.setenv("SOCKETSCOPE_CONSOLE_TOKEN_FILE", "nowhere")
    assert [SECRET in mistake for mistake in mistakes()] == [False]


def test_lists_of_alerts_are_given_with_commas_and_times_as_text(monkeypatch):
    write("alerts: {rules: [a.yaml, b.yaml], repeat: 1h30m, group_by: [http.route]}")
    assert load().alerts.rules == (Path("a.yaml"), Path("b.yaml"))
    assert (load().alerts.repeat, load().alerts.group_by) == (5400, ("http.route",))
    monkeypatch.setenv("SOCKETSCOPE_ALERTS_RULES", "c.yaml, d.yaml")
    monkeypatch.setenv("SOCKETSCOPE_ALERTS_DISABLED", "HighCPU,HighMemory")
    monkeypatch.setenv("SOCKETSCOPE_ALERTS_COOLDOWN", "10m")
    alerts = load().alerts
    assert (alerts.rules, alerts.disabled) == ((Path("c.yaml"), Path("d.yaml")), ("HighCPU", "HighMemory"))
    assert alerts.cooldown == 600


def test_mistakes_within_a_setting_are_named_with_their_place():
    write(
        "alerts: {routes: [{severity: grave, notify: [a], foo: 1}], cooldown: -1, heartbeat: {notify: []}}\n"
        "backend: {kind: prometheus, token: kept-by-others-0000000}\n"
    )
    found = {one.partition("=")[0].removeprefix("socketscope.yaml: "): one for one in mistakes()}
    assert set(found) == {
        "backend",
        "alerts.routes.0.severity",
        "alerts.routes.0.foo",
        "alerts.cooldown",
        "alerts.heartbeat.notify",
    }
    assert "expected 'critical', 'warning' or 'info'" in found["alerts.routes.0.severity"]
    assert "expected one of notify, severity, labels" in found["alerts.routes.0.foo"]
    assert "a duration as 30s" in found["alerts.cooldown"]
    assert "`url` too for the kind prometheus" in found["backend"]
    assert not any("kept-by-others" in one for one in found.values())


def test_the_state_of_alerts_is_beside_the_store_or_where_it_is_said():
    assert load(options={"store": {"data": Path("here")}}).state_file == Path("here/socketscope-state.sqlite")
    assert load(options={"store": {"memory": True}}).state_file is None
    write("state: {file: there.sqlite}")
    assert load(options={"store": {"memory": True}}).state_file == Path("there.sqlite")


def test_the_store_is_a_file_in_the_data_directory_or_in_memory(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert load().store.file == Path("/data/socketscope/socketscope.duckdb")
    assert load(options={"store": {"data": Path("here")}}).store.file == Path("here/socketscope.duckdb")
    assert load(options={"store": {"memory": True}}).store.file is None
