"""docker-compose.yml can't be run where there is no container engine; whatever it says can be looked up."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml
from compose_file import (
    FILE,
    LISTENING,
    REPOSITORY,
    SECRETS,
    VARIABLE,
    mounts,
    on_the_host,
    services,
)

import one_chat
from dashboards.generate import STRATEGIES
from socketscope import config
from socketscope.cli.serve import serve
from socketscope.demo.stack import collector
from socketscope.demo.stack.options import Options
from socketscope.instrumentation import options as instrumentation

SERVICES = services()
TEXT = FILE.read_text("utf-8")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")
STAGES = {
    name or "": (image, body)
    for image, name, body in re.findall(
        r"^FROM (\S+)(?: AS (\S+))?\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL
    )
}


def test_compose_itself_takes_the_file_and_resolves_it_as_these_tests_do():
    program = shutil.which("docker-compose")
    if program is None:
        reason = "no docker-compose: apt-get install docker-compose"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    ran = subprocess.run(
        [program, "--file", FILE, "config"],
        env=os.environ | SECRETS,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    found = yaml.safe_load(ran.stdout)["services"]
    assert found.keys() == SERVICES.keys()
    for name, service in found.items():
        ours = SERVICES[name].get("environment", {})
        assert service.get("environment", {}) == {key: str(value) for key, value in ours.items()}
        assert service.get("command") == SERVICES[name].get("command")


@pytest.mark.parametrize("missing", SECRETS)
def test_without_a_token_nothing_starts_and_it_says_how_to_make_one(missing):
    with pytest.raises(KeyError, match=f"{missing}: make one with openssl rand -hex 32"):
        services({name: value for name, value in SECRETS.items() if name != missing})


def test_no_other_variable_is_taken_from_whoever_starts_it_and_no_secret_is_written_down():
    assert {name for name, _, _ in VARIABLE.findall(TEXT)} == SECRETS.keys()
    assert not re.search(r"(?i)(password|secret|api_?key)\s*:", TEXT)


def test_all_services_are_known_to_these_tests():
    assert SERVICES.keys() == LISTENING.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there_and_the_containers_cannot_change_it(name):
    volumes = yaml.safe_load(TEXT)["volumes"]
    for mount in mounts(SERVICES[name]):
        if mount.is_of_the_host:
            assert mount.path.exists(), mount.source
            assert mount.mode == "ro"
        else:
            assert mount.source in volumes


def test_no_volume_is_declared_in_vain():
    used = {mount.source for service in SERVICES.values() for mount in mounts(service) if not mount.is_of_the_host}
    assert used == yaml.safe_load(TEXT)["volumes"].keys()


def test_every_published_port_is_listened_on_is_on_loopback_and_is_there_once():
    published = [(name, *port.split(":")) for name, service in SERVICES.items() for port in service.get("ports", [])]
    assert all(address == "127.0.0.1" for _, address, _, _ in published)
    assert all(int(inside) in LISTENING[name] for name, _, _, inside in published)
    outside = [port for _, _, port, _ in published]
    assert sorted(map(int, outside)) == [3000, 4317, 4318, 8000, 8300, 9090, 16686]


def test_every_address_of_another_service_is_one_that_it_listens_on():
    checked = set()
    for name, service in SERVICES.items():
        texts = [*service.get("environment", {}).values(), *service.get("command", []), *service.get("entrypoint", [])]
        for host, port in re.findall(r"(?:^|//)([a-z][a-z0-9.-]*):(\d+)", "\n".join(map(str, texts)), re.MULTILINE):
            assert host in SERVICES, f"{name} asks for {host}"
            assert int(port) in LISTENING[host], f"{name} asks {host} on {port}"
            checked.add((name, host, int(port)))
    assert checked == {
        ("collector", "console", 14317),
        ("collector", "prometheus", 9090),
        ("collector", "jaeger", 4317),
        ("grafana", "prometheus", 9090),
        ("grafana", "jaeger", 16686),
        ("chat", "collector", 4317),
        ("users", "chat", 8000),
    }


def test_whoever_needs_another_service_starts_after_it_but_for_what_can_wait():
    for name, service in SERVICES.items():
        assert set(service.get("depends_on", [])) <= SERVICES.keys() - {name}


def test_every_variable_is_one_that_its_program_reads():
    settings = {config.variable(section, key) for section, key, _ in config.fields()}
    collectors = set(re.findall(r"\$\{env:(\w+)", "".join(path.read_text("utf-8") for path in configurations())))
    sources = (REPOSITORY / "dashboards/grafana/provisioning/datasources/socketscope.yaml").read_text("utf-8")
    read = {
        "console": settings,
        "collector": collectors,
        "grafana": {name for name, _, _ in VARIABLE.findall(sources)},
        "chat": set(re.findall(r"SOCKETSCOPE_\w+", Path(instrumentation.__file__).read_text("utf-8"))),
    }
    for name, service in SERVICES.items():
        ours = {variable for variable in service.get("environment", {}) if variable.startswith("SOCKETSCOPE_")}
        assert ours <= read.get(name, set()), name


def test_the_consoles_command_is_one_that_serve_takes():
    command = SERVICES["console"]["command"]
    assert command[0] == "serve"
    application = typer.Typer()
    application.command()(serve)
    given = typer.main.get_command(application).make_context("serve", command[1:]).params
    assert (given["host"], given["otlp_host"]) == ("0.0.0.0", "0.0.0.0")
    assert {given["otlp_grpc_port"], given["otlp_http_port"], 8300} == LISTENING["console"]
    assert config.OtlpOptions().grpc_port not in LISTENING["console"]


def test_the_chats_variables_are_those_of_the_demo():
    demo = one_chat.chat(Options()).environment
    said = SERVICES["chat"]["environment"]
    own = {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    assert {name: value for name, value in said.items() if name not in own} == {
        name: demo[name] for name in said if name not in own
    }


def test_all_python_modules_of_command_lines_are_there():
    users, chat = SERVICES["users"]["entrypoint"], SERVICES["chat"]["entrypoint"]
    for module in (users[users.index("-m") + 1], chat[2].partition(":")[0]):
        assert (REPOSITORY / "src" / f"{module.replace('.', '/')}.py").is_file()


def configurations():
    paths = [argument.removeprefix("--config=") for argument in SERVICES["collector"]["command"]]
    return [on_the_host(SERVICES["collector"], path) for path in paths]


def test_the_real_collector_takes_its_configurations_in_this_environment():
    otelcol = collector.find(os.environ)
    if otelcol is None:
        reason = "no Collector: set SOCKETSCOPE_OTELCOL or run scripts/tools otelcol"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    arguments = [f"--config={path}" for path in configurations()]
    ran = subprocess.run(
        [otelcol, "validate", *arguments],
        env=SERVICES["collector"]["environment"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_prometheus_finds_the_configuration_that_is_tested_elsewhere():
    [path] = [
        text.removeprefix("--config.file=") for text in SERVICES["prometheus"]["command"] if "config.file" in text
    ]
    assert on_the_host(SERVICES["prometheus"], path) == REPOSITORY / "collector-config/prometheus-server.yaml"
    assert "--web.enable-otlp-receiver" in SERVICES["prometheus"]["command"]


def test_grafana_finds_sources_and_the_board_for_the_names_that_this_prometheus_gives():
    grafana = SERVICES["grafana"]
    provider = yaml.safe_load(on_the_host(grafana, "/etc/grafana/provisioning/dashboards/socketscope.yaml").read_text())
    [folder] = [entry["options"]["path"] for entry in provider["providers"]]
    board = on_the_host(grafana, f"{folder}/overview.json")
    assert json.loads(board.read_text("utf-8"))["title"]
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{folder}/overview.json"
    server = yaml.safe_load((REPOSITORY / "collector-config/prometheus-server.yaml").read_text("utf-8"))
    assert board.parent.name == server["otlp"]["translation_strategy"]
    assert board.parent.name in STRATEGIES
    sources = yaml.safe_load(on_the_host(grafana, "/etc/grafana/provisioning/datasources/socketscope.yaml").read_text())
    assert {source["type"] for source in sources["datasources"]} == {"prometheus", "jaeger"}


def test_every_image_of_others_has_an_exact_version_the_one_that_is_tested_natively_where_there_is_one():
    images = [service["image"] for service in SERVICES.values() if "image" in service]
    bases = [image for image, _ in STAGES.values()]
    assert all(re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z]+)*", image) for image in [*images, *bases])
    tools = (REPOSITORY / "scripts/tools").read_text("utf-8")
    prometheus = re.search(r"^prometheus_version=0\.(\d)(\d+)\.(\d+)$", tools, re.MULTILINE)
    assert f"prom/prometheus:v{'.'.join(prometheus.groups())}" in images
    jaeger = re.search(r"^jaeger_version=(\S+)$", tools, re.MULTILINE)
    assert f"jaegertracing/all-in-one:{jaeger[1]}" in images
    assert f"otel/opentelemetry-collector-contrib:{collector.VERSION}" in bases


def test_every_target_is_a_stage_and_what_runs_is_not_root():
    targets = {service["build"]["target"] for service in SERVICES.values() if isinstance(service.get("build"), dict)}
    assert targets == {"collector"}
    for name in (*targets, ""):
        users = re.findall(r"^USER (\S+)$", STAGES[name][1], re.MULTILINE)
        assert users, name
        assert users[-1] not in ("root", "0")


def test_what_the_image_copies_is_in_the_repository_and_reaches_the_build():
    ignored = (REPOSITORY / ".dockerignore").read_text("utf-8").split()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for path in source.split():
            assert (REPOSITORY / path).exists(), path
            assert path not in ignored
    assert (REPOSITORY / "requirements.lock").is_file()
    versions = dict(re.findall(r"(uv)(?:==|_version=)(\S+)", (REPOSITORY / "scripts/lib.sh").read_text("utf-8")))
    assert f"uv=={versions['uv']}" in DOCKERFILE


def test_health_is_asked_of_addresses_that_answer_without_a_token():
    checks = {
        name: service["healthcheck"]["test"][-1] for name, service in SERVICES.items() if "healthcheck" in service
    }
    assert "http://127.0.0.1:8300/readyz" in checks["console"]
    assert "http://127.0.0.1:8000/" in checks["chat"]
    for check in checks.values():
        compile(check, "healthcheck", "exec")
