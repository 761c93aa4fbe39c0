"""HAR of every producer: each spells and leaves out other things."""

import io
import json
from typing import Any

import pytest
from mitmproxy.http import HTTPFlow

from hublet_router.core.judge import decide
from hublet_router.flows.har import entry_flow, har_flows
from hublet_router.flows.har_entries import ENTRY
from hublet_router.flows.requests import request_with_body
from shipped_table import SHIPPED as TABLE
from synthetic import api_key, personal_access_key, private_app_token

API = "https://api.hubapi.com"
PAT, KEY = private_app_token("eu1"), api_key("eu1")
BEARER = f"Bearer {PAT}"
FORM = "application/x-www-form-urlencoded"


def named(*pairs: tuple[str, object]) -> list[dict[str, object]]:
    return [{"name": name, "value": value} for name, value in pairs]


def asked(method: str, url: str, headers: object, **more: object) -> dict[str, Any]:
    return {"method": method, "url": url, "headers": headers, **more}


ANSWER = {
    "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [], "cookies": [],
    "content": {"size": 2, "mimeType": "application/json", "text": "{}"}, "redirectURL": "",
}  # fmt: skip
WHEN = {"startedDateTime": "2026-01-31T12:00:00.000Z", "time": 12.5, "timings": {}, "cache": {}}

PRODUCERS: dict[str, tuple[dict[str, Any], str]] = {
    "Chrome": (
        {
            "_initiator": {"type": "script"}, "_priority": "High", "_resourceType": "fetch", **WHEN,
            "request": asked(
                "GET", f"{API}/crm/v3/objects/contacts?limit=10",
                named((":authority", "api.hubapi.com"), (":method", "GET"), (":scheme", "https"),
                      (":path", "/crm/v3/objects/contacts?limit=10"), ("authorization", BEARER)),
                httpVersion="http/2.0", queryString=named(("limit", "10")), cookies=[],
                headersSize=-1, bodySize=0,
            ),
            "response": {**ANSWER, "httpVersion": "http/2.0", "_transferSize": 90, "_error": None},
            "serverIPAddress": "[2606:2cc0::1]",
        },
        "eu1 ← private-app-token",
    ),
    "Edge, a form": (
        {
            **WHEN,
            "request": asked(
                "POST", f"{API}/oauth/v1/token", named((":authority", "api.hubapi.com")),
                httpVersion="h3", queryString=[], cookies=[], bodySize=90,
                postData={"mimeType": FORM, "text": f"refresh_token={KEY}",
                          "params": named(("refresh_token", KEY))},
            ),
            "response": {**ANSWER, "status": 0, "_error": "net::ERR_ABORTED"},
        },
        "eu1 ← refresh-token",
    ),
    "Firefox": (
        {
            "pageref": "page_1", **WHEN, "time": None, "_securityState": "secure",
            "request": asked(
                "POST", f"{API}/localdevauth/v1/auth/refresh",
                named(("Host", "api.hubapi.com"), ("Content-Type", "application/json")),
                bodySize=80, httpVersion="HTTP/2", queryString=[], cookies=[], headersSize=400,
                postData={"mimeType": "application/json", "params": [], "text": json.dumps(
                    {"encodedOAuthRefreshToken": personal_access_key("eu1")})},
            ),
            "response": {**ANSWER, "content": {"mimeType": "image/png", "size": 3,
                                               "encoding": "base64", "text": "AAAAA"}},
        },
        "eu1 ← personal-access-key",
    ),
    "Safari": (
        {
            **WHEN, "startedDateTime": "2026-01-31T12:00:00.000+01:00", "_priority": "low",
            "request": asked(
                "GET", f"{API}/crm/v3", named(("Authorization", BEARER)), httpVersion="h2",
                cookies=[], queryString=[], bodySize=-1, headersSize=-1,
            ),
            "response": {**ANSWER, "httpVersion": "h2", "_transferSize": -1},
        },
        "eu1 ← private-app-token",
    ),
    "Internet Explorer, an old Firebug": (
        {
            "startedDateTime": "2011-05-04T10:11:12.1234567+02:00", "time": "15",
            "request": asked(
                "POST", f"{API}/oauth/v1/token", named(("Host", "api.hubapi.com")),
                postData={"mimeType": FORM, "text": None,
                          "params": named(("refresh_token", KEY), ("grant_type", "a b&c"))},
            ),
            "response": {**ANSWER, "headers": named(("Content-Encoding", "utf-8"))},
        },
        "eu1 ← refresh-token",
    ),
    "Charles": (
        {
            **WHEN, "comment": "",
            "request": asked(
                "GET", f"{API}/x?hapikey={KEY}",
                named((":method", "GET"), (":authority", "api.hubapi.com"), ("accept", "*/*")),
                httpVersion="HTTP/2.0", queryString=named(("", "")), cookies=[],
            ),
            "response": {**ANSWER, "_charlesStatus": "COMPLETE"}, "serverIPAddress": "192.0.2.1",
        },
        "eu1 ← api-key",
    ),
    "Fiddler": (
        {
            **WHEN, "comment": "[#12]", "connection": "ClientPort:1;EgressPort:2",
            "request": asked(
                "POST", f"{API}/oauth/v1/token", named(("Host", "api.hubapi.com")),
                httpVersion="HTTP/1.1", bodySize=70, cookies=[], queryString=[],
                postData={"mimeType": f"{FORM}; charset=UTF-8",
                          "params": named(("refresh_token", KEY))},
            ),
            "response": {**ANSWER, "content": {"size": 0}},
        },
        "eu1 ← refresh-token",
    ),
    "Proxyman": (
        {
            **WHEN, "_clientName": "curl", "_isHTTPS": True,
            "request": asked(
                "POST", f"{API}/oauth/v1/token", named(("Content-Type", FORM)),
                httpVersion="HTTP/1.1", queryString=[], cookies=[], bodySize=60,
                postData={"mimeType": FORM, "encoding": "base64",
                          "text": "cmVmcmVzaF90b2tlbj1ldTEtMDAwMC0wMDAw"},
            ),
            "response": ANSWER,
        },
        "eu1 ← refresh-token",
    ),
    "Insomnia": (
        {
            "request": asked(
                "GET", f"{API}/integrations/v1/me", [], httpVersion="HTTP/1.1", cookies=[],
                queryString=named(("hapikey", KEY), ("a b", "c&d")), postData={"mimeType": "",
                "params": [], "text": ""}, headersSize=-1, bodySize=-1,
            ),
        },
        "eu1 ← api-key",
    ),
    "Postman, newman": (
        {
            **WHEN,
            "request": asked(
                "GET", f"{API}/crm/v3?hapikey={KEY}", named(("User-Agent", "PostmanRuntime/7")),
                httpVersion="HTTP/1.1", queryString=named(("hapikey", KEY)), bodySize=0,
            ),
            "response": {"status": "200", "statusText": "OK"},
        },
        "eu1 ← api-key",
    ),
    "Playwright": (
        {
            **WHEN, "time": -1, "_monotonicTime": 1.5, "_frameref": "frame@1", "pageref": "p",
            "request": asked(
                "GET", f"{API}/crm/v3", named(("authorization", BEARER)), httpVersion="HTTP/2.0",
                cookies=[], queryString=[], headersSize=-1, bodySize=0,
            ),
            "response": {"status": -1, "content": {"size": -1, "mimeType": "x-unknown"}},
        },
        "eu1 ← private-app-token",
    ),
    "puppeteer-har, browsertime": (
        {
            **WHEN, "_requestId": "1.2", "_chunks": [],
            "request": asked(
                "GET", f"{API}/crm/v3", named(("Authorization", BEARER)), httpVersion="h2",
            ),
            "response": {**ANSWER, "content": None, "headers": None},
        },
        "eu1 ← private-app-token",
    ),
    "mitmproxy": (
        {
            **WHEN,
            "request": asked(
                "POST", f"{API}/oauth/v1/token", named(("content-type", FORM)),
                httpVersion="HTTP/2.0", queryString=[], cookies=[], headersSize=9, bodySize=50,
                postData={"mimeType": FORM, "text": f"refresh_token={KEY}", "params": []},
            ),
            "response": ANSWER, "timings": {"connect": -1},
        },
        "eu1 ← refresh-token",
    ),
    "Burp": (
        {
            **WHEN,
            "request": asked(
                "GET", f"{API}:443/crm/v3", named(("Host", "api.hubapi.com"),
                                                  ("Authorization", BEARER)),
                httpVersion="HTTP/2",
            ),
            "response": ANSWER, "comment": "",
        },
        "eu1 ← private-app-token",
    ),
    "OkHttp": (
        {
            "startedDateTime": "2026-01-31T12:00:00Z", "time": 3,
            "request": asked("GET", f"{API}/crm/v3", named(("Authorization", BEARER)),
                             httpVersion="h2"),
            "response": {"status": 200, "httpVersion": "h2", "headers": []},
        },
        "eu1 ← private-app-token",
    ),
    "Slack": (
        {**WHEN, "request": asked("GET", f"{API}/x", [["authorization", BEARER], ["X-Y", None]]),
         "response": {**ANSWER, "headers": [["x"]]}},
        "eu1 ← private-app-token",
    ),
    "har-to-k6": (
        {"request": asked("GET", f"{API}/x", {"Authorization": BEARER})},
        "eu1 ← private-app-token",
    ),
    "HTTP Toolkit": (
        {
            **WHEN, "_timeline": {}, "response": {"status": 0, "statusText": ""},
            "request": asked(
                "GET", "wss://api.hubapi.com/crm/v3", named(("authorization", BEARER)),
                httpVersion="HTTP/1.1", _requestBodyStatus="discarded:not-decodable",
            ),
        },
        "eu1 ← private-app-token",
    ),
}  # fmt: skip


@pytest.mark.parametrize("producer", PRODUCERS)
def test_what_each_producer_writes_gets_its_decision(producer: str) -> None:
    entry, summary = PRODUCERS[producer]
    flow = flow_of(entry)
    request = request_with_body(flow)
    assert request.host == "api.hubapi.com"
    assert decide(TABLE, request).summary == summary
    assert flow.copy().get_state()["request"] == flow.request.get_state()  # it can be written


def flow_of(entry: dict[str, Any]) -> HTTPFlow:
    flow = entry_flow(entry)
    assert flow
    return flow


def with_request(url: str = f"{API}/x", method: str = "GET", **given: object) -> dict[str, Any]:
    return {"request": {"method": method, "url": url, **given}}


@pytest.mark.parametrize(
    ("url", "query", "target"),
    [
        (f"{API}", [], "/"),
        (f"{API}?a=b", [], "/?a=b"),
        (f"{API}/x?a=b#c?d", named(("a", "b")), "/x?a=b"),
        (f"{API}/x", named(("a", "b c"), ("d", "&%41")), "/x?a=b%20c&d=%26%41"),
        (f"{API}/x", named(("a", "1%"), ("ü", "+")), "/x?a=1%25&%C3%BC=%2B"),
        (f"{API}/x?a=b", named(("a", "b"), ("c", "d")), "/x?a=b&c=d"),
        (f"{API}/x?a%5B=b", named(("a[", "b")), "/x?a%5B=b"),
        (f"{API}/x?a%5B=b", named(("a%5B", "b")), "/x?a%5B=b"),
        (f"{API}/x?", named(("c", None)), "/x?c="),
        (f"{API}/x?a=1&b=2", named(("a", "1"), ("a", "3"), ("b", "2")), "/x?a=1&b=2&a=3"),
        (f"{API}/x?a=1", named(("a", "3"), ("a", "1")), "/x?a=1&a=3"),
        (f"{API}/x?a=%20+&b+c=1", named(("a", "  "), ("b c", "1")), "/x?a=%20+&b+c=1"),
        (f"{API}/x?a%2Bb=c%2B", named(("a+b", "c+")), "/x?a%2Bb=c%2B"),
        (f"{API}/x", {"a": ["1", "2"]}, "/x?a=1&a=2"),
        (f"{API}/ü x|{{?ü={chr(0xD800)}", [], "/%C3%BC%20x|{?%C3%BC=%ED%A0%80"),
        ("HTTPS://me:secret@API.hubapi.com/", None, "/"),
        (" http://api.hubapi.com/ ", None, "/"),
    ],
)
def test_a_target_is_the_url_with_what_stands_only_in_the_list(
    url: str, query: object, target: str
) -> None:
    flow = flow_of(with_request(url, queryString=query))
    request = request_with_body(flow)
    assert (request.target, request.host) == (target, "api.hubapi.com")


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "asked_for"),
    [
        ("https://api.hubapi.com/", "https", "api.hubapi.com", 443, "api.hubapi.com"),
        ("http://api.hubapi.com:8080/", "http", "api.hubapi.com", 8080, "api.hubapi.com:8080"),
        ("ws://[::1]/", "http", "::1", 80, "[::1]"),
        ("https://münchen.example:/", "https", "xn--mnchen-3ya.example", 443,
         "xn--mnchen-3ya.example:"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["HTTP/1.1", "h2"])
def test_the_host_of_a_url(
    url: str, scheme: str, host: str, port: int, asked_for: str, version: str
) -> None:
    flow = flow_of(with_request(url, httpVersion=version))
    assert (flow.request.scheme, flow.request.host, flow.request.port) == (scheme, host, port)
    assert request_with_body(flow).hosts == (asked_for,)
    is_field = "host" in flow.request.headers
    assert is_field is (version == "HTTP/1.1")


@pytest.mark.parametrize(
    ("headers", "version", "hosts", "names"),
    [
        (named((":authority", "a.b"), (":path", "/x"), ("x", "1")), "http/2.0", ("a.b",), ["x"]),
        (named((":Authority", "a.b"), ("x", "1")), "", ("a.b",), ["host", "x"]),
        (named(("HOST", "c.d"), (":authority", "a.b")), "h2", ("c.d",), ["host"]),
        (named(("x", "1\n2"), ("y", None)), "h2", ("api.hubapi.com",), ["x", "x", "y"]),
        ({"x": 1}, "h2", ("api.hubapi.com",), ["x"]),
        ({"x": ["1", "2"]}, "h2", ("api.hubapi.com",), ["x", "x"]),
        ([["x", ["1"]], {"name": "y", "value": []}], "h2", ("api.hubapi.com",), ["x"]),
        (None, "h2", ("api.hubapi.com",), []),
    ],
    ids=[
        "of a browser", "HTTP/1", "Host too", "joined lines", "an object", "lists in an object",
        "lists", "none",
    ],
)  # fmt: skip
def test_the_header(
    headers: object, version: str, hosts: tuple[str, ...], names: list[str]
) -> None:
    seen = request_with_body(flow_of(with_request(headers=headers, httpVersion=version)))
    assert seen.hosts == hosts
    assert [name for name, _ in seen.headers] == names


@pytest.mark.parametrize(
    ("given", "version"),
    [
        *(("HTTP/1.1", "HTTP/1.1"), ("http/1.0", "HTTP/1.0"), ("", "HTTP/1.1")),
        *((None, "HTTP/1.1"), ("unknown", "HTTP/1.1"), ("h2", "HTTP/2.0"), ("HTTP/2", "HTTP/2.0")),
        *(("http/2.0", "HTTP/2.0"), ("h3", "HTTP/3"), ("h3-29", "HTTP/3"), ("HTTP/3", "HTTP/3")),
        *(("http/2+quic/46", "HTTP/2.0"), (2, "HTTP/1.1")),
    ],
)
def test_versions_are_spelled_as_mitmproxy_does(given: object, version: str) -> None:
    assert flow_of(with_request(httpVersion=given)).request.http_version == version


@pytest.mark.parametrize(
    ("response", "status", "content"),
    [
        ({**ANSWER, "status": 421}, 421, b"{}"),
        ({"status": "404"}, 404, b""),
        ({"status": 200, "content": {"size": 9}}, 200, None),
        ({"status": 200, "content": {"text": "A", "encoding": "base64"}}, 200, None),
        ({"status": 200, "content": {"text": "YWI=", "encoding": "base64"}}, 200, b"ab"),
        ({"status": 200, "headers": [{"value": 1}]}, 200, b""),
        ({"status": 0}, None, None),
        ({"status": None}, None, None),
        ({}, None, None),
        (None, None, None),
        ("?", None, None),
    ],
)
def test_nothing_of_an_answer_is_needed(
    response: object, status: int | None, content: bytes | None
) -> None:
    got = flow_of({**with_request(), "response": response}).response
    assert (got.status_code if got else None) == status
    assert (got.raw_content if got else None) == content


def test_a_decoded_answer_has_no_coding() -> None:
    headers = named(("content-encoding", "br"), ("Transfer-Encoding", "chunked"), ("x", "1"))
    flow = flow_of({**with_request(), "response": {**ANSWER, "headers": headers}})
    assert flow.response
    assert dict(flow.response.headers) == {"x": "1", "content-length": "2"}


@pytest.mark.parametrize(
    ("more", "started", "seconds"),
    [
        ({"startedDateTime": "1970-01-01T00:00:09Z", "time": 1500}, 9, 1.5),
        ({"startedDateTime": "1970-01-01T00:00:09Z", "time": None}, 9, 0),
        ({"startedDateTime": "1970-01-01T00:00:09Z", "time": -1}, 9, 0),
        ({"startedDateTime": "yesterday"}, 0, 0),
        ({"startedDateTime": 9, "time": []}, 0, 0),
        ({}, 0, 0),
    ],
)
def test_times(more: dict[str, object], started: float, seconds: float) -> None:
    request = flow_of({**with_request(), **more}).request
    assert (request.timestamp_start, request.timestamp_end) == (started, started + seconds)


ELSEWHERE = ["data:image/png;base64,iVBORw0KGgo=", "blob:https://x/1", "about:blank", "/relative",
             "chrome-extension://abc/x.js", "file:///x", "javascript:void(0)", "mailto:a@b.c", "",
             "${base}/x"]  # fmt: skip


@pytest.mark.parametrize("url", ELSEWHERE)
def test_what_is_no_request_to_a_server_is_none(url: str) -> None:
    assert entry_flow(with_request(url)) is None
    assert entry_flow({"request": {"url": url}}) is None


def test_nor_is_the_opening_of_a_tunnel() -> None:
    assert entry_flow(with_request("http://api.hubapi.com:443", "CONNECT")) is None


SECRET = "c0ffee5ec2e7"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (SECRET, "it has no request"),
        ({"request": SECRET}, "it has no request"),
        ({"request": {"method": "GET"}}, "its request has no URL"),
        ({"request": {"url": f"{API}/{SECRET}"}}, "its request has no method"),
        (with_request(method=f"G {SECRET}"), "its request has no method"),
        (with_request(f"https://{SECRET} x/"), "its URL has no host that can be"),
        (with_request(f"https://ü..{SECRET}/"), "its URL has no host that can be"),
        (with_request("https:///"), "its URL has no host that can be"),
        (with_request(headers=[[SECRET]]), "an item of its headers has no name"),
        (with_request(headers=[{"value": SECRET}]), "an item of its headers has no name"),
        (with_request(headers=[[SECRET, {}]]), "an item of its headers has no text for its value"),
        (with_request(headers={"x": [[SECRET]]}), "an item of its headers has no text for its"),
        (with_request(queryString=[SECRET]), "an item of its query has no name"),
        (with_request(cookies=[SECRET]), "an item of its cookies has no name"),
        (with_request(postData={"params": [1]}), "an item of its form has no name"),
        (with_request(postData={"text": f"{SECRET}=\xe9", "encoding": "base64"}),
         "its body is no base64"),
    ],
)  # fmt: skip
def test_law_4_one_that_cannot_be_read_has_a_reason_that_quotes_nothing(
    entry: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        entry_flow(entry)
    assert SECRET not in str(caught.value)


def test_the_rest_goes_on_and_what_is_left_out_is_named() -> None:
    good = PRODUCERS["Safari"][0]
    entries = [good, with_request("data:x"), {}, good, with_request("blob:x"), {"request": {}}]
    said: list[str] = []
    file = io.BytesIO(json.dumps({"log": {"entries": entries}}).encode())
    assert [flow.metadata[ENTRY] for flow in har_flows(file, said.append)] == [1, 4]
    assert said == [
        "entry 3 is left out: it has no request",
        "entry 6 is left out: its request has no URL",
        "2 entries are no requests to a server (data:, blob:, CONNECT and the like): left out",
    ]


def test_one_alone_is_counted_in_the_singular() -> None:
    said: list[str] = []
    file = io.BytesIO(json.dumps({"entries": [with_request("data:x")]}).encode())
    assert list(har_flows(file, said.append)) == []
    assert said[0].startswith("1 entry is no request to a server")


CHROMES: dict[str, Any] = {"_initiator": {}, **with_request(headers=named(("accept", "*/*")))}


@pytest.mark.parametrize(
    ("entries", "is_said"),
    [
        ([CHROMES, CHROMES], True),
        ([CHROMES, {**CHROMES, **with_request(headers=named(("Authorization", "x")))}], False),
        ([CHROMES, {**CHROMES, **with_request(cookies=named(("a", "b")))}], False),
        ([with_request()], False),
        ([], False),
    ],
    ids=["none has any", "one has an Authorization", "one has a cookie", "no browser", "empty"],
)
def test_a_file_that_a_browser_has_sanitised_is_reported(
    entries: list[object], is_said: bool
) -> None:
    said: list[str] = []
    list(har_flows(io.BytesIO(json.dumps({"entries": entries}).encode()), said.append))
    assert [it.partition(":")[0] for it in said] == [
        "no entry has an Authorization or a Cookie"
    ] * is_said


def test_a_compressed_body_stays_marked_as_one() -> None:
    """Else the router would read what it refuses on the wire."""
    headers = named(("Content-Encoding", "gzip"), ("content-type", FORM))
    posted = {"text": f"refresh_token={KEY}"}
    flow = flow_of(with_request(f"{API}/oauth/v1/token", "POST", headers=headers, postData=posted))
    assert decide(TABLE, request_with_body(flow)).summary == "refused: unreadable (refresh-token)"
