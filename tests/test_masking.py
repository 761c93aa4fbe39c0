"""What may be shown of a request that holds credentials."""

import re

import pytest

from hublet_router.core.decision import Action, Decision, Reason, refuse
from hublet_router.core.places import Cookie, Form, Header, Json, Path, Place, Query
from hublet_router.core.request import Request
from hublet_router.core.table import Upstream
from hublet_router.explain.masking import (
    counted,
    describe_shape,
    mask_foreign_url,
    mask_target,
    mask_url,
    place_name,
    printable,
)
from synthetic import UUID, private_app_token


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a?hapikey=secret&b=c", "/a?hapikey=***&b=c"),
        ("/a?hapi%6bey=secret&other=secret", "/a?hapi%6bey=***&other=***"),
        ("/a?hapikey", "/a?hapikey"),
        ("/a?access%5ftoken=secret&limit=10", "/a?access%5ftoken=***&limit=10"),
        ("/tokens/secret/x?y", "/tokens/***/x?y"),
        ("//t%6fkens/secret?y", "/tokens/***?y"),
        ("/tokens/sec%2Fret/x?y", "/tokens/***?y"),
        ("/tokens/sec%2fret", "/tokens/***"),
        ("/a%2Fb", "/a%2Fb"),
        ("/maybe/", "/maybe/"),
        ("/tokens/secret/to/secret", "/tokens/***/to/***"),
        ("/tokens/secret/../x", "/tokens/***"),
        ("/tokens/secret/..?y", "/tokens/?y"),
        ("/tokens/secret/%2E%2e", "/tokens/"),
        ("/tokens/;secret", "/tokens/"),
        ("/tokens/%3bsecret", "/tokens/***"),
        ("/a", "/a"),
    ],
)
def test_law_4_credentials_of_the_url_are_masked(target: str, shown: str) -> None:
    places: list[Place] = [
        Query("hapikey"),
        Query("other"),
        Path(re.compile("^/tokens/([^/]+)")),
        Path(re.compile("/to/([^/]+)")),
        Path(re.compile("^/maybe/(x)?")),
        Header("x"),
    ]
    assert mask_target(Request("GET", ("api.hubapi.com",), target), places) == shown


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("API.HubApi.com:8443", "http://API.HubApi.com:8443/x?hapikey=***"),
        ("user:secret@api.hubapi.com", "http://api.hubapi.com/x?hapikey=***"),
        ("user:p@ss@api.hubapi.com", "http://api.hubapi.com/x?hapikey=***"),
        (None, "http:///x?hapikey=***"),
    ],
)
def test_law_4_a_url_shows_its_host_without_userinfo(host: str | None, shown: str) -> None:
    request = Request("GET", (host,) if host else (), "/x?hapikey=secret")
    assert mask_url("http", request, [Query("hapikey")]) == shown
    assert mask_foreign_url("http", request) == shown.partition("/x")[0] + "/***"


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        (private_app_token("eu1"), "pat-…, 32 to 63 characters of a-z 0-9 -"),
        (UUID, "32 to 63 characters of 0-9 -"),
        ("a1b2c3d4-0000-4000-8000-000000000000", "32 to 63 characters of a-z 0-9 -"),
        ("fra:0000000000000000", "fra:…, 16 to 31 characters of a-z 0-9 :"),
        ("fra:hunter2", "8 to 15 characters of a-z 0-9 :"),
        ("demo", "4 to 7 characters of a-z"),
        ("Pass word/é", "8 to 15 characters of A-Z a-z / and others"),
        ("x", "1 character of a-z"),
    ],
)
def test_law_4_a_shape_is_no_secret(credential: str, shown: str) -> None:
    assert describe_shape(credential) == shown


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
    assert printable("GET /caf\xe9 \x1b[2J\n") == r"GET /caf\xe9 \x1b[2J\x0a"
