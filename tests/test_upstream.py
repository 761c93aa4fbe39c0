"""Retargeting: what changes on a request, and what must not."""

import copy
import operator

import pytest
from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.test import tflow

from hublet_router.core.table import Upstream
from hublet_router.proxy.routing.upstream import UpstreamHost, retarget

HOST = "api.hubapi.com"


def flow_of(version: str = "HTTP/1.1", **fields: str) -> http.HTTPFlow:
    flow = tflow.tflow()
    flow.request.http_version = version
    flow.request.headers = http.Headers(
        [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    )
    return flow


def test_no_plain_text_is_a_stamped_host() -> None:
    host = UpstreamHost("eu1.internal.example", 443, "api.hubapi.com")
    assert host != "eu1.internal.example"
    assert operator.ne("eu1.internal.example", host)  # the other way round matters
    assert (host, 443) != ("eu1.internal.example", 443)
    assert type(str(host)) is str
    assert str(host) == "eu1.internal.example"
    assert str(copy.deepcopy(host)) == "eu1.internal.example"


def test_hosts_with_different_server_names_are_pooled_apart() -> None:
    one, other = (
        UpstreamHost("10.20.0.4", 443, "api.hubapi.com"),
        UpstreamHost("10.20.0.4", 443, "other"),
    )
    assert one != other
    assert (one, 443) != (other, 443)
    assert (one, 443) == (UpstreamHost("10.20.0.4", 443, "api.hubapi.com"), 443)
    assert not operator.ne(one, UpstreamHost("10.20.0.4", 443, "api.hubapi.com"))
    assert one != UpstreamHost("10.20.0.5", 443, "api.hubapi.com")
    assert one != UpstreamHost("10.20.0.4", 443, "api.hubapi.com", ca="a certificate")
    assert one != UpstreamHost("10.20.0.4", 444, "api.hubapi.com")
    alike = UpstreamHost("10.20.0.4", 443, "api.hubapi.com")
    alike.http2 = False
    assert one != alike
    assert hash(one) == hash(other)


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2.0"])
def test_law_3_retargeting_touches_neither_host_nor_authority(version: str) -> None:
    flow = flow_of(version, HoSt="Xn--BCHER-kva.Example:80", host="second", content_length="0")
    flow.request.data.authority = b"\xc3\xa9.example"
    flow.request.data.path = b"//x/../y;p?q=%2f"
    fields = flow.request.headers.fields
    retarget(flow, Upstream("https", "10.20.0.4", 8443), HOST)
    assert (str(flow.request.host), flow.request.port) == ("10.20.0.4", 8443)
    assert flow.request.scheme == "https"
    assert flow.request.headers.fields == fields
    assert flow.request.data.authority == b"\xc3\xa9.example"
    assert flow.request.data.path == b"//x/../y;p?q=%2f"


def test_a_connection_that_is_retired_is_lent_no_more() -> None:
    host = UpstreamHost("10.20.0.4", 443, "api.hubapi.com")
    host.retire()
    assert host != UpstreamHost("10.20.0.4", 443, "api.hubapi.com")


def test_an_upstream_that_is_not_to_speak_http2_is_stamped_so() -> None:
    for http2 in (True, False):
        flow = flow_of()
        retarget(flow, Upstream("https", "10.20.0.4", 8443, http2=http2), HOST)
        assert isinstance(flow.request.host, UpstreamHost)
        assert flow.request.host.http2 is http2


def test_an_upstream_without_tls_gets_no_server_name() -> None:
    flow = flow_of()
    retarget(flow, Upstream("http", "10.20.0.4", 80), HOST)
    assert isinstance(flow.request.host, UpstreamHost)
    assert flow.request.host.server_name is None


def test_http3_in_front_means_tcp_behind() -> None:
    flow = flow_of("HTTP/3", content_length="0")
    shared = flow.server_conn = Server(address=("unrouted.invalid", 443), transport_protocol="udp")
    retarget(flow, Upstream("https", "10.20.0.4", 8443), HOST)
    assert flow.server_conn.transport_protocol == "tcp"
    assert shared.transport_protocol == "udp"  # the client's own stays as it was


def test_a_retargeted_flow_can_be_saved_and_loaded() -> None:
    flow = flow_of()
    retarget(flow, Upstream("https", "10.20.0.4", 8443), HOST)
    loaded = http.HTTPFlow.from_state(flow.get_state())
    assert isinstance(loaded, http.HTTPFlow)
    assert str(loaded.request.host) == "10.20.0.4"
