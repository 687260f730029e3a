"""A report as people see it: the page and the mail, light, dark, on paper and on a telephone, in both languages."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from notify.smtp_server import PASSWORD, USER, Box, mailer, serving
from reports.samples import MONDAY, good, hostile, of_nothing, with_a_gap
from service_process import ServiceProcess
from socketscope.reports.daily import notification as letter
from socketscope.reports.form.compose import Edition
from socketscope.reports.form.forms import Forms
from socketscope.state.state import State

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = Path(__file__).parents[2] / ".artifacts" / "screenshots"
LINK = "https://console.example/reports/2026-11-23.html"
DESK, TELEPHONE = 1024, 375
SAMPLES = {"good": good, "gap": with_a_gap, "nothing": of_nothing, "hostile": hostile}


@pytest.fixture
def show(browser, tmp_path):
    """Open a page from a file, as whoever was sent one does; what it asks for and complains of is kept."""
    contexts = []

    def show(text, *, scheme="light", width=DESK, images=()):
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        for name, content in images:
            (tmp_path / name).write_bytes(content)
        contexts.append(browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(file.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()


def keep(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"report-{name}.png", full_page=True)


def contrast_and_names(page):
    """What axe finds wrong, at the levels of WCAG 2.1 AA."""
    # A page without scripts lets none in but a debugger's.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})")
    return [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESK, TELEPHONE])
@pytest.mark.parametrize("sample", SAMPLES)
def test_the_page_is_whole_fits_and_asks_for_nothing(show, sample, scheme, width):
    page = show(Forms(SAMPLES[sample](), Edition(link=LINK)).form("html"), scheme=scheme, width=width)
    assert page.complaints == []
    assert [url for url in page.asked if not url.endswith("report.html")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    charts = page.locator("figure svg")
    visible = [chart for chart in charts.all() if chart.is_visible()]
    assert len(visible) == (0 if sample == "nothing" else 2)
    assert all(chart.bounding_box()["width"] > width * 0.6 for chart in visible)
    keep(page, f"{sample}-{scheme}-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sample", ["good", "gap", "nothing"])
def test_everybody_can_read_it(show, sample, scheme):
    page = show(Forms(SAMPLES[sample](), Edition(due_at=0, link=LINK)).form("html"), scheme=scheme)
    assert contrast_and_names(page) == []


def test_on_paper_it_is_light_whatever_the_screen_is_and_nothing_is_cut_off(show):
    page = show(Forms(with_a_gap(), Edition(link=LINK)).form("html"), scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    keep(page, "gap-print")
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 6


def test_a_footnote_leads_to_how_the_figure_was_made(show):
    page = show(Forms(good(), Edition()).form("html"))
    page.locator(".card sup a").first.click()
    assert page.locator("li:target").inner_text().startswith("events of connections: one event for each handshake")


def test_it_is_in_spanish_where_that_is_asked_for(show):
    page = show(Forms(with_a_gap(), Edition(language="es", link=LINK)).form("html"), width=TELEPHONE)
    text = page.locator("body").inner_text()
    assert "lunes, 23 de noviembre de 2026" in text
    assert "al menos 18.432" in text
    assert page.evaluate("document.documentElement.lang") == "es"
    keep(page, "gap-spanish-375")


def test_the_console_leads_to_it_and_shows_it_as_the_file_does_and_its_sandbox_cuts_nothing_off(browser, tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    state.reports.expect(MONDAY, due_at=0)
    state.reports.made(MONDAY, Forms(good(), Edition(link=LINK)).kept(), now=time.time())
    state.close()
    config = tmp_path / "socketscope.yaml"
    settings = {"state": {"file": str(tmp_path / "state.sqlite")}, "reports": {"enabled": False}}
    config.write_text(yaml.safe_dump(settings))
    with ServiceProcess("--memory", "--config", config) as service:
        context = browser.new_context(color_scheme="dark", viewport={"width": DESK, "height": 900})
        page = context.new_page()
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(service.url)
        page.get_by_role("link", name="Page, Mon, 23 Nov 2026").click()
        page.wait_for_url(f"{service.url}/reports/{MONDAY}.html")
        assert complaints == []
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 27)"
        assert page.locator(".card .value").first.inner_text() == "18,432"
        assert page.locator("figure svg").first.bounding_box()["width"] > DESK * 0.6
        context.close()


def received(report, authority, ca_file, **edition):
    """Send a report by a real mail server, over TLS and with a login; the mail that arrives."""
    box = Box()
    with serving(box, authority=authority, login=True) as controller:
        sender = mailer(controller, security="starttls", ca_file=ca_file, username=USER, password=PASSWORD)
        told = letter(Forms(report, Edition(link=LINK, **edition)), link=LINK)
        # In a thread of its own: in this one Playwright's event loop runs.
        with ThreadPoolExecutor() as threads:
            receipt = threads.submit(asyncio.run, sender.send(told)).result(timeout=60)
    assert receipt.delivered, receipt
    [(_, mail)] = box.mails
    return mail


def parts(mail):
    """The page of a mail, with each `cid:` as the file of that picture, and the pictures."""
    page = mail.get_body(("related", "html"))
    html, *images = page.iter_parts() if page.is_multipart() else [page]
    text = html.get_content()
    found = []
    for number, image in enumerate(images):
        assert image.get_content_type() == "image/png"
        name = f"image-{number}.png"
        text = text.replace(f"cid:{image['Content-ID'].strip('<>')}", name)
        found.append((name, image.get_content()))
    assert "cid:" not in text
    return text, found


@pytest.mark.parametrize("width", [DESK, TELEPHONE])
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_mail_that_was_received_shows_its_pictures(show, authority, ca_file, sample, width):
    mail = received(SAMPLES[sample](), authority, ca_file)
    text, images = parts(mail)
    page = show(text, width=width, images=images)
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.evaluate("[...document.images].map(one => [one.complete, one.naturalWidth, one.alt.length > 20])")
    assert len(shown) == (0 if sample == "nothing" else 2)
    assert all(complete and natural > 600 and named for complete, natural, named in shown)
    assert page.evaluate("document.querySelectorAll('script, style, link').length") == 0
    keep(page, f"mail-{sample}-{width}")


def test_a_mail_program_without_html_shows_the_same(authority, ca_file):
    mail = received(with_a_gap(), authority, ca_file)
    text = mail.get_body(("plain",)).get_content()
    assert "at least 18,432" in text
    assert "80.9%" in text
    assert LINK in text
