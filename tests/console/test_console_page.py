import pytest


@pytest.fixture
def page(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>built</title>")
    (tmp_path / "favicon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-BqZx.js").write_text("export {}")
    (tmp_path.parent / "secret.txt").write_text("secret")
    return tmp_path


def test_without_a_built_page_it_is_said_how_to_build_it(client):
    answer = client.get("/")
    assert answer.status_code == 503
    assert "make page" in answer.text


def test_a_page_that_is_built_later_needs_no_restart(client, tmp_path):
    assert client.get("/").status_code == 503
    (tmp_path / "index.html").write_text("built")
    assert client.get("/").text == "built"


def test_the_page_is_asked_for_again_and_its_hashed_files_are_not(client, page):
    answer = client.get("/")
    assert "built" in answer.text
    assert answer.headers["cache-control"] == "no-cache"
    assert client.get("/", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert "immutable" in client.get("/assets/index-BqZx.js").headers["cache-control"]
    assert client.get("/favicon.svg").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/assets/other.js", "/../secret.txt", "/%2e%2e/secret.txt", "/assets/%00"])
def test_a_file_that_is_not_of_the_page_is_not_found(client, page, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "immutable" not in answer.headers["cache-control"]


def test_every_answer_has_the_security_headers(client, page):
    for path in ("/", "/monitoring/websocket/metrics", "/nothing", "/healthz", "/monitoring/websocket/stats/0"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/monitoring/websocket/metrics").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:8300", "", "localhost.evil"])
def test_a_host_that_is_not_this_machine_is_refused(client, host):
    answer = client.get("/monitoring/websocket/metrics", headers={"host": host})
    assert answer.status_code == 400
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8300", "localhost:8300", "[::1]:8300", "LOCALHOST"])
def test_names_of_this_machine_are_served(client, host):
    assert client.get("/monitoring/websocket/metrics", headers={"host": host}).status_code == 200
