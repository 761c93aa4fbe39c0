"""The lists of flows in the console and in mitmweb, and what mitmproxy itself shows there."""

import inspect
from typing import Any

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow
from mitmproxy.tools.console import common
from mitmproxy.tools.web import app

from hublet_router.proxy.engine.flow_lists import (
    asked_port,
    show_asked_ports_in_mitmweb,
    show_hublets_in_console,
)


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both functions as mitmproxy has them."""
    monkeypatch.setattr(common, "format_flow", inspect.unwrap(common.format_flow))
    monkeypatch.setattr(app, "flow_to_json", inspect.unwrap(app.flow_to_json))


def routed(hublet: str | None = "eu1", host: str | None = "api.hubapi.com") -> HTTPFlow:
    """A flow that went to an upstream on loopback."""
    flow = tflow.tflow()
    flow.request.data.path = b"/crm"
    flow.request.data.host, flow.request.data.port = "127.0.0.1", 9442
    flow.request.scheme = "https"
    flow.request.headers.pop("header", None)
    if host:
        flow.request.headers["host"] = host
    flow.metadata = {"hublet_reason": "credential", "hublet": hublet}
    if hublet is None:
        del flow.metadata["hublet"]
    return flow


def row(flow: HTTPFlow, mode: common.RenderMode) -> str:
    widget: Any = common.format_flow(flow, render_mode=mode, focused=False, hostheader=False)
    return "\n".join(line.decode() for line in widget.render((80,)).text)


LIST, TABLE, DETAIL = (
    common.RenderMode.LIST, common.RenderMode.TABLE, common.RenderMode.DETAILVIEW,
)  # fmt: skip


def test_the_console_shows_the_hublet_and_the_url_that_was_asked_for() -> None:
    flow = routed()
    assert "eu1" not in row(flow, LIST), "mitmproxy has a column for it now: use that"
    assert "https://127.0.0.1:9442/crm" in row(flow, LIST)
    show_hublets_in_console()
    show_hublets_in_console()  # a script that is loaded again changes nothing
    assert row(flow, LIST).startswith("eu1         GET https://api.hubapi.com/crm ")
    assert row(flow, TABLE).startswith("eu1  ")
    assert "api.hubapi.com" in row(flow, TABLE)
    assert "https://api.hubapi.com/crm" in row(flow, DETAIL)
    assert not row(flow, DETAIL).startswith("eu1")


@pytest.mark.parametrize(
    ("hublet", "name"), [(None, "-       "), ("a-long-name", "a-long-n")], ids=["refused", "long"]
)
def test_a_hublets_name_takes_eight_columns(hublet: str | None, name: str) -> None:
    show_hublets_in_console()
    assert row(routed(hublet), LIST).startswith(f"{name}    GET https://")


def test_a_flow_that_was_not_decided_is_shown_as_ever() -> None:
    show_hublets_in_console()
    flow = routed()
    flow.metadata = {}
    assert row(flow, LIST).startswith("   GET https://127.0.0.1:9442/crm ")
    show_asked_ports_in_mitmweb()
    assert app.flow_to_json(flow)["request"]["port"] == 9442


def test_mitmweb_shows_the_url_that_was_asked_for() -> None:
    def shown() -> tuple[str, int]:
        request = app.flow_to_json(routed())["request"]
        return request["pretty_host"], request["port"]

    assert shown() == ("api.hubapi.com", 9442), "mitmproxy sends the port that was asked for now"
    show_asked_ports_in_mitmweb()
    show_asked_ports_in_mitmweb()
    assert shown() == ("api.hubapi.com", 443)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("api.hubapi.com", 443),
        ("api.hubapi.com:8080", 8080),
        ("[::1]:7", 7),
        ("api.hubapi.com:99999", 443),
        (None, 443),
    ],
)
def test_the_port_is_that_of_the_host_header(host: str | None, port: int) -> None:
    assert asked_port(routed(host=host)) == port
