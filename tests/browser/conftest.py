import shutil
import time

import pytest
from playwright.sync_api import sync_playwright

from otlp_source import Source
from real_program import lacking
from service_process import ServiceProcess
from socketscope.console.static import PAGE

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# Not for the whole session: while Playwright is there, its event loop runs in the thread of all other tests.
@pytest.fixture(scope="module")
def browser():
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        lacking(f"no browser on PATH (one of {', '.join(BROWSERS)}): apt-get install chromium")
    if not (PAGE / "index.html").is_file():
        lacking("the page is not built: run `make page`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


class Page:
    """The console's page: its numbers by `data-testid`, and what went wrong in it."""

    def __init__(self, page, url):
        self.page = page
        self.errors = []
        self.foreign = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(url) else self.foreign.append(request.url))
        page.goto(url)

    def values(self):
        """Every `data-value` by `data-testid`, read in one go: all are of the same answer."""
        return self.page.evaluate(
            "() => Object.fromEntries([...document.querySelectorAll('[data-testid][data-value]')]"
            ".map(element => [element.dataset.testid, element.dataset.value]))"
        )

    def wait(self, condition, *, seconds=60):
        """Wait until `condition` holds for `values()`, and return them."""
        end = time.monotonic() + seconds
        while not condition(values := self.values()):
            assert time.monotonic() < end, f"never in {seconds} s: {values}"
            self.page.wait_for_timeout(50)
        return values

    def wait_for_status(self, *kinds):
        return self.wait(lambda values: values.get("status") in kinds)


@pytest.fixture
def open_page(browser):
    contexts = []

    def open_page(url):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 1000}))
        return Page(contexts[-1].new_page(), url)

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def service(tmp_path):
    with ServiceProcess("--data", tmp_path / "store") as service:
        yield service


@pytest.fixture
def source_of():
    sources = []

    def make(service, name="a"):
        sources.append(Source(service.grpc, name))
        return sources[-1]

    yield make
    for source in sources:
        source.close()
