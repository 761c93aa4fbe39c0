"""A line for each decision on the terminal of a demo."""

import logging

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow

from harness import Stage, bearer, request, wait_for
from hublet_router.proxy.observe import decision_lines
from hublet_router.proxy.observe.decision_lines import DecisionLines

LOGGER = decision_lines.__name__


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


@pytest.fixture
def demo(stage: Stage, taken: int, caplog: pytest.LogCaptureFixture) -> Stage:
    """A demo that serves eu1 at a free port, because another program has taken the table's."""
    caplog.set_level(logging.INFO)
    stage.upstream("eu1", port=0)
    stage.table(stage.table_text().replace(f":{stage.upstreams['eu1'].port}", f":{taken}"))
    stage.proxy(hublet_demo=True)
    return stage


def test_each_decision_of_a_demo_is_a_line(demo: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with demo.client() as client:
        assert client.get("/crm/v3?hapikey=eu1-0000-secret").status == 200
        assert client.get("/crm/v3", bearer("zz9")).status == 421
        assert client.send(request("GET", "/a", host="elsewhere.example")).status == 421
    wait_for(lambda: len(lines(caplog)) == 3)
    assert lines(caplog) == [
        "GET http://api.hubapi.com/crm/v3?hapikey=***: eu1 ← api-key, 200",
        "GET https://api.hubapi.com/crm/v3: refused: unknown-hublet (private-app-token), 421",
        "GET https://elsewhere.example/***: refused: foreign-host, 421",
    ]
    assert demo.arrivals() == {"eu1": 0}


def test_a_demo_is_at_another_port_where_the_tables_is_taken(
    demo: Stage, taken: int, caplog: pytest.LogCaptureFixture
) -> None:
    table = demo.router.live.table
    assert table
    port = table.hublets["eu1"].port
    assert port != taken
    moved = f"http://127.0.0.1:{taken} is taken; the demo serves eu1 at port {port}"
    said = [record.getMessage() for record in caplog.get_records("setup")]
    assert moved in said
    assert f"eu1 at http://127.0.0.1:{port}" in said[said.index(moved) + 1]
    demo.command("hublet.reload")
    assert demo.router.live.table == table


def test_without_a_demo_there_is_none(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage.regions("eu1")
    stage.proxy()
    assert stage.get("/", bearer("eu1")).status == 200
    assert stage.seen.flows
    assert lines(caplog) == []


def test_a_person_who_looks_at_the_list_needs_none(
    demo: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    demo.master.view = None  # type: ignore[attr-defined]  # as the console and mitmweb have it
    with demo.client() as client:
        assert client.get("/", bearer("eu1")).status == 200
    assert demo.seen.flows
    assert lines(caplog) == []


def test_a_flow_without_a_decision_has_none(demo: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def end(flow: HTTPFlow) -> None:
        DecisionLines(demo.router.ledger).response(flow)

    demo.call(end(tflow.tflow(resp=True)))
    assert lines(caplog) == []
