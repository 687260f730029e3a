import importlib
import pkgutil
import subprocess
import sys

import pytest

import socketscope
from socketscope import errors

WITH_ALL = [
    name for _, name, _ in pkgutil.walk_packages(socketscope.__path__, "socketscope.") if not name.endswith("__main__")
]


@pytest.mark.parametrize("name", ["socketscope", *WITH_ALL])
def test_what_a_module_says_it_exports_is_there(name):
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", [])
    assert exported == sorted(exported)
    for member in exported:
        assert getattr(module, member) is not None


def test_every_error_is_exported_documented_and_has_one_root():
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.SocketscopeError)
    }
    assert found == set(errors.__all__)
    for name in found:
        assert name in errors.__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = socketscope.nothing_of_this_name


def test_importing_socketscope_imports_no_extra():
    code = "import sys, socketscope; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert not loaded & {
        "fastapi",
        "uvicorn",
        "duckdb",
        "grpc",
        "pydantic",
        "typer",
        "starlette",
        "psutil",
        "opentelemetry",
    }
