import json
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from socketscope.backends.links import PLACEHOLDER, LinkOptions, Period, traceql

TRACE, CONNECTION = "0af7651916cd43dd8448eb211c80319c", "0123456789abcdef"
PERIOD = Period(1000.5, 2000)
ALL = LinkOptions(
    jaeger_url="http://jaeger:16686/",
    grafana_url="https://grafana/g",
    grafana_datasource="uid",
    datadog_site="datadoghq.eu",
)


def panes(link):
    address = urlsplit(link)
    query = parse_qs(address.query, strict_parsing=True)
    assert (address.path, query["schemaVersion"], query["orgId"]) == ("/g/explore", ["1"], ["1"])
    return json.loads(query["panes"][0])["connection"]


def test_a_trace_is_shown_by_each_tool_that_is_set():
    links = ALL.traces(TRACE)
    assert links["jaeger"] == f"http://jaeger:16686/trace/{TRACE}"
    assert links["datadog"] == f"https://app.datadoghq.eu/apm/trace/{TRACE}"
    [query] = panes(links["grafana"])["queries"]
    assert query == {
        "refId": "A",
        "datasource": {"type": "tempo", "uid": "uid"},
        "queryType": "traceql",
        "query": TRACE,
    }
    assert ALL.trace(TRACE) == links["jaeger"]


def test_a_connection_is_searched_for_by_each_tool_that_is_set():
    links = ALL.connection(CONNECTION, PERIOD, service="chat & co")
    assert parse_qs(urlsplit(links["jaeger"]).query) == {
        "service": ["chat & co"],
        "tags": [f'{{"websocket.connection.id":"{CONNECTION}"}}'],
        "lookback": ["custom"],
        "start": ["1000500000"],
        "end": ["2000000000"],
    }
    pane = panes(links["grafana"])
    assert pane["queries"][0]["query"] == f'{{ span.websocket.connection.id = "{CONNECTION}" }}'
    assert pane["range"] == {"from": "1000500", "to": "2000000"}
    assert parse_qs(urlsplit(links["datadog"]).query) == {
        "query": [f"@websocket.connection.id:{CONNECTION}"],
        "start": ["1000500"],
        "end": ["2000000"],
        "paused": ["true"],
    }
    assert "jaeger" not in ALL.connection(CONNECTION, PERIOD), "Jaeger searches in one service"


def test_nothing_is_linked_to_where_nothing_is_set():
    assert LinkOptions().trace(TRACE) is None
    assert LinkOptions().connection(CONNECTION, PERIOD, service="chat") == {}


@pytest.mark.parametrize(
    ("site", "page"),
    [
        ("datadoghq.com", "app.datadoghq.com"),
        ("us5.datadoghq.com", "us5.datadoghq.com"),
        ("ddog-gov.com", "app.ddog-gov.com"),
    ],
)
def test_datadogs_page_is_where_its_site_has_it(site, page):
    assert urlsplit(LinkOptions(datadog_site=site).trace(TRACE)).netloc == page


def test_the_placeholder_goes_through_every_link_unchanged():
    for of_template, link in zip(ALL.traces(PLACEHOLDER).values(), ALL.traces(TRACE).values(), strict=True):
        assert of_template.replace(PLACEHOLDER, TRACE) == link


def test_a_quote_in_a_services_name_ends_no_text_of_a_query():
    assert traceql(CONNECTION, service='a"b') == (
        f'{{ span.websocket.connection.id = "{CONNECTION}" && resource.service.name = "a\\"b" }}'
    )


@pytest.mark.parametrize(
    "wrong", [{"jaeger_url": "jaeger:16686"}, {"grafana_url": "javascript:alert(1)"}, {"datadog_site": "a/b"}]
)
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(ValidationError):
        LinkOptions(**wrong)
