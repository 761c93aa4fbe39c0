"""The traffic of the console and mitmweb: real requests, where they are asked for."""

from pathlib import Path

from flows.record import SHIPPED
from harness import Stage, wait_for
from hublet_router.demo.traffic import Traffic
from hublet_router.tablefile import load
from ui import demo_table


def test_each_example_goes_through_the_port_to_a_demo_hublet(stage: Stage) -> None:
    demo_table(stage.folder)
    stage.proxy(beside=[Traffic()], hublet_demo=True)
    examples = load(SHIPPED).examples
    wait_for(lambda: len(stage.seen.flows) == len(examples))
    for flow, example in zip(stage.seen.flows, examples, strict=True):
        assert flow.client_conn.sockname == ("127.0.0.1", stage.port)
        assert flow.request.method == example.request.method
        assert flow.request.path == example.request.target
        assert flow.response
        seen = flow.response.json()
        assert (seen.get("hublet"), seen.get("reason")) == (example.hublet, example.refused)
        assert not flow.is_replay


def test_nothing_is_sent_without_demo_hublets(stage: Stage) -> None:
    (upstream,) = stage.regions("na1")
    traffic = Traffic()
    stage.proxy(beside=[traffic])
    assert traffic.sending is None
    stage.get()
    assert [flow.client_conn.sockname for flow in stage.seen.flows] == [("127.0.0.1", stage.port)]
    assert len(upstream.requests) == 1


def test_it_ends_with_the_proxy(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        demo_table(tmp_path)
        traffic = Traffic()
        stage.proxy(beside=[traffic], hublet_demo=True)
    assert traffic.sending
    assert traffic.sending.done()
