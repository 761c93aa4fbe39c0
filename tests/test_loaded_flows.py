"""Flows that are loaded in a reverse mode, and what mitmproxy itself makes of them."""

from collections.abc import Callable, Coroutine

import pytest
from mitmproxy.flow import Flow
from mitmproxy.master import Master
from mitmproxy.test import tflow

from harness import Stage, bearer

PLAIN: Callable[[Master, Flow], Coroutine[None, None, None]] = Master.load_flow


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "mitmproxy's"])
def test_a_flow_keeps_the_host_that_it_had(stage: Stage, is_ours: bool) -> None:
    """When this fails, mitmproxy leaves the host as it is: use that."""
    stage.upstream("eu1")
    stage.table()
    stage.proxy()
    flow = tflow.tflow()
    flow.live = False
    flow.request.host_header = "api.hubapi.com"
    flow.request.headers["authorization"] = bearer("eu1").partition(": ")[2]
    master = stage.master
    assert master
    stage.call(master.load_flow(flow) if is_ours else PLAIN(master, flow))
    expected = ("api.hubapi.com", "eu1") if is_ours else ("unrouted.invalid:443", None)
    assert (flow.request.host_header, flow.metadata.get("hublet")) == expected
