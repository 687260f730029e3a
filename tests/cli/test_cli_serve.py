import socket

import pytest


@pytest.fixture
def serve(socketscope, tmp_path):
    def run(*options):
        return socketscope("serve", "--otlp-grpc-port=0", "--otlp-http-port=0", *options, cwd=tmp_path)

    return run


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("option", ["--port", "--otlp-grpc-port", "--otlp-http-port"])
def test_a_port_in_use_is_one_line_that_names_the_option(serve, taken, option):
    ran = serve("--port=0", f"{option}={taken}", "--memory")
    assert ran.returncode == 2
    assert ran.stderr == (
        f"127.0.0.1:{taken} is in use by another program: stop it, or choose another port with {option}.\n"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com", "::"])
@pytest.mark.parametrize("section", ["console", "otlp"])
def test_an_address_that_others_can_reach_is_refused_without_a_token(serve, host, section):
    option = {"console": "--host", "otlp": "--otlp-host"}[section]
    ran = serve(f"{option}={host}", "--memory")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        f"{section}.token (SOCKETSCOPE_{section.upper()}_TOKEN)=None can't be used: expected a token, as other"
        f" machines reach {host}: make one with `openssl rand -hex 32`.\n"
    )
    assert len(ran.stderr.splitlines()) == 1


def test_a_data_directory_that_cannot_be_made_is_named(serve, tmp_path):
    (tmp_path / "file").write_text("")
    ran = serve("--port=0", "--data", tmp_path / "file" / "data")
    assert ran.returncode == 2
    assert ran.stderr.startswith("--data=")


def test_data_and_memory_exclude_each_other(serve, tmp_path):
    ran = serve("--memory", "--data", tmp_path)
    assert ran.returncode == 2
    assert "either --data or --memory" in ran.stderr


def test_mistakes_of_the_file_in_the_working_directory_are_all_named(serve, tmp_path):
    (tmp_path / "socketscope.yaml").write_text("console: {port: high, prot: 1}\nstores: {}\n")
    ran = serve("--memory")
    assert ran.returncode == 2
    assert ran.stdout == ""
    complaints = ran.stderr.splitlines()
    assert len(complaints) == 3
    assert all(complaint.startswith("socketscope.yaml: ") for complaint in complaints)
