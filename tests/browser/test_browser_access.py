import os

import httpx
import pytest
from test_browser_page import AXE, populate

from service_process import ServiceProcess

TOKEN = "open-sesame-" * 3


@pytest.fixture
def service():
    with ServiceProcess("--memory", "--host=0.0.0.0", environment={"SOCKETSCOPE_CONSOLE_TOKEN": TOKEN}) as service:
        service.url = f"http://127.0.0.1:{service.port}"
        yield service


def fill(page, token):
    page.page.get_by_label("Token of this console").fill(token)
    page.page.get_by_role("button", name="Sign in").click()


def signed_in(page):
    page.page.get_by_test_id("status").wait_for()  # it starts anew, and scripts of the old one are cut short
    return page.wait(lambda values: values.get("status") == "live" and values.get("current_connections") == "5")


def test_the_page_asks_for_the_token_and_works_with_it(service, source_of, open_page):
    populate(source_of(service))
    page = open_page(service.url)
    page.page.get_by_test_id("sign_in").wait_for()
    assert page.values() == {}
    fill(page, "not the token")
    page.page.get_by_text("This is not the token of this console").wait_for()
    fill(page, TOKEN)
    signed_in(page)
    page.page.reload()
    signed_in(page)
    assert page.page.get_by_test_id("sign_in").count() == 0
    # What Chromium writes for each answer of 401, and nothing else.
    assert [error for error in page.errors if "401" not in error and "HTTP Authentication failed" not in error] == []
    assert page.foreign == []


def test_no_script_of_the_page_can_read_the_session(service, source_of, open_page):
    populate(source_of(service))
    page = open_page(service.url)
    fill(page, TOKEN)
    signed_in(page)
    assert page.page.evaluate("document.cookie") == ""
    assert page.page.evaluate("JSON.stringify([localStorage, sessionStorage])") == "[{},{}]"
    [cookie] = page.page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert TOKEN not in cookie["value"]


def test_who_signs_out_is_asked_again(service, source_of, open_page):
    populate(source_of(service))
    page = open_page(service.url)
    fill(page, TOKEN)
    signed_in(page)
    page.page.get_by_role("button", name="Sign out").click()
    page.page.get_by_test_id("sign_in").wait_for()
    assert page.page.context.cookies() == []


def test_a_page_that_is_open_asks_when_the_token_has_changed(service, source_of, open_page):
    populate(source_of(service))
    page = open_page(service.url)
    fill(page, TOKEN)
    signed_in(page)
    port = service.port
    service.stop()
    environment = {"SOCKETSCOPE_CONSOLE_TOKEN": TOKEN[::-1]}
    with ServiceProcess("--memory", "--host=0.0.0.0", port=port, environment=environment):
        page.page.get_by_test_id("sign_in").wait_for(timeout=60_000)


def test_without_a_token_there_is_nothing_to_sign_out_of(open_page):
    with ServiceProcess("--memory") as service:
        page = open_page(service.url)
        page.wait(lambda values: "shown" in values)
        assert httpx.get(f"{service.url}/session").json() == {"token_needed": False}
        assert page.page.get_by_test_id("sign_out").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_has_no_fault_that_axe_knows(service, open_page, scheme):
    if not AXE.is_file():
        assert os.environ.get("CI") != "true"
        pytest.skip("axe-core is not installed: run `npm ci` in ui/")
    page = open_page(service.url)
    page.page.emulate_media(color_scheme=scheme)
    fill(page, "not the token")
    page.page.get_by_text("This is not the token of this console").wait_for()
    page.page.evaluate(AXE.read_text())
    found = page.page.evaluate("() => axe.run(document)")
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]] == []
    if folder := os.environ.get("SOCKETSCOPE_SCREENSHOTS"):
        page.page.screenshot(path=f"{folder}/sign-in-{scheme}.png")
