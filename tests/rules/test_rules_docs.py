"""The files and commands of docs/rules.md work as they stand."""

import re
import subprocess
import sys
from pathlib import Path

from socketscope.rules.form import QueryForm, RatioForm, RawForm, RuleForm
from socketscope.rules.load import PACK, load_rules

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_files_are_right_and_the_commands_succeed(tmp_path):
    for language, text in BLOCKS:
        if language == "yaml":
            (tmp_path / text.split("\n", 1)[0].removeprefix("# ")).write_text(text, "utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"rules.yaml", "rules_test.yaml"}
    commands = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
    assert len(commands) == 5
    for command in commands:
        program, *arguments = command.split()
        assert program == "socketscope"
        ran = subprocess.run(
            [sys.executable, "-m", "socketscope", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_rule_of_the_pack_is_on_the_page_and_has_its_runbook():
    rules = load_rules()
    assert len(rules) == 14
    for rule in rules:
        page = ROOT / rule.runbook
        assert page.read_text("utf-8").startswith(f"# {rule.name}: ")
        assert f"[{rule.name}](runbooks/{page.name})" in PAGE
        assert rule.summary
        assert rule.labels["family"]
    assert {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} == {
        "backend-unreachable",  # of the alert that the service has of its own
        *(Path(rule.runbook).stem for rule in rules),
    }


def test_every_key_of_the_format_is_on_the_page():
    for form in (RuleForm, QueryForm, RatioForm, RawForm):
        for name, field in form.model_fields.items():
            assert f"`{field.alias or name}" in PAGE, name


def test_the_pack_is_in_the_package():
    assert {path.name for path in PACK} == {"connections.yaml", "hub.yaml", "messages.yaml", "service.yaml"}
