"""Programs in other languages that send known telemetry, each built once into a cache outside the checkout."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from socketscope.demo.stack.collector import tools

SOURCES = Path(__file__).parent


def required(program, what):
    """Find a program; skips where a developer lacks it, fails in CI."""
    found = shutil.which(program)
    if found is None:
        reason = f"no {program}: it is needed for {what}"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    return found


def built(language, build):
    """Give the folder in which `build(folder)` has run once for the sources as they are now."""
    sources = SOURCES / language
    files = sorted(path for path in sources.iterdir() if path.is_file())
    digest = hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:16]
    target = tools(os.environ).parent / "peers" / f"{language}-{digest}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{language}.") as temporary:
            folder = Path(temporary) / "whole"
            folder.mkdir()
            for path in files:
                shutil.copy(path, folder)
            build(folder)
            folder.rename(target)  # so that nobody ever finds half of it
    return target


def run(command, **options):
    """Run to the end; a failure shows what the program said."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, **options)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran


def node_peer():
    """The command of the peer on OpenTelemetry's SDK for Node."""
    node, npm = required("node", "the peer in JavaScript"), required("npm", "the peer in JavaScript")
    folder = built("node", lambda folder: run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder))
    return [node, str(folder / "send.mjs")]


def go_peer():
    """The command of the peer on OpenTelemetry's SDK for Go."""
    go = required("go", "the peer in Go")
    environment = os.environ | {"GOTOOLCHAIN": os.environ.get("GOTOOLCHAIN", "local")}
    build = [go, "build", "-trimpath", "-o", "send", "."]
    folder = built("go", lambda folder: run(build, cwd=folder, env=environment))
    return [str(folder / "send")]
