import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def generate(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("generate", ROOT / "scripts" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def test_the_generated_files_are_what_the_code_says():
    ran = subprocess.run(
        [sys.executable, "scripts/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_a_file_that_differs_or_is_missing_is_named_and_fails(generate, capsys):
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (generate.ROOT / "docs" / "metrics.md").write_text("something else")
    shutil.rmtree(generate.ROOT / "ui")
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    complaints = capsys.readouterr().out.splitlines()
    assert [complaint.split()[0] for complaint in complaints] == ["docs/metrics.md", "ui/openapi.json"]


def test_an_unknown_argument_changes_nothing(generate):
    assert generate.main(["--chekc"]) == 2
    assert not list(generate.ROOT.iterdir())


def test_every_metric_attribute_and_event_is_in_the_page(generate):
    page = generate.metrics_page()
    for thing in (*generate.semconv.METRICS, *generate.semconv.EVENTS, *generate.all_attributes()):
        assert f"`{thing.name}`" in page
        assert thing.description.replace("|", "\\|") in page


def test_every_setting_is_in_the_page(generate):
    page = generate.configuration_page()
    for section, key, _ in generate.config.fields():
        assert f"`{section}.{key}`" in page
