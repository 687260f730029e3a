"""`socketscope report`, over a store of its own, a running console, and a mail server."""

import json
import subprocess
import sys
import time

import jsonschema
import pytest
import yaml

from notify.smtp_server import Box, serving
from otlp_source import Source
from service_process import ServiceProcess
from socketscope.reports.form.json import schema


def report(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "socketscope", "report", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), **environment},
    )


def fill(grpc):
    """Three connections of two users, of which one was lost; 10 messages in, 30 out, one error."""
    source = Source(grpc, "a")
    source.connect("c1", "lobby", "ada")
    source.connect("c2", "lobby", "ada")
    source.connect("c3", "games", "bob")
    source.talk(received=10, sent=30, size=7)
    source.flush()
    source.fail()
    source.disconnect("c2", "lobby", "ada", initiator="network")
    source.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The directory of a store that nobody has open."""
    folder = tmp_path_factory.mktemp("store")
    with ServiceProcess("--data", folder) as service:
        fill(service.grpc)
        assert service.stop() == 0
    return folder


def recent(store):
    """A period that has it all and is not over."""
    now = time.time()
    return ("--data", store, "--since", now - 3600, "--until", now + 3600)


def figures(text):
    return {name: figure["value"] for name, figure in json.loads(text)["summary"].items()}


EXPECTED = {
    "total_connections": 3,
    "closed_connections": 1,
    "lost_connections": 1,
    "messages_received": 10,
    "messages_sent": 30,
    "bytes_received": 70,
    "bytes_sent": 210,
    "errors": 1,
    "unique_users": 2,
    "unique_channels": 2,
}


def test_json_is_that_of_the_schema_with_the_numbers_of_what_happened(store, tmp_path):
    ran = report(*recent(store), "--format", "json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    jsonschema.validate(found, schema())
    assert {key: figures(ran.stdout)[key] for key in EXPECTED} == EXPECTED
    assert found["finished"] is False
    assert found["backend"] == "embedded"


def test_markdown_goes_to_the_terminal_in_the_language_and_zone_that_are_asked_for(store, tmp_path):
    ran = report(*recent(store), "--language", "es", "--zone", "Asia/Tokyo", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("# Informe de WebSocket: ")
    assert "UTC+9" in ran.stdout
    assert "Asia/Tokyo" in ran.stdout


def test_a_file_is_of_the_form_that_its_name_says(store, tmp_path):
    files = [tmp_path / f"day.{ending}" for ending in ("html", "json", "txt")]
    ran = report(*recent(store), *(f"--output={file}" for file in files), cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "")
    begins = [file.read_text()[:14] for file in files]
    assert begins == ["<!doctype html", '{\n  "schema": ', "# WebSocket re"]
    assert all(f"wrote {file}" in ran.stderr for file in files)


def test_a_running_console_is_asked_by_default(tmp_path):
    (tmp_path / "socketscope.yaml").write_text(yaml.safe_dump({"alerts": {"pack": False}}))
    with ServiceProcess("--data", tmp_path / "store", cwd=tmp_path) as service:
        fill(service.grpc)
        _, _, *since = recent(None)
        ran = report(*since, "--url", service.url, "--format", "json", cwd=tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert {key: figures(ran.stdout)[key] for key in EXPECTED} == EXPECTED
        told = json.loads(ran.stdout)
        assert told["backend"] == "remote"
        assert {issue["link"] for issue in told["issues_detected"] if not issue["trace_id"]} == {service.url}
        by_configuration = report(*since, "--format", "json", cwd=tmp_path, SOCKETSCOPE_CONSOLE_PORT=str(service.port))
        assert figures(by_configuration.stdout) == figures(ran.stdout)
        locked = report(*since, "--data", tmp_path / "store", cwd=tmp_path)
        assert locked.returncode == 2
        assert "is open in another process" in locked.stderr


def with_mail(tmp_path, port):
    notifier = {
        "type": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "reports@example.com",
        "to": ["team@example.com"],
    }
    pager = {"type": "pagerduty", "routing_key_env": "KEY"}
    path = tmp_path / "socketscope.yaml"
    path.write_text(yaml.safe_dump({"notifiers": {"mail": notifier, "pager": pager}}))
    return {"KEY": "0" * 32}


def test_it_is_sent_to_a_receiver_and_written_nowhere_else(store, tmp_path):
    box = Box()
    with serving(box) as controller:
        environment = with_mail(tmp_path, controller.port)
        ran = report(*recent(store), "--send", "mail", cwd=tmp_path, **environment)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "mail: delivered" in ran.stderr
    [(_, mail)] = box.mails
    assert "3 connections" in mail["Subject"]


def test_a_receiver_that_does_not_take_it_is_a_failure_that_is_told(store, tmp_path):
    with serving(Box(data="554 5.7.1 refused as spam")) as controller:
        environment = with_mail(tmp_path, controller.port)
        ran = report(*recent(store), "--send", "mail", "--format", "md", cwd=tmp_path, **environment)
    assert ran.returncode == 1
    assert "refused as spam" in ran.stderr
    assert ran.stdout.startswith("# WebSocket report")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--date", "23.11.2026"), "--date='23.11.2026' can't be used: expected a day, as 2026-11-23"),
        (("--date", "2026-11-23", "--since", "0"), "either --date, or --since and --until"),
        (("--until", "2026-11-23"), "expected --since too"),
        (("--since", "yesterday"), "expected a time in ISO 8601"),
        (("--since", "2026-11-23", "--until", "2026-11-22"), "later than since"),
        (("--since", "nan"), "since=nan can't be used: expected a time from 1971 to 2261"),
        (("--since", "2026-11-23", "--until", "1e30"), "until=1e+30 can't be used"),
        (("--date", "9999-12-31"), "date='9999-12-31' can't be used: expected a day from 1971 to 2261"),
        (("--date", "0001-01-01"), "expected a day from 1971 to 2261"),
        (("--zone", ""), "--zone='' can't be used: expected a time zone"),
        (("--zone", "Madrid"), "--zone='Madrid' can't be used: expected a time zone"),
        (("--output", "/nowhere/day.html"), "--output='/nowhere/day.html' can't be used"),
        (("--url", "127.0.0.1:8300"), "--url='127.0.0.1:8300' can't be used"),
        (("--backend", "prometheus"), "--url=None can't be used"),
        (("--backend", "datadog"), "the section 'backend' of the configuration"),
        (("--data", "/nowhere"), "the directory of a store that `serve` has made"),
        (("--send", "ghost"), "--send='ghost' can't be used: expected one of the notifiers that take reports (mail)"),
        (("--send", "pager"), "--send='pager' can't be used: expected one of the notifiers that take reports (mail)"),
        (("--since", "2199-01-01", "--until", "2199-01-02", "--data", "STORE"), "a time that has begun"),
    ],
)
def test_what_can_not_be_is_one_line_and_exit_code_2(store, tmp_path, arguments, expected):
    environment = with_mail(tmp_path, 25)
    ran = report(*(store if one == "STORE" else one for one in arguments), cwd=tmp_path, **environment)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert expected in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_console_that_does_not_answer_is_told_in_one_line(tmp_path):
    ran = report("--url", "http://127.0.0.1:9", cwd=tmp_path)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
