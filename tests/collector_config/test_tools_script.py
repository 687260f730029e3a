import shutil
import subprocess
from pathlib import Path

import pytest

from socketscope.demo.stack.collector import VERSION

SCRIPT = Path(__file__).parents[2] / "scripts" / "tools"


def tools(*arguments, **environment):
    kept = {"PATH": "/usr/bin:/bin"} | environment
    return subprocess.run([SCRIPT, *arguments], env=kept, capture_output=True, text=True, check=False, timeout=60)


def test_what_is_already_built_is_left_alone_and_its_path_printed(tmp_path):
    built = tmp_path / f"otelcol-{VERSION}" / "otelcol"
    built.parent.mkdir()
    built.write_text("#!/bin/sh\n", encoding="utf-8")
    built.chmod(0o755)
    shutil.copy(SCRIPT.parents[1] / "collector-config" / "builder.yaml", built.parent)  # what it was built from
    answer = tools("otelcol", SOCKETSCOPE_TOOLS=str(tmp_path))
    assert (answer.returncode, answer.stdout) == (0, f"{built}\n")


@pytest.mark.skipif(Path("/usr/bin/go").exists(), reason="Go is where the system keeps its programs")
def test_without_go_it_says_what_to_do_and_leaves_nothing_behind(tmp_path):
    answer = tools("otelcol", SOCKETSCOPE_TOOLS=str(tmp_path / "tools"))
    assert answer.returncode == 1
    assert "there is no 'go' on the PATH" in answer.stderr
    assert not (tmp_path / "tools").exists()


@pytest.mark.parametrize("arguments", [["gcc"], ["gcc", "otelcol"]])
def test_it_says_which_tools_there_are(arguments):
    answer = tools(*arguments)
    assert answer.returncode == 2
    assert "otelcol" in answer.stderr
