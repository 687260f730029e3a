import json
import os
from pathlib import Path

import httpx
import pytest

from service_process import ServiceProcess

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
SHOWN_NUMBERS = {
    "current_connections",
    "messages_sent",
    "messages_received",
    "errors",
    "bytes_sent",
    "bytes_received",
    "connections_accepted",
    "connections_denied",
    "connections_lost",
    "connections_failed",
    "peak_connections",
    "unique_users",
    "channels",
    "messages_per_second",
    "instances",
    "uptime",
}


def numbers_of(values):
    return {key: json.loads(values[key]) for key in SHOWN_NUMBERS}


def system_numbers_of(values):
    return {key: json.loads(values[key]) for key in ("cpu_usage", "memory_usage", "active_threads")}


def answer_shown(service, values):
    """Ask the API for the very answer that the page shows."""
    answer = httpx.get(f"{service.url}/monitoring/websocket/metrics", params={"at": values["shown"]}).json()
    assert answer["timestamp"] == values["shown"]
    return answer


def assert_the_page_shows_the_answer(service, values):
    answer = answer_shown(service, values)
    assert numbers_of(values) == {key: answer[key] for key in SHOWN_NUMBERS}
    shown = system_numbers_of(values)
    assert shown == {key: answer["system_metrics"][key] for key in shown}


def populate(source, *, connections=5):
    for index in range(connections):
        source.connect(f"{index:016x}", f"room-{index % 2}", f"user-{index % 3}")
    source.talk(received=10 * connections, sent=100 * connections)
    source.flush()


def test_the_numbers_on_the_page_are_those_of_the_api_at_the_same_moment(service, source_of, open_page):
    source = source_of(service)
    populate(source)
    page = open_page(service.url)
    values = page.wait(lambda values: values.get("current_connections") == "5")
    seen = set()
    while len(seen) < 5:  # five answers, while the numbers change
        source.talk(received=1, sent=7)
        if len(seen) == 2:
            source.fail()
        values = page.wait(lambda values: values.get("shown") not in seen and values.get("cpu_usage") != "null")
        assert_the_page_shows_the_answer(service, values)
        seen.add(values["shown"])
    values = page.wait(lambda values: values["errors"] == "1" and values["messages_received"] == "55")
    assert_the_page_shows_the_answer(service, values)
    assert page.wait_for_status("live")
    assert page.errors == []
    assert page.foreign == []


def test_a_page_without_data_shows_no_number_at_all(service, open_page):
    page = open_page(service.url)
    values = page.wait(lambda values: "shown" in values)
    assert {values[key] for key in SHOWN_NUMBERS & set(values) - {"instances"}} == {"null"}
    assert answer_shown(service, values)["age"] is None
    assert values["age"] == "null"


def test_the_page_says_stale_when_the_services_stop_sending(service, source_of, open_page):
    source = source_of(service)
    populate(source)
    page = open_page(service.url)
    page.wait_for_status("live")
    page.wait(lambda values: int(values["chart"]) > 5)  # several reports: the interval is known
    source.close()
    values = page.wait_for_status("stale")
    assert float(values["age"]) >= 5
    assert page.page.get_by_test_id("stale_note").is_visible()
    assert values["messages_received"] == "50"  # what was counted is still so
    assert values["current_connections"] == "null"  # what is open is not known


def test_a_killed_service_is_told_and_after_a_restart_the_page_is_live_again(service, source_of, open_page, tmp_path):
    source = source_of(service)
    populate(source)
    page = open_page(service.url)
    page.wait_for_status("live")
    service.process.kill()
    service.process.wait()
    values = page.wait_for_status("unreachable", "stale")
    assert values["messages_received"] == "50"  # the last that was known, and said to be old
    assert page.page.get_by_test_id("stale_note").is_visible()
    with ServiceProcess(
        "--data", tmp_path / "store", port=service.port, grpc_port=service.grpc_port, http_port=service.http_port
    ) as again:
        source.talk(received=1)
        source.flush()
        values = page.wait(lambda values: values["status"] == "live" and values["messages_received"] == "51")
        assert_the_page_shows_the_answer(again, values)
        source.close()


def test_a_reload_keeps_the_history_of_the_chart(service, source_of, open_page):
    populate(source_of(service))
    page = open_page(service.url)
    before = page.wait(lambda values: int(values.get("chart", 0)) > 8)
    first = first_point(page)
    page.page.reload()
    after = page.wait(lambda values: values.get("shown", "") > before["shown"] and values["chart"] != "0")
    step = httpx.get(f"{service.url}/monitoring/websocket/history").json()["step"]
    assert first_point(page) <= first + step
    assert int(after["chart"]) >= int(before["chart"]) // step


def first_point(page):
    return float(page.page.get_by_test_id("chart").get_attribute("data-first"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_has_no_fault_that_axe_knows(service, source_of, open_page, scheme):
    if not AXE.is_file():
        assert os.environ.get("CI") != "true"
        pytest.skip("axe-core is not installed: run `npm ci` in ui/")
    populate(source_of(service))
    page = open_page(service.url)
    page.page.emulate_media(color_scheme=scheme)
    page.wait_for_status("live")
    page.wait(lambda values: int(values["chart"]) > 0)
    page.page.evaluate(AXE.read_text())
    found = page.page.evaluate("() => axe.run(document)")
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]] == []
