"""What may be shown of a request that holds credentials."""

import json
import re
import string
from base64 import b64encode
from dataclasses import replace
from http import HTTPMethod
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.test import tflow

from hublet_router.analysis.coverage import Coverage
from hublet_router.analysis.explanation import explain
from hublet_router.analysis.harmless import is_harmless, known_words
from hublet_router.analysis.masking import (
    MAX_SHOWN,
    aligned,
    counted,
    describe_shape,
    is_like_a_hublet,
    mask_host,
    mask_method,
    mask_path,
    mask_request,
    mask_target,
    mask_url,
    place_name,
    printable,
)
from hublet_router.core.decision import Action, Decision, Reason, refuse
from hublet_router.core.places import Cookie, Form, Header, Json, Path, Place, Query
from hublet_router.core.request import Request
from hublet_router.core.table import Upstream
from hublet_router.proxy.observe.decision_log import line
from hublet_router.proxy.routing.annotate import Decided
from shipped_table import SHIPPED
from synthetic import UUID, access_token, base64url, private_app_token

KNOWN = known_words(SHIPPED)
HOSTS = ("api.hubapi.com",)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/crm/v3/objects/contacts?limit=10",
        "/crm/v3/objects/contacts/1234/associations/companies",
        "/oauth/v1/access-tokens",
        "/oauth/2026-03/token",
        "//a/../index.html?sort=name",
        "/x?filters[status]&hapikey&properties=name,status",
        "*",
    ],
)
def test_harmless_urls_are_shown_as_they_are(target: str) -> None:
    assert mask_target(Request("GET", HOSTS, target), KNOWN) == target


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a?hapikey=secret&b=c", "/a?hapikey=***&***=***"),
        ("/a?hapi%6bey=x&limit=10&after=zz9x", "/a?hapikey=***&limit=10&after=***"),
        ("/a?pin=1234&limit=10;pin=1234", "/a?pin=***&limit=***"),
        ("/a?hapikey=&x", "/a?hapikey=&x"),
        ("/a?pat-eu1-c0ffee", "/a?***"),
        ("/oauth/v1/access-tokens/c0ffee/x?limit", "/oauth/v1/access-tokens/***/x?limit"),
        ("/oauth/v1/Access-Tokens\\c0ffee", "/oauth/v1/***"),
        ("//t%6fkens/c0ffee", "//***/***"),
        ("/crm/objects&pin=1234", "/crm/***"),
        ("/crm/objects;pin=1234", "/crm/***"),
        ("/crm/objects%3Fpin%3D1234", "/crm/***"),
        ("/crm/objects%26pin%3D1234", "/crm/***"),
        ("/crm/objects#pin=1234", "/crm/***"),
        ("/crm/key=1234/objects", "/crm/***/objects"),
        ("/contacts/12345", "/contacts/***"),
        ("/contacts-" + "contacts-" * 8, "/***"),
    ],
)
def test_law_4_what_is_not_harmless_in_a_url_is_masked(target: str, shown: str) -> None:
    assert mask_target(Request("GET", HOSTS, target), KNOWN) == shown


def test_words_of_the_table_are_known() -> None:
    request = Request("GET", HOSTS, "/localdevauth/eu1?portalId=5865761")
    assert mask_target(request, KNOWN) == "/localdevauth/eu1?portalId=***"
    assert mask_target(request) == "/***/***?portalId=***"


SECRETS = st.one_of(
    st.binary(min_size=8, max_size=32).map(bytes.hex),
    st.uuids().map(str),
    st.binary(min_size=12, max_size=48).map(lambda it: b64encode(it).decode()),
    st.binary(min_size=12, max_size=48).map(lambda it: f"eyJhbGciOiJI.{base64url(it)}.c2ln"),
    st.text(string.ascii_lowercase + string.digits, min_size=8).map(lambda it: f"zq{it}"),
    st.uuids().map(lambda it: f"pat-eu1-{it}"),
    st.text(string.digits, min_size=5, max_size=19),
).filter(lambda it: not is_harmless(it, KNOWN))
NAMES = st.sampled_from(
    [
        "authorization",
        "pass",
        "pw",
        "pin",
        "otp",
        "state",
        "hash",
        "csrf",
        "bearer",
        "refresh",
        "key1",
        "api_key_2",
        "code",
        "limit",
    ]
)
SPELLINGS = st.sampled_from(
    [
        "/crm/v3/objects/{0}", "/oauth/v1/access-tokens/x/{0}?limit=10", "/crm/objects&{1}={0}",
        "/crm/objects;{1}={0}", "/crm/objects%3F{1}={0}", "/crm/objects%26{1}%3D{0}",
        "/crm#{1}={0}", "/crm\\{0}", "/crm?{1}={0}", "/crm?limit=10;{1}={0}", "/crm?{0}",
        "/crm?{0}=1", "/crm?url=https://user:{0}@host/", "/crm?redirect=%2F%3F{1}%3D{0}",
        "/crm?{1}[]={0}", "/crm?limit=10?{1}={0}", "/{0}/../crm", "/crm?{1}=Bearer {0}",
    ]
)  # fmt: skip


@given(secret=SECRETS, name=NAMES, spelling=SPELLINGS, is_coded=st.booleans())
def test_law_4_no_planted_secret_is_shown(
    secret: str, name: str, spelling: str, is_coded: bool
) -> None:
    target = spelling.format(quote(secret, safe="") if is_coded else secret, name)
    headers = (
        ("authorization", f"Bearer {secret}"),
        ("x-vault", secret),
        ("cookie", f"x={secret}"),
    )
    document = (
        ("content-type", "application/json"),
        json.dumps({"inner": {name: [secret]}}).encode(),
    )
    form = ("content-type", "application/x-www-form-urlencoded"), f"{name}={secret}".encode()
    coverage = Coverage(SHIPPED)
    said = []
    for content_type, body in (document, form):
        request = Request("POST", HOSTS, target, (*headers, content_type), body)
        coverage.add(request)
        explanation = explain(SHIPPED, request)
        decided = Decided.now(SHIPPED, request)
        said += [
            mask_path(request, KNOWN),
            mask_target(request, KNOWN),
            mask_url(request, "https", SHIPPED),
            explanation.as_text(),
            json.dumps(explanation.as_json()),
            line(tflow.tflow(resp=True), decided)
            .partition('"fingerprint"')[0]
            .partition("path")[2],
            decided.decision.summary,
        ]
    said += [text for _, text in coverage.unexplained()]
    shown = "\n".join(said)
    assert secret not in shown
    assert quote(secret, safe="") not in shown


@given(value=st.text(string.digits, min_size=1, max_size=4), name=NAMES)
def test_law_4_no_short_pin_is_shown_as_a_value(value: str, name: str) -> None:
    shown = mask_target(Request("GET", HOSTS, f"/crm?{name}={value}"), KNOWN)
    assert shown.endswith(f"={value}" if name == "limit" else "=***")


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("API.HubApi.com:8443", "http://API.HubApi.com:8443/oauth?hapikey=***"),
        ("[::1]:80", "http://[::1]:80/***"),
        ("user:secret@api.hubapi.com", "http://api.hubapi.com/***"),
        ("user:p@ss@api.hubapi.com", "http://api.hubapi.com/***"),
        (f"{private_app_token('eu1')}.hubapi.com:80", "http://***.hubapi.com:80/***"),
        ("service-endpoint.x-0123456789ab.net", "http://service-endpoint.x-0123456789ab.net/***"),
        ("[0123456789abcdef0123]", "http://***/***"),
        ("api.hubapi.com?token=secret", "http://***/***"),
        (None, "http:///***"),
    ],
)
def test_law_4_a_url_shows_its_host_without_userinfo(host: str | None, shown: str) -> None:
    request = Request("GET", (host,) if host else (), "/oauth?hapikey=secret")
    assert mask_url(request, "http", SHIPPED) == shown


def test_law_4_a_url_has_the_words_of_each_table() -> None:
    other = replace(SHIPPED, domains=frozenset({"words"}))
    request = Request("GET", HOSTS, "/words/hapikey")
    assert mask_url(request, "https", other, SHIPPED) == "https://api.hubapi.com/words/hapikey"


def test_long_urls_are_cut_at_the_end_of_a_piece() -> None:
    segments, pairs = "/objects" * 10_000, "&limit=10" * 10_000
    shown = mask_target(Request("GET", HOSTS, f"{segments}?{pairs}"), KNOWN)
    path, _, query = shown.partition("?")
    assert re.fullmatch("(/objects)+/…", path)
    assert re.fullmatch("(&limit=10)+&…", query)
    assert max(len(path), len(query)) <= MAX_SHOWN + 1
    assert mask_path(Request("GET", HOSTS, "/" + "pat" * 10_000)) == "/…"
    assert mask_host("a." * 5_000) == "a." * (MAX_SHOWN // 2) + "…"
    assert mask_host("a" * 10_000) == "***…"


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        (private_app_token("eu1"), "pat-…, 32 to 63 characters of a-z 0-9 -"),
        (UUID, "32 to 63 characters of 0-9 -"),
        ("a1b2c3d4-0000-4000-8000-000000000000", "32 to 63 characters of a-z 0-9 -"),
        ("eu1-0000000000000000", "eu1-…, 16 to 31 characters of a-z 0-9 -"),
        ("hunt2.0000000000000000", "16 to 31 characters of a-z 0-9 ."),
        ("eu1-hunter2", "8 to 15 characters of a-z 0-9 -"),
        ("demo", "4 to 7 characters of a-z"),
        ("Pass word/é", "8 to 15 characters of A-Z a-z / and others"),
        ("x", "1 character of a-z"),
        (access_token("eu1"), "64 to 127 characters of A-Z a-z 0-9"),
    ],
)
def test_law_4_a_shape_shows_a_prefix_only_if_the_table_has_it(credential: str, shown: str) -> None:
    assert describe_shape(credential, SHIPPED) == shown


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (Header("authorization", "bearer"), "header authorization bearer"),
        (Header("private-token"), "header private-token"),
        (Query("hapikey"), "query hapikey"),
        (Cookie("sid"), "cookie sid"),
        (Form("code"), "form code"),
        (Json("a.b"), "json a.b"),
        (Path(re.compile("^/(.)")), "path"),
    ],
)
def test_a_place_is_named_as_the_table_writes_it(place: Place, name: str) -> None:
    assert place_name(place) == name


def routed(reason: Reason = Reason.CREDENTIAL, rule: str | None = "api-key") -> Decision:
    eu1 = Upstream("https", "10.20.0.4", 8443)
    return Decision(Action.ROUTE, "eu1", eu1, reason, rule, "0123456789ab")


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (routed(), "eu1 ← api-key"),
        (routed(Reason.LEGACY), "eu1 ← legacy (api-key)"),
        (routed(Reason.ANONYMOUS, None), "eu1 ← anonymous"),
        (refuse(Reason.CONFLICT, "api-key"), "refused: conflict (api-key)"),
        (refuse(Reason.NO_TABLE), "refused: no-table"),
        (Decision(Action.PASS, None, None, Reason.FOREIGN_HOST, None, "0"), "passed: foreign-host"),
    ],
)
def test_the_comment_is_one_readable_line(decision: Decision, expected: str) -> None:
    assert decision.summary == expected


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 requests"), (1, "1 request"), (1234, "1,234 requests")]
)
def test_things_are_counted_as_people_do(count: int, shown: str) -> None:
    assert counted(count, "request") == shown


def test_nothing_acts_on_a_terminal() -> None:
    assert printable("GET /caf\xe9 \x1b[2J\n…") == r"GET /caf\xe9 \x1b[2J\x0a…"


@pytest.mark.parametrize(
    ("hosts", "shown"),
    [
        (("api.hubapi.com",), "GET https://api.hubapi.com/crm/v3?hapikey=***"),
        (("other.test",), "GET https://other.test/***"),
        ((), "GET https:///***"),
    ],
    ids=["own", "foreign", "no host"],
)
def test_a_request_is_shown_as_its_method_and_its_masked_url(
    hosts: tuple[str, ...], shown: str
) -> None:
    request = Request("GET", hosts, "/crm/v3?hapikey=eu1-0", ())
    assert mask_request(SHIPPED, request, "https") == shown


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_law_4_a_scheme_that_is_no_known_one_is_masked(scheme: str) -> None:
    """HTTP/2 lets a client write anything there."""
    request = Request("GET", HOSTS, "/", ())
    assert mask_url(request, scheme, SHIPPED).startswith(f"{scheme}://")
    assert mask_url(request, private_app_token("eu1"), SHIPPED).startswith("***://")


@pytest.mark.parametrize("method", [*HTTPMethod, "propfind", "MKCOL", "PURGE"])
def test_a_known_method_is_shown(method: str) -> None:
    assert mask_method(method) == method


@pytest.mark.parametrize("method", [private_app_token("eu1"), "S3CRETS3CRET", "GET x", "G&T", UUID])
def test_any_other_method_is_masked(method: str) -> None:
    """A client may write a credential there; it is refused, and logged."""
    assert mask_method(method) == "***"
    assert mask_request(SHIPPED, Request(method, HOSTS, "/", ()), "https").startswith("*** http")


def test_only_a_short_name_is_shown_as_a_hublet() -> None:
    assert is_like_a_hublet("eu1")
    assert not is_like_a_hublet("pat-eu1-0000")


def test_columns_begin_at_one_place() -> None:
    assert aligned([("a", "bc", ""), ("abc", "d", "e")]) == ["a    bc", "abc  d   e"]
    assert aligned([]) == []
