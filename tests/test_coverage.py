"""What recorded requests make of a table."""

import json
from itertools import combinations
from typing import Literal

import pytest

from cases import cases
from hublet_router.analysis.coverage import MAX_KINDS, Coverage
from hublet_router.core.decision import Reason
from hublet_router.core.findings import MAX_CREDENTIAL
from hublet_router.core.request import Request
from hublet_router.tablefile import loads
from shipped_table import SHIPPED
from synthetic import UUID, access_token, api_key, private_app_token

HOSTS = ("api.hubapi.com",)
SECRET = "c0ffee5ec2e7"
LONG = f"{SECRET}zqzqzq"
SHAPE = "16 to 31 characters of a-z 0-9"


def covered(*requests: Request) -> Coverage:
    coverage = Coverage(SHIPPED)
    for request in requests:
        coverage.add(request)
    return coverage


def get(target: str = "/", *headers: tuple[str, str], body: bytes | None = b"") -> Request:
    return Request("GET", HOSTS, target, headers, body)


def test_the_examples_use_each_rule_and_hublet() -> None:
    coverage = covered(*(example.request for example in SHIPPED.examples))

    assert coverage.unused() == []
    assert coverage.reasons.total() == len(SHIPPED.examples)


def test_what_no_request_used() -> None:
    coverage = covered(
        get(f"/?hapikey={api_key('eu1')}"),
        get("/", ("authorization", f"Bearer {access_token(None)}")),  # read, though it names none
        get(f"/oauth/v1/access-tokens/{access_token('ap1')}"),
    )
    texts = [text for _, text in coverage.unused()]

    assert texts == [
        "no request used rule 'regional-domain'",
        "no request used rule 'private-app-token'",
        "no request used rule 'private-app-token-in-header'",
        "no request used rule 'private-app-token-in-json'",
        "no request used rule 'refresh-token'",
        "no request used rule 'oauth-access-token-in-form'",
        "no request used rule 'refresh-token-in-json'",
        "no request used rule 'oauth-access-token-in-json'",
        "no request used rule 'refresh-token-in-query'",
        "no request used rule 'oauth-access-token-in-query'",
        "no request used rule 'refresh-token-in-path'",
        "no request used rule 'personal-access-key'",
    ]
    assert coverage.unused()[0].at == SHIPPED.rules[0].at
    assert covered().unused()[0].text == "no request went to Hublet 'na1'"


FORM = ("content-type", "application/x-www-form-urlencoded")


@cases(
    ("request_", "kinds"),
    {
        "rule": (get("/?hapikey=demo"), ["query hapikey: 4 to 7 characters of a-z"]),
        "a kind that is known": (
            get("/", ("authorization", f"Bearer {access_token(None)}")),
            [
                "header authorization bearer (oauth-access-token, names none):"
                " 64 to 127 characters of A-Z a-z 0-9"
            ],
        ),
        "explained": (get("/", ("authorization", f"Bearer {private_app_token('eu1')}")), []),
        "a path": (
            get("/oauth/v1/access-tokens/demo"),
            ["path of oauth-access-token-in-path: 4 to 7 characters of a-z"],
        ),
        "too long": (
            get("/?hapikey=eu1-" + "a" * MAX_CREDENTIAL),
            ["query hapikey: eu1-…, 16384 to 32767 characters of a-z 0-9 -"],
        ),
        "another scheme": (
            get("/", ("authorization", "Basic YTpi")),
            ["header authorization basic: 4 to 7 characters of A-Z a-z"],
        ),
        "no scheme that is known": (
            get("/", ("authorization", "hunter two")),
            ["header authorization: 8 to 15 characters of a-z and others"],
        ),
        "only a scheme": (
            get("/", ("proxy-authorization", "Bearer")),
            ["header proxy-authorization: 4 to 7 characters of A-Z a-z"],
        ),
        "nothing": (get("/", ("authorization", " ")), []),
        "headers": (
            get(
                "/",
                ("x-api-key", LONG),
                ("x-zq", LONG),
                ("accept", "a"),
                ("x-key", ""),
                ("host", f"{LONG}.example"),
            ),
            [f"header (a name that is not shown): {SHAPE}", f"header x-api-key: {SHAPE}"],
        ),
        "cookies": (
            get("/", ("cookie", f'lang=en; session="{LONG}"; csrf_token=x; {LONG}=1')),
            [f"cookie session: {SHAPE}"],
        ),
        "a parameter with the name of a field": (
            get(f"/?authorization={LONG}"),
            [f"query authorization: {SHAPE}"],
        ),
        "parameters": (
            get(f"/?user_token={LONG}&limit=10&key=&action=subscription-properties"),
            [f"query user_token: {SHAPE}"],
        ),
        "a form": (
            get("/", FORM, body=f"client_secret={LONG}&grant_type=x".encode()),
            [f"form client_secret: {SHAPE}"],
        ),
        "a document": (
            get("/", body=json.dumps({"auth": [1, {"token": LONG}], "text": LONG[:9]}).encode()),
            [f"json auth.token: {SHAPE}"],
        ),
        "another body": (get("/", body=f"client_secret={LONG}".encode()), []),
        "a body that is not there": (get("/oauth/v1/token", FORM, body=None), []),
        "too short": (get("/", ("sec-websocket-key", "k"), ("x-api-key", "k")), []),
        "foreign": (Request("GET", ("other.example",), "/", (("x-api-key", LONG),)), []),
        "names that could be secrets": (
            get(f"/?{SECRET}_token={LONG}"),
            [f"query (a name that is not shown): {SHAPE}"],
        ),
    },
)
def test_what_no_rule_explains(request_: Request, kinds: list[str]) -> None:
    assert [text for _, text in covered(request_).unexplained()] == kinds


def test_a_header_that_a_rule_reads_is_counted_once() -> None:
    table = loads(
        b"domains: [api.hubapi.com]\nhublets: {eu1: {upstream: 'https://a.example'}}\n"
        b"policy: {legacy: refuse, anonymous: refuse}\n"
        b"credentials: [{name: it, in: {header: authorization}, hublet: {regex: '(eu1)'}}]"
    )
    coverage = Coverage(table)
    coverage.add(get("/", ("authorization", "Bearer eu1")))
    assert coverage.unexplained() == []


def test_the_most_frequent_first() -> None:
    once, twice = get("/?hapikey=demo"), get(f"/?hapikey={UUID}")

    assert covered(once, twice, twice).unexplained() == [
        (2, "query hapikey: 32 to 63 characters of 0-9 -"),
        (1, "query hapikey: 4 to 7 characters of a-z"),
    ]
    assert covered(once, twice).reasons == {Reason.LEGACY: 2}


def test_the_number_of_kinds_is_bounded() -> None:
    names = ("x-token", "x-key", "x-session", "x-secret", "x-user")
    symbols = [chain for size in range(9) for chain in combinations("-_.:=/+~", size)]
    coverage = covered(
        *(get("/", (name, LONG + "".join(chain))) for name in names for chain in symbols)
    )
    kinds = coverage.unexplained()

    assert len(kinds) == MAX_KINDS + 1
    assert kinds[0] == (5 * 2**8 - MAX_KINDS, "elsewhere: of still other kinds")


@pytest.mark.parametrize("policy", ["refuse", "ignore"])
def test_what_the_stray_policy_refuses_is_counted(policy: Literal["refuse", "ignore"]) -> None:
    table = SHIPPED.with_policy(stray=policy)
    coverage = Coverage(table)
    coverage.add(get(f"/?hapikey={api_key('eu1')}", ("x-odd", private_app_token("na1"))))
    coverage.add(get())
    assert coverage.strays == 1
    first = Reason.STRAY if policy == "refuse" else Reason.CREDENTIAL
    assert coverage.reasons == {first: 1, Reason.ANONYMOUS: 1}


def test_law_4_no_secret_is_shown() -> None:
    headers = ("authorization", "proxy-authorization", "x-api-key", "cookie", "x-auth-token")
    values = (SECRET, f"Bearer {SECRET}", f"{SECRET} x", f"Basic {SECRET}", f"token={LONG}")
    requests = [get("/", (name, value)) for name in headers for value in values]
    requests += [get(f"/?{name}={SECRET}") for name in ("hapikey", "token", SECRET, "a" + SECRET)]
    requests += [get(f"/?{SECRET}", FORM, body=f"{SECRET}token={SECRET}".encode())]
    requests += [get("/", ("cookie", f"{SECRET}_token={SECRET}"))]
    requests += [Request("GET", (f"{SECRET}@api.hubapi.com",), f"/{SECRET}?token={SECRET}")]
    coverage = covered(*requests)
    said = json.dumps([coverage.unused(), coverage.unexplained(), coverage.reasons])

    assert len(coverage.unexplained()) > 10
    assert SECRET not in said
