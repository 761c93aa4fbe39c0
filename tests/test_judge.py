import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublet_router.core.decision import Action, Decision, Reason, refuse
from hublet_router.core.findings import MAX_CREDENTIAL, findings
from hublet_router.core.judge import decide
from hublet_router.core.lookup import Rule
from hublet_router.core.paths import MAX_PATH
from hublet_router.core.places import Path, Query
from hublet_router.core.readers import Account, Protobuf
from hublet_router.core.request import Request
from hublet_router.core.table import Accounts, Move, Policy, Table, Upstream
from hublet_router.tablefile import loads
from shipped_table import SHIPPED
from synthetic import (
    UUID,
    access_token,
    api_key,
    base64url,
    bytes_field,
    jwt,
    personal_access_key,
    private_app_token,
    varint_field,
)

HUBLETS = """
hublets:
  na1: {upstream: "https://127.0.0.1:9441"}
  eu1: {upstream: "https://127.0.0.1:9442"}
  ap1: {upstream: "https://127.0.0.1:9443"}
default: na1
"""
TABLE = loads(
    f"""
domains: [api.hubapi.com, api.hubspot.com, "*.regional.example"]
{HUBLETS}
credentials:
  - name: private-app-token
    in: {{header: authorization, scheme: bearer}}
    hublet: {{regex: "^pat-([a-z]{{2}}[0-9]{{1,3}})-"}}
  - name: oauth-access-token
    in: {{header: authorization, scheme: bearer}}
    hublet: {{protobuf: 9}}
  - name: api-key
    in: {{query: hapikey}}
    hublet: {{regex: "^([a-z]{{2}}[0-9]{{1,3}})-"}}
  - name: refresh-token
    paths: "^/oauth/v1/token$"
    in: {{form: [refresh_token, token]}}
    hublet: {{regex: "^([a-z]{{2}}[0-9]{{1,3}})-"}}
  - name: access-token-in-form
    paths: "^/oauth/"
    in: {{form: token}}
    hublet: {{protobuf: 9}}
  - name: refresh-token-in-path
    in: {{path: "^/oauth/v1/refresh-tokens/([^/]+)"}}
    hublet: {{regex: "^([a-z]{{2}}[0-9]{{1,3}})-"}}
  - name: personal-access-key
    paths: "^/localdevauth/"
    in: {{json: encodedOAuthRefreshToken}}
    hublet: {{protobuf: 9}}
  - name: session
    in: {{cookie: sid}}
    hublet: {{jwt: customer.region}}
  - name: basic
    in: {{header: authorization, scheme: basic}}
    hublet: {{base64: "^([a-z]{{2}}[0-9]{{1,3}}):"}}
""".encode()
)


def request(
    target: str = "/crm/v3/objects/contacts",
    *headers: tuple[str, str],
    body: bytes | None = b"",
    hosts: tuple[str, ...] = ("api.hubapi.com",),
) -> Request:
    return Request("POST" if body is None or body else "GET", hosts, target, headers, body)


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


def cookie(payload: str) -> tuple[str, str]:
    return ("cookie", f"theme=dark; sid={jwt(payload)}")


def with_policy(**policy: str) -> Table:
    return replace(TABLE, policy=replace(TABLE.policy, **cast("dict[str, Any]", policy)))


def outcome(decision: Decision) -> tuple[str, str | None, str, str | None]:
    return (decision.action, decision.hublet, decision.reason, decision.credential)


PAT = "private-app-token"
OAUTH = "oauth-access-token"
TOKEN_URL = "/oauth/v1/token"
HOSTED = {
    host: request("/", bearer(private_app_token("eu1")), hosts=(host,))
    for host in (
        "api.hubapi.com",
        "API.HubAPI.Com",
        "api.hubapi.com.",
        "api.hubapi.com:443",
        "api.hubapi.com:8080",
        "api.hubapi.com:",
        "api.hubspot.com",
        "one.regional.example",
    )
}


@pytest.mark.parametrize(
    ("seen", "hublet", "credential"),
    [
        pytest.param(request("/", bearer(private_app_token("eu1"))), "eu1", PAT, id="pat"),
        pytest.param(request("/", bearer(private_app_token("na1"))), "na1", PAT, id="pat, na1"),
        pytest.param(request("/", bearer(access_token("ap1"))), "ap1", OAUTH, id="access token"),
        pytest.param(request(f"/?hapikey={api_key('eu1')}"), "eu1", "api-key", id="api key"),
        pytest.param(
            request(f"/?hapikey={api_key('eu1').replace('-', '%2D')}"),
            "eu1",
            "api-key",
            id="api key, encoded",
        ),
        pytest.param(
            request(TOKEN_URL, body=f"a=b&refresh_token={api_key('eu1')}".encode()),
            "eu1",
            "refresh-token",
            id="refresh token",
        ),
        pytest.param(
            request("/%6Fauth//v1/x/../token", body=f"token={api_key('eu1')}".encode()),
            "eu1",
            "refresh-token",
            id="a path that a server would normalise",
        ),
        pytest.param(
            request(TOKEN_URL, body=f"token={access_token('eu1')}".encode()),
            "eu1",
            "access-token-in-form",
            id="the second rule of a place",
        ),
        pytest.param(
            request("/oauth/v3/token", body=f"token={access_token('eu1')}".encode()),
            "eu1",
            "access-token-in-form",
            id="the only rule of a place for that path",
        ),
        pytest.param(
            request(f"/oauth/v1/refresh-tokens/{api_key('ap1')}"),
            "ap1",
            "refresh-token-in-path",
            id="path",
        ),
        pytest.param(
            request(
                "/localdevauth/v1/auth/refresh",
                body=f'{{"encodedOAuthRefreshToken": "{personal_access_key("eu1")}"}}'.encode(),
            ),
            "eu1",
            "personal-access-key",
            id="json",
        ),
        pytest.param(
            request("/", cookie('{"customer": {"region": "eu1"}}')), "eu1", "session", id="cookie"
        ),
        pytest.param(
            request("/", ("authorization", f"Basic {base64url(b'eu1:x')}")),
            "eu1",
            "basic",
            id="basic",
        ),
        pytest.param(
            request("/", bearer(private_app_token("eu1")), bearer(private_app_token("eu1"))),
            "eu1",
            PAT,
            id="the same header twice",
        ),
        pytest.param(
            request(f"/?hapikey={api_key('eu1')}", bearer(access_token("eu1"))),
            "eu1",
            OAUTH,
            id="two credentials, one Hublet",
        ),
        pytest.param(
            request(f"/?hapikey={UUID}", bearer(private_app_token("eu1"))),
            "eu1",
            PAT,
            id="one names a Hublet, the other none",
        ),
        pytest.param(
            request(f"/?hapikey={api_key('eu1')}", bearer(access_token(None))),
            "eu1",
            "api-key",
            id="one names none, the other a Hublet",
        ),
        pytest.param(
            request(f"/?hapikey=demo&hapikey={api_key('eu1')}"),
            "eu1",
            "api-key",
            id="two hapikeys, one names a Hublet",
        ),
        pytest.param(
            request("/crm", bearer(private_app_token("eu1")), body=None),
            "eu1",
            PAT,
            id="the body is too long, but nothing reads it",
        ),
        pytest.param(
            request("/", bearer("pat-eu1-" + "x" * (MAX_CREDENTIAL - 8))), "eu1", PAT, id="16 KiB"
        ),
        *(pytest.param(seen, "eu1", PAT, id=f"host {host}") for host, seen in HOSTED.items()),
        pytest.param(
            request(
                "/",
                bearer(private_app_token("eu1")),
                hosts=("api.hubapi.com", "API.hubapi.com:443"),
            ),
            "eu1",
            PAT,
            id="one host, given twice",
        ),
    ],
)
def test_the_credential_decides(seen: Request, hublet: str, credential: str) -> None:
    decision = decide(TABLE, seen)

    assert outcome(decision) == ("route", hublet, "credential", credential)
    assert decision.upstream is TABLE.hublets[hublet]
    assert decision.table == TABLE.version


TWO_TOKENS = request("/", bearer(private_app_token("eu1")), bearer(private_app_token("ap1")))
TWO_KEYS = request(f"/?hapikey={api_key('eu1')}&hapikey={api_key('ap1')}")
CONTRADICTION = base64url(varint_field(1, 1) + bytes_field(9, b"eu1") + bytes_field(9, b"ap1"))
ONE_KNOWN = request(f"/?hapikey={api_key('eu1')}", bearer(private_app_token("zz9")))
CONFLICTS = [
    pytest.param(TWO_TOKENS, "eu1", PAT, id="two Authorization headers"),
    pytest.param(TWO_KEYS, "eu1", "api-key", id="two hapikeys"),
    pytest.param(request("/", bearer(CONTRADICTION)), "eu1", OAUTH, id="duplicate field 9"),
    pytest.param(
        request(f"/?hapikey={api_key('eu1')}", bearer(private_app_token("ap1"))),
        "ap1",
        PAT,
        id="header and query: the first of the table",
    ),
    pytest.param(
        request("/", bearer(private_app_token("eu1")), cookie('{"customer.region": "na1"}')),
        "eu1",
        PAT,
        id="bearer and session cookie",
    ),
    pytest.param(
        request("/", cookie('{"customer": {"region": "eu1"}, "customer": {"region": "ap1"}}')),
        "eu1",
        "session",
        id="duplicate JSON keys in a JWT",
    ),
    pytest.param(
        request(
            "/localdevauth/v1/auth/refresh",
            body=(
                f'{{"encodedOAuthRefreshToken": "{personal_access_key("eu1")}",'
                f' "encodedOAuthRefreshToken": "{personal_access_key("ap1")}"}}'
            ).encode(),
        ),
        "eu1",
        "personal-access-key",
        id="duplicate JSON keys in a body",
    ),
    pytest.param(
        request(TOKEN_URL, body=f"token={api_key('eu1')}&token={access_token('ap1')}".encode()),
        "eu1",
        "refresh-token",
        id="one parameter twice, read by two rules",
    ),
    pytest.param(
        request(TOKEN_URL, bearer(private_app_token("eu1")), body=b"token=ap1-"),
        "eu1",
        PAT,
        id="header and body",
    ),
]


@pytest.mark.parametrize(("seen", "hublet", "credential"), CONFLICTS)
def test_different_names_are_a_conflict(seen: Request, hublet: str, credential: str) -> None:
    assert outcome(decide(TABLE, seen)) == ("refuse", None, "conflict", credential)


@pytest.mark.parametrize(("seen", "hublet", "credential"), CONFLICTS)
def test_conflict_first(seen: Request, hublet: str, credential: str) -> None:
    decision = decide(with_policy(conflict="first"), seen)

    assert outcome(decision) == ("route", hublet, "credential", credential)


FOREIGN = [
    pytest.param(request(hosts=("api.example.com",)), id="another host"),
    pytest.param(request("/", bearer(private_app_token("eu1")), hosts=("x.y",)), id="a credential"),
    pytest.param(request(hosts=("hubapi.com",)), id="the parent"),
    pytest.param(request(hosts=("x.api.hubapi.com",)), id="a child"),
    pytest.param(request(hosts=("api.hubapi.com.evil.example",)), id="a prefix"),
    pytest.param(request(hosts=("evil-api.hubapi.com",)), id="a suffix"),
    pytest.param(request(hosts=("a.b.regional.example",)), id="two labels for a star"),
    pytest.param(request(hosts=("regional.example",)), id="no label for a star"),
    pytest.param(request(hosts=("user@api.hubapi.com",)), id="userinfo"),
    pytest.param(request(hosts=("api.hubapi.com@evil.example",)), id="userinfo like our host"),
    pytest.param(request(hosts=("api.hubapi.com:443:443",)), id="two ports"),
    pytest.param(request(hosts=("api.hubapi.com:https",)), id="a port that is no number"),
    pytest.param(request(hosts=("api.hubapi.com..",)), id="two dots"),
    pytest.param(request(hosts=("[::1]:443",)), id="IPv6"),
    pytest.param(request(hosts=("::1",)), id="IPv6 without brackets"),
    pytest.param(request(hosts=("127.0.0.1",)), id="IPv4"),
    pytest.param(request(hosts=("",)), id="empty host"),
    pytest.param(request(hosts=()), id="no host"),
    pytest.param(request(hosts=("a.example", "b.example")), id="two foreign hosts"),
]


@pytest.mark.parametrize("seen", FOREIGN)
def test_a_foreign_host_is_refused(seen: Request) -> None:
    assert outcome(decide(TABLE, seen)) == ("refuse", None, "foreign-host", None)


@pytest.mark.parametrize("seen", FOREIGN)
def test_foreign_pass(seen: Request) -> None:
    decision = decide(with_policy(foreign="pass"), seen)

    assert outcome(decision) == ("pass", None, "foreign-host", None)
    assert decision.upstream is None


@pytest.mark.parametrize("foreign", ["refuse", "pass"])
@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(("api.hubapi.com", "api.example.com"), id="ours and foreign"),
        pytest.param(("api.example.com", "api.hubapi.com"), id="foreign and ours"),
        pytest.param(("api.hubapi.com", "user@api.hubapi.com"), id="ours and broken"),
        pytest.param(("api.hubapi.com", "api.hubspot.com"), id="two of ours"),
        pytest.param(("api.hubapi.com", ""), id="ours and empty"),
    ],
)
def test_mixed_hosts_are_refused_whatever_foreign_says(
    foreign: str, hosts: tuple[str, ...]
) -> None:
    seen = request("/", bearer(private_app_token("eu1")), hosts=hosts)

    assert outcome(decide(with_policy(foreign=foreign), seen)) == (
        "refuse",
        None,
        "foreign-host",
        None,
    )


EU1_PAT = bearer(private_app_token("eu1"))
LEGACY = request("/?hapikey=demo")
ANONYMOUS = request()
UNKNOWN = request("/", bearer(private_app_token("zz9")))


@pytest.mark.parametrize(
    ("policy", "seen", "expected"),
    [
        pytest.param({}, LEGACY, ("route", "na1", "legacy", "api-key"), id="legacy"),
        pytest.param(
            {"legacy": "default"},
            LEGACY,
            ("route", "na1", "legacy", "api-key"),
            id="legacy default",
        ),
        pytest.param(
            {"legacy": "refuse"}, LEGACY, ("refuse", None, "legacy", "api-key"), id="legacy refuse"
        ),
        pytest.param({}, ANONYMOUS, ("route", "na1", "anonymous", None), id="anonymous"),
        pytest.param(
            {"anonymous": "default"},
            ANONYMOUS,
            ("route", "na1", "anonymous", None),
            id="anonymous default",
        ),
        pytest.param(
            {"anonymous": "refuse"},
            ANONYMOUS,
            ("refuse", None, "anonymous", None),
            id="anonymous refuse",
        ),
        pytest.param({}, UNKNOWN, ("refuse", None, "unknown-hublet", PAT), id="unknown"),
        pytest.param(
            {"unknown": "refuse"},
            UNKNOWN,
            ("refuse", None, "unknown-hublet", PAT),
            id="unknown refuse",
        ),
        pytest.param(
            {"unknown": "default"},
            UNKNOWN,
            ("route", "na1", "unknown-hublet", PAT),
            id="unknown default",
        ),
        pytest.param(
            {"conflict": "refuse"}, TWO_KEYS, ("refuse", None, "conflict", "api-key"), id="conflict"
        ),
        pytest.param(
            {"conflict": "first"}, TWO_KEYS, ("route", "eu1", "credential", "api-key"), id="first"
        ),
        pytest.param(
            {}, ONE_KNOWN, ("refuse", None, "unknown-hublet", PAT), id="unknown beside known"
        ),
        pytest.param(
            {"conflict": "first"},
            replace(ONE_KNOWN, target=f"/?hapikey={api_key('zz9')}", headers=(EU1_PAT,)),
            ("refuse", None, "unknown-hublet", "api-key"),
            id="unknown after the first",
        ),
        pytest.param(
            {"conflict": "first", "unknown": "default"},
            ONE_KNOWN,
            ("route", "na1", "unknown-hublet", PAT),
            id="first is unknown, and that goes to the default",
        ),
        pytest.param(
            {"unknown": "default"},
            ONE_KNOWN,
            ("refuse", None, "conflict", PAT),
            id="unknown and known are a conflict",
        ),
    ],
)
def test_policy(
    policy: dict[str, str], seen: Request, expected: tuple[str, str | None, str, str | None]
) -> None:
    assert outcome(decide(with_policy(**policy), seen)) == expected


@pytest.mark.parametrize("seen", [LEGACY, ANONYMOUS, UNKNOWN], ids=["legacy", "anon", "unknown"])
def test_without_a_default_nothing_goes_there(seen: Request) -> None:
    table = replace(with_policy(unknown="default"), default=None)

    assert decide(table, seen).action is Action.REFUSE


@pytest.mark.parametrize(
    ("seen", "credential"),
    [
        pytest.param(request("/?hapikey=demo"), "api-key", id="demo"),
        pytest.param(request(f"/?hapikey={UUID}"), "api-key", id="plain uuid"),
        pytest.param(
            request("/", bearer(access_token(None))),
            "oauth-access-token",
            id="token from before 2021",
        ),
        pytest.param(request("/", bearer(access_token("eu1")[:-3])), PAT, id="broken token"),
        pytest.param(request("/", bearer("garbage")), PAT, id="garbage"),
        pytest.param(request("/", cookie("{}")), "session", id="a JWT without the claim"),
        pytest.param(
            request(f"/?hapikey={UUID}", bearer("garbage")), PAT, id="the first that names none"
        ),
    ],
)
def test_a_credential_that_names_none_is_legacy(seen: Request, credential: str) -> None:
    assert outcome(decide(TABLE, seen)) == ("route", "na1", "legacy", credential)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(request(), id="nothing"),
        pytest.param(request("/?hapikey="), id="an empty key"),
        pytest.param(request("/", ("authorization", "Bearer ")), id="an empty token"),
        pytest.param(request("/", ("authorization", "Digest x")), id="another scheme"),
        pytest.param(request(TOKEN_URL, body=b"grant_type=client_credentials"), id="client grant"),
        pytest.param(
            request("/crm/v3", body=f"token={api_key('eu1')}".encode()), id="not on that path"
        ),
        pytest.param(request("/crm/v3", body=None), id="a long body that no rule reads"),
    ],
)
def test_a_request_without_credential_is_anonymous(seen: Request) -> None:
    assert outcome(decide(TABLE, seen)) == ("route", "na1", "anonymous", None)


LONG = "pat-eu1-" + "x" * (MAX_CREDENTIAL - 7)


@pytest.mark.parametrize(
    ("seen", "credential"),
    [
        pytest.param(request(TOKEN_URL, body=None), "refresh-token", id="body"),
        pytest.param(
            request("/oauth/v3/token", body=None),
            "access-token-in-form",
            id="body, and the only rule for that path",
        ),
        pytest.param(request("/localdevauth/x", body=None), "personal-access-key", id="json body"),
        pytest.param(
            request(TOKEN_URL, bearer("garbage"), body=None),
            "refresh-token",
            id="body, beside a credential that names none",
        ),
        pytest.param(
            request(TOKEN_URL, EU1_PAT, body=None),
            "refresh-token",
            id="body, beside a credential that names a Hublet",
        ),
        pytest.param(
            request(TOKEN_URL, bearer(private_app_token("zz9")), body=None),
            "refresh-token",
            id="body, beside an unlisted Hublet",
        ),
        pytest.param(
            request(f"{TOKEN_URL}?portalId=7", body=None), "refresh-token", id="body, an account"
        ),
        pytest.param(request("/", bearer(LONG)), PAT, id="credential"),
        pytest.param(
            request("/", bearer(LONG), bearer(private_app_token("eu1"))),
            PAT,
            id="credential, beside one that names a Hublet",
        ),
        pytest.param(
            request(f"/?hapikey={LONG}", bearer(private_app_token("eu1"))),
            "api-key",
            id="credential after one that names a Hublet",
        ),
        pytest.param(
            request(TOKEN_URL, body=f"token={LONG}".encode()), "refresh-token", id="in a form"
        ),
    ],
)
@pytest.mark.parametrize("policy", [{}, {"legacy": "refuse"}, {"conflict": "first"}], ids=str)
def test_what_is_too_large_to_be_read_is_refused(
    policy: dict[str, str], seen: Request, credential: str
) -> None:
    assert outcome(decide(with_policy(**policy), seen)) == (
        "refuse",
        None,
        "too-large",
        credential,
    )


UNREADABLE = [
    pytest.param(request(TOKEN_URL, ("content-type", "text/plain"), body=b"a=1"), id="body"),
    pytest.param(request(TOKEN_URL, EU1_PAT, ("content-encoding", "br"), body=b"x"), id="coding"),
    pytest.param(request("/", bearer(f"token={UUID}")), id="scheme"),
    pytest.param(request("/?hapikey=%u0065u1-0", EU1_PAT), id="escapes"),
    pytest.param(request("/?portalId=7", ("cookie", "sid=%65u1")), id="cookie, an account"),
]


@pytest.mark.parametrize("seen", UNREADABLE)
def test_what_cannot_be_read_is_refused_whatever_else_names_a_hublet(seen: Request) -> None:
    for table in (TABLE, MOVED, with_policy(conflict="first", stray="ignore")):
        assert decide(table, seen)[0:4:3] == (Action.REFUSE, Reason.UNREADABLE)


@pytest.mark.parametrize("seen", UNREADABLE)
def test_unreadable_ignore(seen: Request) -> None:
    assert decide(with_policy(unreadable="ignore"), seen).action is Action.ROUTE


def test_what_is_too_large_is_refused_whatever_the_policy_for_the_unreadable() -> None:
    for seen in (request("/?hapikey=" + "x" * 16_385), request("/", bearer("x" * 16_385))):
        decision = decide(with_policy(unreadable="ignore"), seen)
        assert (decision.action, decision.reason) == (Action.REFUSE, Reason.TOO_LARGE)


STRAY = [
    pytest.param(request("/", ("x-token", private_app_token("eu1"))), id="anonymous"),
    pytest.param(request(f"/?x={api_key('eu1')}&hapikey=demo"), id="legacy"),
    pytest.param(request(f"/?hapikey={private_app_token('eu1')}"), id="in another rule's place"),
    pytest.param(
        request(f"/?x={api_key('eu1')}", bearer(private_app_token("na1"))), id="a credential"
    ),
]


@pytest.mark.parametrize("seen", STRAY)
def test_another_hublets_credential_where_no_rule_looks_is_refused(seen: Request) -> None:
    assert decide(TABLE, seen)[0:4:3] == (Action.REFUSE, Reason.STRAY)
    assert decide(with_policy(stray="ignore"), seen).hublet == "na1"


@pytest.mark.parametrize("char", ["\r", "\n", "\0", "\x1b", "\x7f"])
def test_control_characters_are_refused_in_target_and_fields(char: str) -> None:
    for seen in (request(f"/{char}x", EU1_PAT), request("/", EU1_PAT, ("x-a", f"a{char}b"))):
        assert outcome(decide(TABLE, seen)) == ("refuse", None, "unreadable", None)


MOVED = replace(
    TABLE,
    accounts=Accounts(
        beside=tuple(
            Rule("accounts", (place,), Account())
            for place in (Query("portalId"), Path(re.compile("^/submit/([0-9]+)/"), "/submit/"))
        ),
        inside=(Protobuf(3),),
        moved={"7": Move("eu1"), "8": Move("ap1", "eu1"), "9": Move("eu1", "na1")},
    ),
)
FIRST_OF_MOVED = replace(MOVED, policy=replace(MOVED.policy, conflict="first"))


AP1_PAT = bearer(private_app_token("ap1"))


def token(hublet: str | None, *accounts: int) -> tuple[str, str]:
    """Return an access token of these accounts; more than one is a contradiction."""
    fields = b"".join(varint_field(3, account) for account in accounts)
    name = bytes_field(9, hublet.encode()) if hublet else b""
    return bearer(base64url(varint_field(1, 1) + fields + name))


@pytest.mark.parametrize(
    ("seen", "hublet", "credential"),
    [
        pytest.param(request("/?portalId=7"), "eu1", None, id="query"),
        pytest.param(request("/?portalId=0007"), "eu1", None, id="query, another spelling"),
        pytest.param(request("/?portal%49d=%37"), "eu1", None, id="query, encoded"),
        pytest.param(request("/submit/8/form"), "ap1", None, id="path"),
        pytest.param(request("/submit//%38/form"), "ap1", None, id="path, as a server may"),
        pytest.param(request("/", token("na1", 7)), "eu1", OAUTH, id="protobuf"),
        pytest.param(request("/", token(None, 7)), "eu1", OAUTH, id="a token that names none"),
        pytest.param(request("/", token("zz9", 7)), "eu1", OAUTH, id="an unlisted Hublet"),
        pytest.param(request("/?portalId=8", AP1_PAT), "ap1", PAT, id="where a credential says"),
        pytest.param(request("/", token("eu1", 7)), "eu1", OAUTH, id="where it says already"),
        pytest.param(request("/", token("na1", 7, 9)), "eu1", OAUTH, id="two of one Hublet"),
        pytest.param(request("/?portalId=8", EU1_PAT), "ap1", PAT, id="beats its credential"),
        pytest.param(request("/?portalId=8&hapikey=demo"), "ap1", "api-key", id="an old key"),
        pytest.param(
            request("/?portalId=7", token("na1", 7)), "eu1", OAUTH, id="the account, twice"
        ),
        pytest.param(
            request("/?portalId=7", token("na1", 9)), "eu1", OAUTH, id="two accounts, one Hublet"
        ),
        pytest.param(
            request("/?portalId=7", token("eu1", 1)), "eu1", OAUTH, id="another's, in the same"
        ),
        pytest.param(
            request("/?portalId=1", token("na1", 7)), "eu1", OAUTH, id="beside one not listed"
        ),
    ],
)
def test_an_account_that_has_moved_decides(
    seen: Request, hublet: str, credential: str | None
) -> None:
    decision = decide(MOVED, seen)

    assert outcome(decision) == ("route", hublet, "moved", credential)
    assert decision.upstream is MOVED.hublets[hublet]
    assert outcome(decide(FIRST_OF_MOVED, seen)) == outcome(decision)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(request(), id="none"),
        pytest.param(request("/?portalId="), id="an empty one"),
        pytest.param(request("/?portalId=x7"), id="another text"),
        pytest.param(request("/?portalId=1"), id="query"),
        pytest.param(request("/submit/1/form?portalId=2"), id="two"),
        pytest.param(request("/?portalId=1", EU1_PAT), id="beside a credential"),
        pytest.param(request("/", token("ap1", 1)), id="protobuf"),
        pytest.param(request("/", token(None, 1)), id="protobuf, no Hublet"),
        pytest.param(request("/", token("eu1")), id="a token without account"),
        pytest.param(request(TOKEN_URL, body=None), id="an unread body"),
        pytest.param(request(hosts=("x.example",)), id="a foreign host"),
        pytest.param(TWO_KEYS, id="a conflict"),
    ],
)
def test_an_account_that_is_not_listed_changes_nothing(seen: Request) -> None:
    assert decide(MOVED, seen) == decide(TABLE, seen)
    assert outcome(decide(FIRST_OF_MOVED, seen)) == outcome(
        decide(with_policy(conflict="first"), seen)
    )


@pytest.mark.parametrize("seen", [value for param in FOREIGN for value in param.values])
def test_a_moved_account_opens_no_other_host(seen: object) -> None:
    assert isinstance(seen, Request)
    there = replace(seen, target="/?portalId=7")

    assert outcome(decide(MOVED, there)) == ("refuse", None, "foreign-host", None)


@pytest.mark.parametrize(
    ("seen", "credential", "first"),
    [
        pytest.param(
            request("/?portalId=7&portalId=8"), None, ("route", "eu1", "moved", None), id="query"
        ),
        pytest.param(
            request("/submit/8/form?portalId=7"),
            None,
            ("route", "eu1", "moved", None),
            id="query and path",
        ),
        pytest.param(
            request("/submit/8/form?portalId=1"),
            None,
            ("route", "na1", "anonymous", None),
            id="one that has not moved, one that has",
        ),
        pytest.param(
            request("/?portalId=8", token("na1", 7)),
            OAUTH,
            ("route", "eu1", "moved", OAUTH),
            id="query and credential",
        ),
        pytest.param(
            request("/", token("na1", 7, 8)),
            OAUTH,
            ("route", "eu1", "moved", OAUTH),
            id="two in one credential",
        ),
        pytest.param(
            request("/", token("na1", 1, 7)),
            OAUTH,
            ("route", "eu1", "moved", OAUTH),
            id="one credential, one of its two has moved",
        ),
        pytest.param(
            request("/?portalId=8", token("eu1", 1)),
            OAUTH,
            ("route", "ap1", "moved", OAUTH),
            id="a credential of another account",
        ),
        pytest.param(
            request("/?portalId=8", token(None, 1)),
            None,
            ("route", "ap1", "moved", OAUTH),
            id="a credential of another account that names none",
        ),
        pytest.param(
            request("/?portalId=8&hapikey=na1-", EU1_PAT),
            PAT,
            ("route", "ap1", "moved", PAT),
            id="two credentials that differ",
        ),
        pytest.param(
            request("/?hapikey=na1-", token("na1", 7)),
            OAUTH,
            ("route", "eu1", "moved", OAUTH),
            id="beside a credential that names the old one",
        ),
        pytest.param(
            request("/", token("na1", 7), token("na1", 8)),
            OAUTH,
            ("route", "eu1", "moved", OAUTH),
            id="two credentials, two accounts",
        ),
        pytest.param(
            request("/?hapikey=na1-", EU1_PAT, token("na1", 8)),
            PAT,
            ("route", "ap1", "moved", OAUTH),
            id="three credentials",
        ),
    ],
)
def test_accounts_that_disagree_are_a_conflict(
    seen: Request, credential: str | None, first: tuple[str, str | None, str, str | None]
) -> None:
    assert outcome(decide(MOVED, seen)) == ("refuse", None, "conflict", credential)
    assert outcome(decide(FIRST_OF_MOVED, seen)) == first


def test_an_account_speaks_for_no_credential_but_of_the_hublet_that_it_left() -> None:
    assert MOVED.accounts
    moved = {"7": Move("eu1", "ap1")}
    table = replace(MOVED, accounts=replace(MOVED.accounts, moved=moved))
    reasons = [
        decide(table, request("/?portalId=7", bearer(private_app_token(name)))).reason
        for name in ("na1", "ap1", "eu1")
    ]
    assert reasons == [Reason.CONFLICT, Reason.MOVED, Reason.MOVED]


def test_another_account_that_would_go_nowhere_is_a_conflict() -> None:
    nowhere = replace(MOVED, default=None)
    seen = request("/?portalId=8", token(None, 1))

    assert outcome(decide(nowhere, seen)) == ("refuse", None, "conflict", None)


def test_a_credential_that_is_too_long_is_refused_beside_a_moved_account() -> None:
    seen = request("/?portalId=7", bearer(LONG))

    assert outcome(decide(MOVED, seen)) == ("refuse", None, "too-large", PAT)


def test_the_account_of_another_kind_of_credential_is_an_accident() -> None:
    """An API key can be the base64 of a message; only a rule that reads messages looks inside."""
    _, text = token(None, 7)
    seen = request(f"/?hapikey={text.removeprefix('Bearer ')}")

    assert outcome(decide(MOVED, seen)) == ("route", "na1", "legacy", "api-key")


def test_findings_are_what_was_found_and_not_what_was_decided() -> None:
    seen = request("/?hapikey=demo", token("na1", 7))
    found = [(it.rule.name, it.hublets, it.accounts) for it in findings(MOVED, seen)]

    assert found == [(OAUTH, ("na1",), ("7",)), ("api-key", (), ())]


def test_actions_and_reasons_are_the_published_words() -> None:
    assert list(Action) == ["route", "refuse", "pass"]
    assert {*Reason} >= {
        "moved",
        "credential",
        "legacy",
        "anonymous",
        "unknown-hublet",
        "conflict",
        "foreign-host",
        "too-large",
        "no-table",
        "internal-error",
    }


@pytest.mark.parametrize("reason", [Reason.NO_TABLE, Reason.INTERNAL_ERROR])
def test_a_refusal_needs_no_table(reason: Reason) -> None:
    assert refuse(reason) == Decision(Action.REFUSE, None, None, reason, None, None)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(
            Decision(
                Action.ROUTE,
                "eu1",
                Upstream("https", "::1", 9442, "upstream"),
                Reason.CREDENTIAL,
                PAT,
                "0123456789ab",
            ),
            {
                "action": "route",
                "hublet": "eu1",
                "upstream": "https://[::1]:9442",
                "reason": "credential",
                "credential": "private-app-token",
                "table": "0123456789ab",
            },
            id="route",
        ),
        pytest.param(
            refuse(Reason.NO_TABLE),
            {
                "action": "refuse",
                "hublet": None,
                "upstream": None,
                "reason": "no-table",
                "credential": None,
                "table": None,
            },
            id="refuse",
        ),
    ],
)
def test_as_json(decision: Decision, expected: dict[str, str | None]) -> None:
    written = decision.as_json()

    assert list(written.items()) == list(expected.items())
    assert {type(value) for value in written.values()} <= {str, type(None)}


@pytest.mark.parametrize("field", ["action", "hublet", "upstream", "reason"])
def test_a_decision_is_immutable(field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(refuse(Reason.NO_TABLE), field, "eu1")


# The laws of the design, as far as the pure core can keep them.

NAMES = st.sampled_from(["na1", "eu1", "ap1", "zz9", "eu12", "127.0.0.1", "evil.example"])
TOKENS = st.one_of(
    NAMES.map(private_app_token),
    NAMES.map(access_token),
    NAMES.map(api_key),
    NAMES.map(personal_access_key),
    st.sampled_from(["", "demo", UUID, access_token(None), CONTRADICTION, LONG]),
    st.text(st.characters(max_codepoint=255)),
)
HOSTS = st.sampled_from(
    ["api.hubapi.com", "API.hubspot.com:8443", "api.example.com", "127.0.0.1:9441", "@", ""]
) | st.text(st.characters(max_codepoint=255))
PATHS = st.sampled_from(
    [
        "/",
        "/oauth/v1/token",
        "/oauth/2026-09/token/introspect",
        "/oauth/v1/refresh-tokens/",
        "/oauth/v1/access-tokens/",
        "/localdevauth/v1/auth/refresh",
    ]
)
BODIES = st.one_of(
    st.none(),
    st.binary(),
    TOKENS.map(lambda token: f"token={token}&refresh_token={token}".encode()),
    TOKENS.map(lambda token: f'{{"encodedOAuthRefreshToken": "{token}"}}'.encode()),
)
REQUESTS = st.builds(
    lambda hosts, path, tail, key, tokens, body: Request(
        "POST",
        tuple(hosts),
        f"{path}{tail}?hapikey={key}",
        tuple(bearer(token) for token in tokens),
        body,
    ),
    st.just(["api.hubapi.com"]) | st.lists(HOSTS, max_size=3),
    PATHS,
    TOKENS,
    TOKENS,
    st.lists(TOKENS, max_size=2),
    BODIES,
)
TABLES = st.builds(
    lambda **policy: replace(SHIPPED, policy=Policy(**policy)),
    legacy=st.sampled_from(["default", "refuse"]),
    anonymous=st.sampled_from(["default", "refuse"]),
    unknown=st.sampled_from(["refuse", "default"]),
    conflict=st.sampled_from(["refuse", "first"]),
    foreign=st.sampled_from(["refuse", "pass"]),
)
STRICT = replace(
    SHIPPED, policy=Policy("refuse", "refuse", "refuse", "refuse", "refuse"), default=None
)


def call_deep[T](frames: int, call: Callable[[], T]) -> T:
    """Call below that many frames of Python, as an engine with many layers does."""
    return call() if frames == 0 else call_deep(frames - 1, call)


@given(table=TABLES, seen=REQUESTS)
def test_law_1_a_request_reaches_only_a_hublet_that_its_credential_or_the_policy_names(
    table: Table, seen: Request
) -> None:
    decision = decide(table, seen)
    allowed = {
        Reason.CREDENTIAL: True,
        Reason.LEGACY: table.policy.legacy == "default",
        Reason.ANONYMOUS: table.policy.anonymous == "default",
        Reason.UNKNOWN_HUBLET: table.policy.unknown == "default",
    }

    assert decision.action is not Action.ROUTE or allowed[decision.reason]
    assert (decision.hublet is None) == (decision.action is not Action.ROUTE)


@given(seen=REQUESTS)
def test_law_1_with_a_strict_policy_only_a_credential_leads_anywhere(seen: Request) -> None:
    decision = decide(STRICT, seen)
    named = {
        name
        for rule in STRICT.rules
        for place in rule.places
        for credential in place.values(seen) or ()
        for name in rule.reader.names(credential)
    }

    assert decision.action is not Action.ROUTE or decision.hublet in named


@given(table=TABLES, seen=REQUESTS)
def test_law_2_a_decision_is_a_pure_function(table: Table, seen: Request) -> None:
    again = Request(seen.method, seen.hosts, seen.target, seen.headers, seen.body)

    assert decide(table, seen) == decide(table, seen) == decide(table, again)


def test_law_2_a_decision_does_not_depend_on_how_deep_the_caller_stands() -> None:
    key = b"[" * 500 + b'"' + personal_access_key("eu1").encode() + b'"' + b"]" * 500
    body = b'{"encodedOAuthRefreshToken": ' + key + b"}"
    seen = request("/localdevauth/v1/auth/refresh", body=body)

    assert call_deep(600, lambda: decide(SHIPPED, seen)) == decide(SHIPPED, seen)


@given(seen=REQUESTS)
def test_law_3_a_decision_changes_nothing_of_the_request(seen: Request) -> None:
    before = asdict(seen)
    decide(SHIPPED, seen)

    assert asdict(seen) == before


SECRETS = {
    PAT: private_app_token("eu1"),
    "access token": access_token("eu1"),
    "unknown": private_app_token("zz9"),
    "legacy": access_token(None),
    "contradiction": CONTRADICTION,
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_law_4_no_repr_holds_a_credential(secret: str) -> None:
    seen = request(
        f"/oauth/v1/refresh-tokens/{secret}?hapikey={secret}",
        bearer(secret),
        ("cookie", f"sid={secret}"),
        body=f"token={secret}".encode(),
    )
    decision = decide(TABLE, seen)
    shown = f"{seen!r} {seen} {decision!r} {decision} {decision.as_json()}"

    assert secret not in shown
    assert UUID not in shown
    assert "zz9" not in shown


@given(table=TABLES, seen=REQUESTS)
def test_law_5_a_token_selects_it_never_composes(table: Table, seen: Request) -> None:
    decision = decide(table, seen)

    assert decision.upstream is (table.hublets[decision.hublet] if decision.hublet else None)
    assert decision.credential in {None, *(rule.name for rule in table.rules)}


@pytest.mark.parametrize("name", ["127.0.0.1", "evil.example", "eu1@evil.example", "EU1", "eu1."])
def test_law_5_what_a_credential_names_is_looked_up_as_it_stands(name: str) -> None:
    token = base64url(varint_field(1, 1) + bytes_field(9, name.encode()))

    assert outcome(decide(TABLE, request("/", bearer(token)))) == (
        "refuse",
        None,
        "unknown-hublet",
        OAUTH,
    )


@given(table=TABLES, seen=REQUESTS)
def test_law_6_every_decision_explains_itself(table: Table, seen: Request) -> None:
    decision = decide(table, seen)

    assert isinstance(decision.reason, Reason)
    assert re.fullmatch("[0-9a-f]{12}", str(decision.table))
    if decision.reason is not Reason.UNREADABLE:  # control characters are in no rule's place
        assert (decision.credential is not None) == (
            decision.reason not in {Reason.ANONYMOUS, Reason.FOREIGN_HOST}
        )
    assert decision.as_json()["reason"] == decision.reason.value


OTHER = loads(
    b"""
domains: [api.example.com, api-eu.example.com, api-us.example.com]
hublets:
  us: {upstream: "https://us.internal.example", aliases: [us-east-1, "1"]}
  eu: {upstream: "https://eu.internal.example", aliases: [eu-central-1, EU, "2"]}
default: us
credentials:
  - name: regional-host
    in: {host: "^api-([a-z]+)[.]"}
    hublet: {regex: "^(.+)$"}
  - name: jwt
    in: {header: authorization, scheme: bearer}
    hublet: {jwt: region}
  - name: key
    in: {header: x-api-key}
    hublet: {regex: "^acme_([A-Za-z]+)_"}
accounts:
  ids:
    - {header: X-Account}
    - {header: authorization, scheme: account}
    - {cookie: account}
    - {query: [account, acct]}
    - {form: account, paths: "^/form"}
    - {json: [account.id, number], paths: "^/json"}
    - {jwt: account}
    - {regex: "^acme_[A-Za-z]+_([0-9]+)_"}
  moved: {7: eu, 8: {from: us-east-1, to: EU}, acme: eu, 9007199254740993: eu}
""",
    name="/nowhere/t.yaml",
)


def other(
    target: str = "/",
    *headers: tuple[str, str],
    body: bytes | None = b"",
    host: str = "api.example.com",
) -> Request:
    return Request("POST", (host,), target, headers, body)


def claims(**claims: object) -> tuple[str, str]:
    return bearer(jwt(claims))


def key(name: str, account: str = "1") -> tuple[str, str]:
    return "x-api-key", f"acme_{name}_{account}_0123456789abcdef"


@pytest.mark.parametrize(
    ("seen", "hublet"),
    [
        pytest.param(other("/", claims(region="eu-central-1")), "eu", id="in a claim"),
        pytest.param(other("/", claims(region=2)), "eu", id="a number"),
        pytest.param(other("/", claims(region="us-east-1")), "us", id="of the default"),
        pytest.param(other("/", key("EU")), "eu", id="in a key"),
        pytest.param(
            other("/", claims(region="eu-central-1"), key("EU")), "eu", id="two names, one Hublet"
        ),
        pytest.param(other("/", claims(region="eu"), key("EU")), "eu", id="its own and another"),
    ],
)
def test_an_alias_is_another_name_of_a_hublet(seen: Request, hublet: str) -> None:
    decision = decide(OTHER, seen)

    assert (decision.hublet, decision.reason) == (hublet, "credential")


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param(other("/", claims(region="Eu")), "unknown-hublet", id="no alias"),
        pytest.param(
            other("/", claims(region="eu-central-1"), key("us")), "conflict", id="two Hublets"
        ),
        pytest.param(
            other("/", key("us"), ("x-other", "acme_EU_1_0123456789abcdef")), "stray", id="a stray"
        ),
        pytest.param(
            other("/", claims(region="eu"), host="api-us.example.com"), "conflict", id="the host"
        ),
        pytest.param(
            other("/", key("us"), host="api-EU.example.com:443"), "conflict", id="and a key"
        ),
    ],
)
def test_names_that_are_no_alias_or_disagree_are_refused(seen: Request, reason: str) -> None:
    assert decide(OTHER, seen)[0:4:3] == ("refuse", reason)


@pytest.mark.parametrize(
    ("host", "headers", "hublet", "reason"),
    [
        ("api-eu.example.com", (), "eu", "credential"),
        ("API-EU.Example.com.:8443", (), "eu", "credential"),
        ("api-eu.example.com", (key("EU"),), "eu", "credential"),
        ("api-eu.example.com", (claims(sub="x"),), "eu", "credential"),
        ("api.example.com", (), "us", "anonymous"),
        ("api.example.com", (("referer", "x api-eu.example.com"),), "us", "anonymous"),
    ],
)
def test_a_regional_host_names_its_hublet(
    host: str, headers: tuple[tuple[str, str], ...], hublet: str, reason: str
) -> None:
    decision = decide(OTHER, other("/", *headers, host=host))

    assert (decision.hublet, decision.reason) == (hublet, reason)


FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(other("/", ("x-account", "7")), id="header"),
        pytest.param(other("/", ("x-account", " 007 ")), id="header, another spelling"),
        pytest.param(other("/", ("authorization", "Account 7")), id="header with a scheme"),
        pytest.param(other("/", ("cookie", "a=b; account=7")), id="cookie"),
        pytest.param(other("/?acct=7"), id="query"),
        pytest.param(other("/form", FORM, body=b"a=b&account=7"), id="form"),
        pytest.param(other("/json", JSON, body=b'{"account": {"id": "7"}}'), id="json"),
        pytest.param(other("/json", JSON, body=b'{"account": {"id": 7}}'), id="json, a number"),
        pytest.param(other("/json", JSON, body=b'{"number": 7.0}'), id="json, a fraction"),
        pytest.param(
            other("/json", JSON, body=b'{"number": 9007199254740993}'), id="json, a long number"
        ),
        pytest.param(other("/", claims(region="us", account=7)), id="claim"),
        pytest.param(other("/", claims(region="us", account="acme")), id="claim, a text"),
        pytest.param(other("/", claims(account=7)), id="claim of a token that names none"),
        pytest.param(other("/", key("us", "7")), id="key"),
        pytest.param(
            other("/", ("x-account", "8"), claims(region="us-east-1")), id="beside, from an alias"
        ),
    ],
)
def test_an_account_is_found_in_any_place(seen: Request) -> None:
    decision = decide(OTHER, seen)

    assert (decision.hublet, decision.reason) == ("eu", "moved")
    listed = replace(OTHER, accounts=OTHER.accounts and replace(OTHER.accounts, moved={}))
    assert decide(listed, seen).hublet == "us"


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param(other("/", ("x-account", "7"), key("us")), "conflict", id="beside, no from"),
        pytest.param(
            other("/", ("x-account", "acme"), key("us", "7")), "moved", id="beside and inside"
        ),
        pytest.param(
            other("/", key("us", "7"), claims(region="us")), "conflict", id="inside of one of two"
        ),
        pytest.param(other("/form", JSON, body=b"{}"), "unreadable", id="another format"),
        pytest.param(other("/form", FORM, body=None), "too-large", id="a long body"),
        pytest.param(other("/", ("cookie", "account=%37")), "unreadable", id="an escaped cookie"),
        pytest.param(other("/?account=%2537"), "unreadable", id="escaped twice"),
        pytest.param(other("/", ("x-account", "7" * 20000)), "too-large", id="a long account"),
        pytest.param(other("/other", JSON, body=b"{"), "anonymous", id="a body of another path"),
    ],
)
def test_an_account_beside_is_held_to_what_a_credential_is(seen: Request, reason: str) -> None:
    assert decide(OTHER, seen).reason == reason


def test_an_account_that_cannot_be_read_may_be_ignored() -> None:
    table = replace(OTHER, policy=replace(OTHER.policy, unreadable="ignore"))

    assert decide(table, other("/form", JSON, body=b"{}")).reason == "anonymous"


@pytest.mark.parametrize("target", ["/" + "x" * MAX_PATH, "/" + "%2F" * MAX_PATH + "?a=b"])
def test_a_path_that_no_server_takes_is_too_large(target: str) -> None:
    assert outcome(decide(TABLE, request(target, EU1_PAT)))[:3] == ("refuse", None, "too-large")
    assert decide(TABLE, request("/?" + target, EU1_PAT)).hublet == "eu1"
    assert decide(TABLE, request("/" + "x" * (MAX_PATH - 1), EU1_PAT)).hublet == "eu1"


@pytest.mark.parametrize("account", ["5", "+5", "005", "+005", "%2B5", "%205%20"])
def test_an_account_is_read_as_a_server_would(account: str) -> None:
    decision = decide(MOVED, request(f"/?portalId={account.replace('5', '7')}"))
    assert decision.reason is Reason.MOVED
