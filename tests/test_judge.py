import re
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from hublet_router.core.decision import Action, Decision, Reason
from hublet_router.core.findings import findings
from hublet_router.core.judge import decide
from hublet_router.core.lookup import Rule
from hublet_router.core.places import Path, Query
from hublet_router.core.readers import Account, Protobuf
from hublet_router.core.request import Request
from hublet_router.core.table import Accounts, Move, Policy, Table
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

MAX_CREDENTIAL, MAX_PATH = 16 * 1024, 20 * 1024  # as answers and docs say

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


def outcome(decision: Decision) -> str:
    """Return action, Hublet, reason and rule: `route eu1 credential api-key`."""
    return " ".join(
        (decision.action, decision.hublet or "-", decision.reason, decision.credential or "-")
    )


EU1_PAT, AP1_PAT, ZZ9_PAT = [bearer(private_app_token(name)) for name in ("eu1", "ap1", "zz9")]
PAT = "private-app-token"
OAUTH = "oauth-access-token"
TOKEN_URL = "/oauth/v1/token"
HOSTED = {
    host: request("/", EU1_PAT, hosts=(host,))
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


@cases(
    ("seen", "hublet", "credential"),
    {
        "pat": (request("/", EU1_PAT), "eu1", PAT),
        "pat, na1": (request("/", bearer(private_app_token("na1"))), "na1", PAT),
        "access token": (request("/", bearer(access_token("ap1"))), "ap1", OAUTH),
        "api key": (request(f"/?hapikey={api_key('eu1')}"), "eu1", "api-key"),
        "api key, encoded": (
            request(f"/?hapikey={api_key('eu1').replace('-', '%2D')}"),
            "eu1",
            "api-key",
        ),
        "refresh token": (
            request(TOKEN_URL, body=f"a=b&refresh_token={api_key('eu1')}".encode()),
            "eu1",
            "refresh-token",
        ),
        "a path that a server would normalise": (
            request("/%6Fauth//v1/x/../token", body=f"token={api_key('eu1')}".encode()),
            "eu1",
            "refresh-token",
        ),
        "the second rule of a place": (
            request(TOKEN_URL, body=f"token={access_token('eu1')}".encode()),
            "eu1",
            "access-token-in-form",
        ),
        "the only rule of a place for that path": (
            request("/oauth/v3/token", body=f"token={access_token('eu1')}".encode()),
            "eu1",
            "access-token-in-form",
        ),
        "path": (
            request(f"/oauth/v1/refresh-tokens/{api_key('ap1')}"),
            "ap1",
            "refresh-token-in-path",
        ),
        "json": (
            request(
                "/localdevauth/v1/auth/refresh",
                body=f'{{"encodedOAuthRefreshToken": "{personal_access_key("eu1")}"}}'.encode(),
            ),
            "eu1",
            "personal-access-key",
        ),
        "cookie": (request("/", cookie('{"customer": {"region": "eu1"}}')), "eu1", "session"),
        "basic": (request("/", ("authorization", f"Basic {base64url(b'eu1:x')}")), "eu1", "basic"),
        "the same header twice": (request("/", EU1_PAT, EU1_PAT), "eu1", PAT),
        "two credentials, one Hublet": (
            request(f"/?hapikey={api_key('eu1')}", bearer(access_token("eu1"))),
            "eu1",
            OAUTH,
        ),
        "one names a Hublet, the other none": (request(f"/?hapikey={UUID}", EU1_PAT), "eu1", PAT),
        "one names none, the other a Hublet": (
            request(f"/?hapikey={api_key('eu1')}", bearer(access_token(None))),
            "eu1",
            "api-key",
        ),
        "two hapikeys, one names a Hublet": (
            request(f"/?hapikey=demo&hapikey={api_key('eu1')}"),
            "eu1",
            "api-key",
        ),
        "the body is too long, but nothing reads it": (
            request("/crm", EU1_PAT, body=None),
            "eu1",
            PAT,
        ),
        "16 KiB": (request("/", bearer("pat-eu1-" + "x" * (MAX_CREDENTIAL - 8))), "eu1", PAT),
        **{f"host {host}": (seen, "eu1", PAT) for host, seen in HOSTED.items()},
        "one host, given twice": (
            request("/", EU1_PAT, hosts=("api.hubapi.com", "API.hubapi.com:443")),
            "eu1",
            PAT,
        ),
    },
)
def test_the_credential_decides(seen: Request, hublet: str, credential: str) -> None:
    decision = decide(TABLE, seen)

    assert outcome(decision) == f"route {hublet} credential {credential}"
    assert decision.upstream is TABLE.hublets[hublet]
    assert decision.table == TABLE.version


TWO_TOKENS = request("/", EU1_PAT, AP1_PAT)
TWO_KEYS = request(f"/?hapikey={api_key('eu1')}&hapikey={api_key('ap1')}")
CONTRADICTION = base64url(varint_field(1, 1) + bytes_field(9, b"eu1") + bytes_field(9, b"ap1"))
ONE_KNOWN = request(f"/?hapikey={api_key('eu1')}", ZZ9_PAT)
CONFLICTS = {
    "two Authorization headers": (TWO_TOKENS, "eu1", PAT),
    "two hapikeys": (TWO_KEYS, "eu1", "api-key"),
    "duplicate field 9": (request("/", bearer(CONTRADICTION)), "eu1", OAUTH),
    "header and query: the first of the table": (
        request(f"/?hapikey={api_key('eu1')}", AP1_PAT),
        "ap1",
        PAT,
    ),
    "bearer and session cookie": (
        request("/", EU1_PAT, cookie('{"customer.region": "na1"}')),
        "eu1",
        PAT,
    ),
    "duplicate JSON keys in a JWT": (
        request("/", cookie('{"customer": {"region": "eu1"}, "customer": {"region": "ap1"}}')),
        "eu1",
        "session",
    ),
    "duplicate JSON keys in a body": (
        request(
            "/localdevauth/v1/auth/refresh",
            body=(
                f'{{"encodedOAuthRefreshToken": "{personal_access_key("eu1")}",'
                f' "encodedOAuthRefreshToken": "{personal_access_key("ap1")}"}}'
            ).encode(),
        ),
        "eu1",
        "personal-access-key",
    ),
    "one parameter twice, read by two rules": (
        request(TOKEN_URL, body=f"token={api_key('eu1')}&token={access_token('ap1')}".encode()),
        "eu1",
        "refresh-token",
    ),
    "header and body": (request(TOKEN_URL, EU1_PAT, body=b"token=ap1-"), "eu1", PAT),
}


@cases(("seen", "hublet", "credential"), CONFLICTS)
def test_different_names_are_a_conflict(seen: Request, hublet: str, credential: str) -> None:
    assert outcome(decide(TABLE, seen)) == f"refuse - conflict {credential}"


@cases(("seen", "hublet", "credential"), CONFLICTS)
def test_conflict_first(seen: Request, hublet: str, credential: str) -> None:
    decision = decide(TABLE.with_policy(conflict="first"), seen)

    assert outcome(decision) == f"route {hublet} credential {credential}"


FOREIGN = {
    "another host": request(hosts=("api.example.com",)),
    "a credential": request("/", EU1_PAT, hosts=("x.y",)),
    "the parent": request(hosts=("hubapi.com",)),
    "a child": request(hosts=("x.api.hubapi.com",)),
    "a prefix": request(hosts=("api.hubapi.com.evil.example",)),
    "a suffix": request(hosts=("evil-api.hubapi.com",)),
    "two labels for a star": request(hosts=("a.b.regional.example",)),
    "no label for a star": request(hosts=("regional.example",)),
    "userinfo": request(hosts=("user@api.hubapi.com",)),
    "userinfo like our host": request(hosts=("api.hubapi.com@evil.example",)),
    "two ports": request(hosts=("api.hubapi.com:443:443",)),
    "a port that is no number": request(hosts=("api.hubapi.com:https",)),
    "two dots": request(hosts=("api.hubapi.com..",)),
    "IPv6": request(hosts=("[::1]:443",)),
    "IPv6 without brackets": request(hosts=("::1",)),
    "IPv4": request(hosts=("127.0.0.1",)),
    "empty host": request(hosts=("",)),
    "no host": request(hosts=()),
    "two foreign hosts": request(hosts=("a.example", "b.example")),
}


@cases("seen", FOREIGN)
def test_a_foreign_host_is_refused(seen: Request) -> None:
    assert outcome(decide(TABLE, seen)) == "refuse - foreign-host -"


@cases("seen", FOREIGN)
def test_foreign_pass(seen: Request) -> None:
    decision = decide(TABLE.with_policy(foreign="pass"), seen)

    assert outcome(decision) == "pass - foreign-host -"
    assert decision.upstream is None


@pytest.mark.parametrize("foreign", ["refuse", "pass"])
@cases(
    "hosts",
    {
        "ours and foreign": ("api.hubapi.com", "api.example.com"),
        "foreign and ours": ("api.example.com", "api.hubapi.com"),
        "ours and broken": ("api.hubapi.com", "user@api.hubapi.com"),
        "two of ours": ("api.hubapi.com", "api.hubspot.com"),
        "ours and empty": ("api.hubapi.com", ""),
    },
)
def test_mixed_hosts_are_refused_whatever_foreign_says(
    foreign: str, hosts: tuple[str, ...]
) -> None:
    seen = request("/", EU1_PAT, hosts=hosts)

    assert outcome(decide(TABLE.with_policy(foreign=foreign), seen)) == "refuse - foreign-host -"


@pytest.mark.parametrize(
    ("sni", "expected"),
    [
        ("api.hubapi.com", f"route eu1 credential {PAT}"),
        ("API.HubSpot.com.", f"route eu1 credential {PAT}"),
        ("api.example.com", "refuse - foreign-host -"),
        ("", "refuse - foreign-host -"),
    ],
)
def test_the_name_that_a_client_asks_for_in_tls_must_be_ours(sni: str, expected: str) -> None:
    assert outcome(decide(TABLE, replace(request("/", EU1_PAT), sni=sni))) == expected


LEGACY = request("/?hapikey=demo")
ANONYMOUS = request()
UNKNOWN = request("/", ZZ9_PAT)


@cases(
    ("policy", "seen", "expected"),
    {
        "legacy": ({}, LEGACY, "route na1 legacy api-key"),
        "legacy default": ({"legacy": "default"}, LEGACY, "route na1 legacy api-key"),
        "legacy refuse": ({"legacy": "refuse"}, LEGACY, "refuse - legacy api-key"),
        "anonymous": ({}, ANONYMOUS, "route na1 anonymous -"),
        "anonymous default": ({"anonymous": "default"}, ANONYMOUS, "route na1 anonymous -"),
        "anonymous refuse": ({"anonymous": "refuse"}, ANONYMOUS, "refuse - anonymous -"),
        "unknown": ({}, UNKNOWN, f"refuse - unknown-hublet {PAT}"),
        "unknown refuse": ({"unknown": "refuse"}, UNKNOWN, f"refuse - unknown-hublet {PAT}"),
        "unknown default": ({"unknown": "default"}, UNKNOWN, f"route na1 unknown-hublet {PAT}"),
        "conflict": ({"conflict": "refuse"}, TWO_KEYS, "refuse - conflict api-key"),
        "first": ({"conflict": "first"}, TWO_KEYS, "route eu1 credential api-key"),
        "unknown beside known": ({}, ONE_KNOWN, f"refuse - unknown-hublet {PAT}"),
        "unknown after the first": (
            {"conflict": "first"},
            replace(ONE_KNOWN, target=f"/?hapikey={api_key('zz9')}", headers=(EU1_PAT,)),
            "refuse - unknown-hublet api-key",
        ),
        "first is unknown, and that goes to the default": (
            {"conflict": "first", "unknown": "default"},
            ONE_KNOWN,
            f"route na1 unknown-hublet {PAT}",
        ),
        "unknown and known are a conflict": (
            {"unknown": "default"},
            ONE_KNOWN,
            f"refuse - conflict {PAT}",
        ),
    },
)
def test_policy(policy: dict[str, str], seen: Request, expected: str) -> None:
    assert outcome(decide(TABLE.with_policy(**policy), seen)) == expected


@pytest.mark.parametrize("seen", [LEGACY, ANONYMOUS, UNKNOWN], ids=["legacy", "anon", "unknown"])
def test_without_a_default_nothing_goes_there(seen: Request) -> None:
    table = replace(TABLE.with_policy(unknown="default"), default=None)

    assert decide(table, seen).action is Action.REFUSE


@cases(
    ("seen", "credential"),
    {
        "demo": (request("/?hapikey=demo"), "api-key"),
        "plain uuid": (request(f"/?hapikey={UUID}"), "api-key"),
        "token from before 2021": (request("/", bearer(access_token(None))), "oauth-access-token"),
        "broken token": (request("/", bearer(access_token(None)[:-5])), PAT),
        "garbage": (request("/", bearer("garbage")), PAT),
        "a JWT without the claim": (request("/", cookie("{}")), "session"),
        "the first that names none": (request(f"/?hapikey={UUID}", bearer("garbage")), PAT),
    },
)
def test_a_credential_that_names_none_is_legacy(seen: Request, credential: str) -> None:
    assert outcome(decide(TABLE, seen)) == f"route na1 legacy {credential}"


@cases(
    "seen",
    {
        "nothing": request(),
        "an empty key": request("/?hapikey="),
        "an empty token": request("/", ("authorization", "Bearer ")),
        "another scheme": request("/", ("authorization", "Digest x")),
        "client grant": request(TOKEN_URL, body=b"grant_type=client_credentials"),
        "not on that path": request("/crm/v3", body=f"token={api_key('eu1')}".encode()),
        "a long body that no rule reads": request("/crm/v3", body=None),
    },
)
def test_a_request_without_credential_is_anonymous(seen: Request) -> None:
    assert outcome(decide(TABLE, seen)) == "route na1 anonymous -"


LONG = "pat-eu1-" + "x" * (MAX_CREDENTIAL - 7)


@cases(
    ("seen", "credential"),
    {
        "body": (request(TOKEN_URL, body=None), "refresh-token"),
        "body, and the only rule for that path": (
            request("/oauth/v3/token", body=None),
            "access-token-in-form",
        ),
        "json body": (request("/localdevauth/x", body=None), "personal-access-key"),
        "body, beside a credential that names none": (
            request(TOKEN_URL, bearer("garbage"), body=None),
            "refresh-token",
        ),
        "body, beside a credential that names a Hublet": (
            request(TOKEN_URL, EU1_PAT, body=None),
            "refresh-token",
        ),
        "body, beside an unlisted Hublet": (
            request(TOKEN_URL, ZZ9_PAT, body=None),
            "refresh-token",
        ),
        "body, an account": (request(f"{TOKEN_URL}?portalId=7", body=None), "refresh-token"),
        "credential": (request("/", bearer(LONG)), PAT),
        "credential, beside one that names a Hublet": (request("/", bearer(LONG), EU1_PAT), PAT),
        "credential after one that names a Hublet": (
            request(f"/?hapikey={LONG}", EU1_PAT),
            "api-key",
        ),
        "in a form": (request(TOKEN_URL, body=f"token={LONG}".encode()), "refresh-token"),
    },
)
@pytest.mark.parametrize("policy", [{}, {"legacy": "refuse"}, {"conflict": "first"}], ids=str)
def test_what_is_too_large_to_be_read_is_refused(
    policy: dict[str, str], seen: Request, credential: str
) -> None:
    assert outcome(decide(TABLE.with_policy(**policy), seen)) == f"refuse - too-large {credential}"


UNREADABLE = {
    "body": request(TOKEN_URL, ("content-type", "text/plain"), body=b"a=1"),
    "coding": request(TOKEN_URL, EU1_PAT, ("content-encoding", "br"), body=b"x"),
    "scheme": request("/", bearer(f"token={UUID}")),
    "escapes": request("/?hapikey=%u0065u1-0", EU1_PAT),
    "cookie, an account": request("/?portalId=7", ("cookie", "sid=%65u1")),
}


@cases("seen", UNREADABLE)
def test_what_cannot_be_read_is_refused_whatever_else_names_a_hublet(seen: Request) -> None:
    for table in (TABLE, MOVED, TABLE.with_policy(conflict="first", stray="ignore")):
        assert decide(table, seen)[0:4:3] == (Action.REFUSE, Reason.UNREADABLE)


@cases("seen", UNREADABLE)
def test_unreadable_ignore(seen: Request) -> None:
    assert decide(TABLE.with_policy(unreadable="ignore"), seen).action is Action.ROUTE


def test_what_is_too_large_is_refused_whatever_the_policy_for_the_unreadable() -> None:
    for seen in (request("/?hapikey=" + "x" * 16_385), request("/", bearer("x" * 16_385))):
        decision = decide(TABLE.with_policy(unreadable="ignore"), seen)
        assert (decision.action, decision.reason) == (Action.REFUSE, Reason.TOO_LARGE)


STRAY = {
    "anonymous": request("/", ("x-token", private_app_token("eu1"))),
    "legacy": request(f"/?x={api_key('eu1')}&hapikey=demo"),
    "in another rule's place": request(f"/?hapikey={private_app_token('eu1')}"),
    "a credential": request(f"/?x={api_key('eu1')}", bearer(private_app_token("na1"))),
}


@cases("seen", STRAY)
def test_another_hublets_credential_where_no_rule_looks_is_refused(seen: Request) -> None:
    assert decide(TABLE, seen)[0:4:3] == (Action.REFUSE, Reason.STRAY)
    assert decide(TABLE.with_policy(stray="ignore"), seen).hublet == "na1"


@pytest.mark.parametrize("char", ["\r", "\n", "\0", "\x1b", "\x7f"])
def test_control_characters_are_refused_in_target_and_fields(char: str) -> None:
    for seen in (request(f"/{char}x", EU1_PAT), request("/", EU1_PAT, ("x-a", f"a{char}b"))):
        assert outcome(decide(TABLE, seen)) == "refuse - unreadable -"


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
FIRST_OF_MOVED = MOVED.with_policy(conflict="first")


def token(hublet: str | None, *accounts: int) -> tuple[str, str]:
    """Return an access token of these accounts; more than one is a contradiction."""
    fields = b"".join(varint_field(3, account) for account in accounts)
    name = bytes_field(9, hublet.encode()) if hublet else b""
    return bearer(base64url(varint_field(1, 1) + fields + name))


@cases(
    ("seen", "hublet", "credential"),
    {
        "query": (request("/?portalId=7"), "eu1", "-"),
        "query, another spelling": (request("/?portalId=0007"), "eu1", "-"),
        "query, encoded": (request("/?portal%49d=%37"), "eu1", "-"),
        "path": (request("/submit/8/form"), "ap1", "-"),
        "path, as a server may": (request("/submit//%38/form"), "ap1", "-"),
        "protobuf": (request("/", token("na1", 7)), "eu1", OAUTH),
        "a token that names none": (request("/", token(None, 7)), "eu1", OAUTH),
        "an unlisted Hublet": (request("/", token("zz9", 7)), "eu1", OAUTH),
        "where a credential says": (request("/?portalId=8", AP1_PAT), "ap1", PAT),
        "where it says already": (request("/", token("eu1", 7)), "eu1", OAUTH),
        "two of one Hublet": (request("/", token("na1", 7, 9)), "eu1", OAUTH),
        "beats its credential": (request("/?portalId=8", EU1_PAT), "ap1", PAT),
        "an old key": (request("/?portalId=8&hapikey=demo"), "ap1", "api-key"),
        "the account, twice": (request("/?portalId=7", token("na1", 7)), "eu1", OAUTH),
        "two accounts, one Hublet": (request("/?portalId=7", token("na1", 9)), "eu1", OAUTH),
        "another's, in the same": (request("/?portalId=7", token("eu1", 1)), "eu1", OAUTH),
        "beside one not listed": (request("/?portalId=1", token("na1", 7)), "eu1", OAUTH),
    },
)
def test_an_account_that_has_moved_decides(seen: Request, hublet: str, credential: str) -> None:
    decision = decide(MOVED, seen)

    assert outcome(decision) == f"route {hublet} moved {credential}"
    assert decision.upstream is MOVED.hublets[hublet]
    assert outcome(decide(FIRST_OF_MOVED, seen)) == outcome(decision)


@cases(
    "seen",
    {
        "none": request(),
        "an empty one": request("/?portalId="),
        "another text": request("/?portalId=x7"),
        "query": request("/?portalId=1"),
        "two": request("/submit/1/form?portalId=2"),
        "beside a credential": request("/?portalId=1", EU1_PAT),
        "protobuf": request("/", token("ap1", 1)),
        "protobuf, no Hublet": request("/", token(None, 1)),
        "a token without account": request("/", token("eu1")),
        "an unread body": request(TOKEN_URL, body=None),
        "a foreign host": request(hosts=("x.example",)),
        "a conflict": TWO_KEYS,
    },
)
def test_an_account_that_is_not_listed_changes_nothing(seen: Request) -> None:
    assert decide(MOVED, seen) == decide(TABLE, seen)
    assert outcome(decide(FIRST_OF_MOVED, seen)) == outcome(
        decide(TABLE.with_policy(conflict="first"), seen)
    )


@cases("seen", FOREIGN)
def test_a_moved_account_opens_no_other_host(seen: Request) -> None:
    there = replace(seen, target="/?portalId=7")

    assert outcome(decide(MOVED, there)) == "refuse - foreign-host -"


@cases(
    ("seen", "credential", "first"),
    {
        "query": (request("/?portalId=7&portalId=8"), "-", "route eu1 moved -"),
        "query and path": (request("/submit/8/form?portalId=7"), "-", "route eu1 moved -"),
        "one that has not moved, one that has": (
            request("/submit/8/form?portalId=1"),
            "-",
            "route na1 anonymous -",
        ),
        "query and credential": (
            request("/?portalId=8", token("na1", 7)),
            OAUTH,
            f"route eu1 moved {OAUTH}",
        ),
        "two in one credential": (
            request("/", token("na1", 7, 8)),
            OAUTH,
            f"route eu1 moved {OAUTH}",
        ),
        "one credential, one of its two has moved": (
            request("/", token("na1", 1, 7)),
            OAUTH,
            f"route eu1 moved {OAUTH}",
        ),
        "a credential of another account": (
            request("/?portalId=8", token("eu1", 1)),
            OAUTH,
            f"route ap1 moved {OAUTH}",
        ),
        "a credential of another account that names none": (
            request("/?portalId=8", token(None, 1)),
            "-",
            f"route ap1 moved {OAUTH}",
        ),
        "two credentials that differ": (
            request("/?portalId=8&hapikey=na1-", EU1_PAT),
            PAT,
            f"route ap1 moved {PAT}",
        ),
        "beside a credential that names the old one": (
            request("/?hapikey=na1-", token("na1", 7)),
            OAUTH,
            f"route eu1 moved {OAUTH}",
        ),
        "two credentials, two accounts": (
            request("/", token("na1", 7), token("na1", 8)),
            OAUTH,
            f"route eu1 moved {OAUTH}",
        ),
        "three credentials": (
            request("/?hapikey=na1-", EU1_PAT, token("na1", 8)),
            PAT,
            f"route ap1 moved {OAUTH}",
        ),
    },
)
def test_accounts_that_disagree_are_a_conflict(seen: Request, credential: str, first: str) -> None:
    assert outcome(decide(MOVED, seen)) == f"refuse - conflict {credential}"
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

    assert outcome(decide(nowhere, seen)) == "refuse - conflict -"


def test_a_credential_that_is_too_long_is_refused_beside_a_moved_account() -> None:
    seen = request("/?portalId=7", bearer(LONG))

    assert outcome(decide(MOVED, seen)) == f"refuse - too-large {PAT}"


def test_the_account_of_another_kind_of_credential_is_an_accident() -> None:
    """An API key can be the base64 of a message; only a rule that reads messages looks inside."""
    _, text = token(None, 7)
    seen = request(f"/?hapikey={text.removeprefix('Bearer ')}")

    assert outcome(decide(MOVED, seen)) == "route na1 legacy api-key"


def test_findings_are_what_was_found_and_not_what_was_decided() -> None:
    seen = request("/?hapikey=demo", token("na1", 7))
    found = [(it.rule.name, it.hublets, it.accounts) for it in findings(MOVED, seen)]

    assert found == [(OAUTH, ("na1",), ("7",)), ("api-key", (), ())]


# The laws of the design, as far as the pure core can keep them; test_laws.py has the others.

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


@cases("secret", SECRETS)
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


@pytest.mark.parametrize("name", ["127.0.0.1", "evil.example", "eu1@evil.example", "EU1", "eu1."])
def test_law_5_what_a_credential_names_is_looked_up_as_it_stands(name: str) -> None:
    token = base64url(varint_field(1, 1) + bytes_field(9, name.encode()))

    assert outcome(decide(TABLE, request("/", bearer(token)))) == f"refuse - unknown-hublet {OAUTH}"


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


@cases(
    ("seen", "hublet"),
    {
        "in a claim": (other("/", claims(region="eu-central-1")), "eu"),
        "a number": (other("/", claims(region=2)), "eu"),
        "of the default": (other("/", claims(region="us-east-1")), "us"),
        "in a key": (other("/", key("EU")), "eu"),
        "two names, one Hublet": (other("/", claims(region="eu-central-1"), key("EU")), "eu"),
        "its own and another": (other("/", claims(region="eu"), key("EU")), "eu"),
    },
)
def test_an_alias_is_another_name_of_a_hublet(seen: Request, hublet: str) -> None:
    decision = decide(OTHER, seen)

    assert (decision.hublet, decision.reason) == (hublet, "credential")


@cases(
    ("seen", "reason"),
    {
        "no alias": (other("/", claims(region="Eu")), "unknown-hublet"),
        "two Hublets": (other("/", claims(region="eu-central-1"), key("us")), "conflict"),
        "a stray": (other("/", key("us"), ("x-other", "acme_EU_1_0123456789abcdef")), "stray"),
        "the host": (other("/", claims(region="eu"), host="api-us.example.com"), "conflict"),
        "and a key": (other("/", key("us"), host="api-EU.example.com:443"), "conflict"),
    },
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


@cases(
    "seen",
    {
        "header": other("/", ("x-account", "7")),
        "header, another spelling": other("/", ("x-account", " 007 ")),
        "header with a scheme": other("/", ("authorization", "Account 7")),
        "cookie": other("/", ("cookie", "a=b; account=7")),
        "query": other("/?acct=7"),
        "form": other("/form", FORM, body=b"a=b&account=7"),
        "json": other("/json", JSON, body=b'{"account": {"id": "7"}}'),
        "json, a number": other("/json", JSON, body=b'{"account": {"id": 7}}'),
        "json, a fraction": other("/json", JSON, body=b'{"number": 7.0}'),
        "json, a long number": other("/json", JSON, body=b'{"number": 9007199254740993}'),
        "claim": other("/", claims(region="us", account=7)),
        "claim, a text": other("/", claims(region="us", account="acme")),
        "claim of a token that names none": other("/", claims(account=7)),
        "key": other("/", key("us", "7")),
        "beside, from an alias": other("/", ("x-account", "8"), claims(region="us-east-1")),
    },
)
def test_an_account_is_found_in_any_place(seen: Request) -> None:
    decision = decide(OTHER, seen)

    assert (decision.hublet, decision.reason) == ("eu", "moved")
    listed = replace(OTHER, accounts=OTHER.accounts and replace(OTHER.accounts, moved={}))
    assert decide(listed, seen).hublet == "us"


@cases(
    ("seen", "reason"),
    {
        "beside, no from": (other("/", ("x-account", "7"), key("us")), "conflict"),
        "beside and inside": (other("/", ("x-account", "acme"), key("us", "7")), "moved"),
        "inside of one of two": (other("/", key("us", "7"), claims(region="us")), "conflict"),
        "another format": (other("/form", JSON, body=b"{}"), "unreadable"),
        "a long body": (other("/form", FORM, body=None), "too-large"),
        "an escaped cookie": (other("/", ("cookie", "account=%37")), "unreadable"),
        "escaped twice": (other("/?account=%2537"), "unreadable"),
        "a long account": (other("/", ("x-account", "7" * 20000)), "too-large"),
        "a body of another path": (other("/other", JSON, body=b"{"), "anonymous"),
    },
)
def test_an_account_beside_is_held_to_what_a_credential_is(seen: Request, reason: str) -> None:
    assert decide(OTHER, seen).reason == reason


def test_an_account_that_cannot_be_read_may_be_ignored() -> None:
    table = OTHER.with_policy(unreadable="ignore")

    assert decide(table, other("/form", JSON, body=b"{}")).reason == "anonymous"


@pytest.mark.parametrize("target", ["/" + "x" * MAX_PATH, "/" + "%2F" * MAX_PATH + "?a=b"])
def test_a_path_that_no_server_takes_is_too_large(target: str) -> None:
    assert outcome(decide(TABLE, request(target, EU1_PAT))) == "refuse - too-large -"
    assert decide(TABLE, request("/?" + target, EU1_PAT)).hublet == "eu1"
    longest = "/" + "x" * (MAX_PATH - 1)
    assert decide(TABLE, request(longest, EU1_PAT)).hublet == "eu1"
    assert decide(TABLE, request(longest + "?a=b", EU1_PAT)).hublet == "eu1"


@pytest.mark.parametrize("account", ["5", "+5", "005", "+005", "%2B5", "%205%20"])
def test_an_account_is_read_as_a_server_would(account: str) -> None:
    decision = decide(MOVED, request(f"/?portalId={account.replace('5', '7')}"))
    assert decision.reason is Reason.MOVED
