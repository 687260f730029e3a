import re
from pathlib import Path

import pytest

from socketscope.alerting import Alerting
from socketscope.alerts import unreachable
from socketscope.alerts.options import AlertOptions
from socketscope.config import load
from socketscope.console.app import create_alerts_app
from socketscope.console.options import ConsoleOptions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "alerts.md").read_text("utf-8")


def test_the_configuration_on_the_page_is_one_that_can_be_used(tmp_path, monkeypatch):
    (tmp_path / "socketscope.yaml").write_text(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL).group(1))
    (tmp_path / "rules.yaml").write_text(
        "rules: [{alert: Own, query: {metric: websocket.server.active_connections}, above: 1}]"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAGERDUTY_KEY", "0" * 32)
    found = Alerting.of(load())
    assert set(found.notifiers) == {"pager", "ops-mail", "alive"}
    assert {"Own", "ManyConnections"} <= {rule.name for rule in found.rules}


def test_the_configuration_of_alerts_alone_on_the_page_is_one_that_can_be_used(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("0123456789abcdef\n")
    lines = re.search(r"\n((?:    (?:backend|console|state): .*\n)+)", PAGE).group(1)
    (tmp_path / "socketscope.yaml").write_text(
        re.sub("^    ", "", lines, flags=re.MULTILINE).replace("/run/secrets/console-token", str(tmp_path / "token"))
    )
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert (settings.backend.kind, settings.console.port) == ("remote", 8301)


@pytest.mark.parametrize("key", sorted(set(AlertOptions.model_fields) - {"pack", "disabled"}))
def test_every_setting_of_alerts_is_explained(key):
    assert re.search(rf"\b{key}\b", PAGE)


def test_every_route_is_on_the_page():
    for path, route in create_alerts_app(None, ConsoleOptions()).openapi()["paths"].items():
        if path.startswith(("/alerts", "/silences", "/notifications")):
            shown = re.sub(r"\{\w+\}", "ID", path)
            assert all(f"`{method.upper()} {shown}`" in PAGE for method in route), path


def test_the_services_own_alert_has_its_runbook():
    rule = unreachable.rule("remote", after=60, interval=15)
    assert (ROOT / rule.runbook).read_text("utf-8").startswith(f"# {rule.name}: ")
