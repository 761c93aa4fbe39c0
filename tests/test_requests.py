"""From a flow to what a decision may look at."""

import pytest
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from hublet_router.flows.requests import (
    body_size,
    is_framed,
    request_head,
    request_with_body,
    spelled_request,
)
from hublet_router.proxy.routing.upstream import UpstreamHost

API = "api.hubapi.com"


def flow_of(mode: str, target: str, hosts: list[bytes], authority: bytes = b"") -> http.HTTPFlow:
    flow = tflow.tflow()
    flow.live = True
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    flow.request.data.host = target
    flow.request.data.authority = authority
    flow.request.headers = http.Headers([(b"HoSt", host) for host in hosts])
    return flow


@pytest.mark.parametrize(
    ("mode", "target", "hosts", "authority", "expected"),
    [
        ("reverse:https://x.invalid", "x.invalid", [b"API.HubApi.com:8080"], b"",
         ("API.HubApi.com:8080",)),
        ("reverse:https://x.invalid", "x.invalid", [], b"", ()),
        ("reverse:https://x.invalid", "x.invalid", [], b"api.hubapi.com", (API,)),
        ("reverse:https://x.invalid", "x.invalid", [b"a", b"b"], b"c", ("a", "b", "c")),
        ("reverse:https://x.invalid", "x.invalid", [b" a\t"], b"", ("a",)),
        ("reverse:https://x.invalid", "x.invalid", [b"a\xa0", b"a\x85"], b"", ("a\xa0", "a\x85")),
        ("regular", API, [b"api.hubapi.com"], b"", (API, API)),
        ("regular", "elsewhere", [b"api.hubapi.com"], b"", (API, "elsewhere")),
        ("regular", "10.20.0.4", [b"api.hubapi.com"], b"", (API,)),
    ],
    ids=["reverse", "no host", "h2", "several", "blanks", "other blanks", "regular", "differs",
         "looked up"],
)  # fmt: skip
def test_every_name_that_a_request_gives_for_its_host(
    mode: str, target: str, hosts: list[bytes], authority: bytes, expected: tuple[str, ...]
) -> None:
    assert request_head(flow_of(mode, target, hosts, authority)).hosts == expected


def test_names_of_fields_are_kept_beside_those_of_a_decision() -> None:
    flow = flow_of("regular", API, [])
    flow.request.headers = http.Headers([(b"X_A\xc9", b"\xe9"), (b"HoSt", b"a")])
    request = spelled_request(flow)
    assert request.headers == request_with_body(flow).headers == (("x-aé", "é"), ("host", "a"))
    assert request.fields == [("X_AÉ", "é"), ("HoSt", "a")]


@pytest.mark.parametrize(
    ("method", "path", "hosts"),
    [
        ("GET", "/x", (API,)),
        ("OPTIONS", "*", (API,)),
        ("GET", "*", (API, "")),
        ("GET", "x", (API, "")),
        ("GET", "/ /x", (API, "")),
        ("GET", "", (API, "")),
        ("GET", "http://api.hubapi.com/x", (API, "")),
    ],
)
def test_law_1_a_path_that_may_name_a_host_is_one_more(
    method: str, path: str, hosts: tuple[str, ...]
) -> None:
    flow = flow_of("reverse:https://x.invalid", "x.invalid", [], API.encode())
    flow.request.data.method, flow.request.data.path = method.encode(), path.encode()
    flow.request.http_version = "HTTP/2.0"
    assert request_head(flow).hosts == hosts


@pytest.mark.parametrize("recorded", [True, False], ids=["from a file", "replayed"])
def test_a_target_that_an_earlier_decision_wrote_is_no_name(recorded: bool) -> None:
    flow = flow_of("regular", "eu1.internal.example", [b"api.hubapi.com"])
    flow.live = not recorded
    flow.is_replay = None if recorded else "request"
    assert request_head(flow).hosts == (API,)


@pytest.mark.parametrize(
    ("is_live", "is_replay", "sni"),
    [(True, None, "x.example"), (True, "request", None), (False, None, None)],
    ids=["live", "replayed", "from a file"],
)
def test_the_name_asked_for_in_tls_counts_for_a_live_client(
    is_live: bool, is_replay: str | None, sni: str | None
) -> None:
    flow = flow_of("regular", API, [b"api.hubapi.com"])
    flow.client_conn.sni = "x.example"
    flow.live, flow.is_replay = is_live, is_replay
    assert request_head(flow).sni == sni


def test_nor_is_one_that_bears_the_stamp_of_this_very_decision() -> None:
    """Else the decision log would see two hosts in what was routed, and say neither."""
    flow = flow_of("regular", API, [b"api.hubapi.com"])
    flow.request.data.host = UpstreamHost("eu1.internal.example")
    assert request_head(flow).hosts == (API,)


@pytest.mark.parametrize(
    ("version", "field", "value", "size"),
    [
        ("HTTP/1.1", "x", "", 0),
        ("HTTP/1.1", "content-length", "7", 7),
        ("HTTP/1.1", "transfer-encoding", "chunked", None),
        ("HTTP/1.1", "content-length", "seven", None),
        ("HTTP/2.0", "x", "", None),
        ("HTTP/2.0", "content-length", "7", 7),
    ],
)
def test_the_size_of_a_body_as_far_as_its_head_says(
    version: str, field: str, value: str, size: int | None
) -> None:
    flow = flow_of("reverse:https://x.invalid", "x.invalid", [])
    flow.request.http_version = version
    flow.request.headers[field] = value
    assert body_size(flow.request) == size


@pytest.mark.parametrize(
    ("content", "body"),
    [(None, None), (b"body", b"body"), (b"x" * 65536, b"x" * 65536), (b"x" * 65537, None)],
    ids=["none", "short", "64 KiB", "longer"],
)
def test_a_body_that_has_come_is_seen_up_to_64_kib(
    content: bytes | None, body: bytes | None
) -> None:
    flow = flow_of("reverse:https://x.invalid", "x.invalid", [])
    flow.request.data.content = content
    assert request_with_body(flow).body == body


def test_a_compressed_body_is_kept_as_it_came() -> None:
    flow = flow_of("reverse:https://x.invalid", "x.invalid", [])
    flow.request.headers["content-encoding"] = "gzip"
    flow.request.data.content = b"body"
    assert request_with_body(flow).body == b"body"


def test_bytes_of_the_wire_are_one_character_each() -> None:
    flow = flow_of("reverse:https://x.invalid", "x.invalid", [b"api.hubapi.com"])
    flow.request.data.method = b"PURGE"
    flow.request.data.path = b"/caf\xc3\xa9?\xff"
    flow.request.headers["X_Odd"] = "1"
    request = request_head(flow, b"body")
    assert request.method == "PURGE"
    assert request.target == "/caf\xc3\xa9?\xff"
    assert request.headers == (("host", "api.hubapi.com"), ("x-odd", "1"))
    assert request.body == b"body"


@pytest.mark.parametrize(
    ("version", "fields", "framed"),
    [
        ("HTTP/1.1", {}, True),
        ("HTTP/2.0", {}, False),
        ("HTTP/3", {}, False),
        ("HTTP/2.0", {"content-length": "4"}, True),
        ("HTTP/2.0", {"transfer-encoding": "chunked"}, True),
    ],
)
def test_what_http1_could_see_the_end_of(
    version: str, fields: dict[str, str], framed: bool
) -> None:
    request = tflow.tflow().request
    request.http_version = version
    request.headers = http.Headers([(k.encode(), v.encode()) for k, v in fields.items()])
    assert is_framed(request) is framed
