"""docker-compose.yml can't be run in a test; what it says of our programs can be held against them."""

import re
from pathlib import Path

import yaml

from socketscope.demo.stack import programs
from socketscope.demo.stack.collector import VERSION
from socketscope.demo.stack.options import Options

REPOSITORY = Path(__file__).parents[2]
SERVICES = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))["services"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")


def test_it_has_the_chat_the_collector_and_the_console():
    assert SERVICES.keys() == {"console", "collector", "chat"}


def test_the_backend_listens_where_the_demos_does():
    command = SERVICES["console"]["command"]
    demo = programs.console(Options(), Path("/")).command
    for option in ("--otlp-grpc-port", "--otlp-http-port"):
        assert command[command.index(option) + 1] == demo[demo.index(option) + 1]


def test_the_chats_variables_are_those_of_the_demo():
    demo = programs.chat(Options()).environment
    said = SERVICES["chat"]["environment"]
    assert said == {name: demo[name] for name in said}


def test_the_collector_is_built_at_the_version_of_the_manifest():
    assert re.findall(r"cmd/builder@v(\S+)", DOCKERFILE) == [VERSION]


def test_nothing_runs_as_root():
    images = [stage for stage in DOCKERFILE.split("\nFROM ") if "ENTRYPOINT" in stage]
    assert len(images) == 2
    assert all("\nUSER " in image for image in images)
