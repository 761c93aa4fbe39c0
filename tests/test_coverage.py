"""What recorded requests make of a table."""

import json
from pathlib import Path

import pytest

from hublet_router.core.decision import Reason
from hublet_router.core.findings import MAX_CREDENTIAL
from hublet_router.core.request import Request
from hublet_router.explain.coverage import MAX_KINDS, Coverage
from hublet_router.tablefile import load, loads
from synthetic import UUID, access_token, api_key, private_app_token

SHIPPED = load(Path(__file__).parents[1] / "hublets.yaml")
HOSTS = ("api.hubapi.com",)
SECRET = "c0ffee5ec2e7"


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
        "no request used rule 'private-app-token'",
        "no request used rule 'private-app-token-in-header'",
        "no request used rule 'private-app-token-in-json'",
        "no request used rule 'refresh-token'",
        "no request used rule 'oauth-access-token-in-form'",
        "no request used rule 'refresh-token-in-query'",
        "no request used rule 'oauth-access-token-in-query'",
        "no request used rule 'refresh-token-in-path'",
        "no request used rule 'personal-access-key'",
    ]
    assert coverage.unused()[0].at == SHIPPED.rules[0].at
    assert covered().unused()[0].text == "no request went to Hublet 'na1'"


FORM = ("content-type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("request_", "kinds"),
    [
        pytest.param(get("/?hapikey=demo"), ["query hapikey: 4 to 7 characters of a-z"], id="rule"),
        pytest.param(
            get("/", ("authorization", f"Bearer {access_token(None)}")),
            [
                "header authorization bearer (oauth-access-token, names none):"
                " 64 to 127 characters of A-Z a-z 0-9"
            ],
            id="a kind that is known",
        ),
        pytest.param(
            get("/", ("authorization", f"Bearer {private_app_token('eu1')}")), [], id="explained"
        ),
        pytest.param(
            get("/oauth/v1/access-tokens/demo"),
            ["path of oauth-access-token-in-path: 4 to 7 characters of a-z"],
            id="a path",
        ),
        pytest.param(
            get("/?hapikey=eu1-" + "a" * MAX_CREDENTIAL),
            ["query hapikey: eu1-…, 16384 to 32767 characters of a-z 0-9 -"],
            id="too long",
        ),
        pytest.param(
            get("/", ("authorization", "Basic YTpi")),
            ["header authorization basic: 4 to 7 characters of A-Z a-z"],
            id="another scheme",
        ),
        pytest.param(
            get("/", ("authorization", "hunter two")),
            ["header authorization: 8 to 15 characters of a-z and others"],
            id="no scheme that is known",
        ),
        pytest.param(
            get("/", ("proxy-authorization", "Bearer")),
            ["header proxy-authorization: 4 to 7 characters of A-Z a-z"],
            id="only a scheme",
        ),
        pytest.param(get("/", ("authorization", " ")), [], id="nothing"),
        pytest.param(
            get("/", ("x-api-key", "k"), ("private-token", "t"), ("accept", "a"), ("x-key", "")),
            ["header private-token: 1 character of a-z", "header x-api-key: 1 character of a-z"],
            id="headers",
        ),
        pytest.param(
            get("/", ("cookie", 'lang=en; sessionid="abc"; csrf_token=x'), ("author", "me")),
            [
                "cookie csrf_token: 1 character of a-z",
                "cookie sessionid: 2 to 3 characters of a-z",
            ],
            id="cookies",
        ),
        pytest.param(
            get("/?access_token=abc&limit=10&key=&monkey=1"),
            ["query access_token: 2 to 3 characters of a-z"],
            id="parameters",
        ),
        pytest.param(
            get("/", FORM, body=b"client_secret=abc&grant_type=x"),
            ["form client_secret: 2 to 3 characters of a-z"],
            id="a form",
        ),
        pytest.param(get("/", body=b"client_secret=abc"), [], id="another body"),
        pytest.param(get("/oauth/v1/token", FORM, body=None), [], id="a body that is not there"),
        pytest.param(
            get("/", ("sec-websocket-key", "k"), ("idempotency-key", "k")), [], id="other keys"
        ),
        pytest.param(
            Request("GET", ("other.example",), "/", (("x-api-key", "k"),)), [], id="foreign"
        ),
        pytest.param(
            get(f"/?{SECRET}_token=abc&{'a' * 50}token=x"),
            [
                "query (a name that is not shown): 1 character of a-z",
                "query (a name that is not shown): 2 to 3 characters of a-z",
            ],
            id="names that could be secrets",
        ),
    ],
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
    letters = [chr(97 + at // 26) + chr(97 + at % 26) for at in range(26 * 26)]
    coverage = covered(
        *(get(f"/?{name}_{more}_token=x") for name in letters for more in ("a", "b"))
    )
    kinds = coverage.unexplained()

    assert len(kinds) == MAX_KINDS + 1
    assert kinds[0] == (2 * 26 * 26 - MAX_KINDS, "elsewhere: of still other kinds")


def test_law_4_no_secret_is_shown() -> None:
    headers = ("authorization", "proxy-authorization", "x-api-key", "cookie", "x-auth-token")
    values = (SECRET, f"Bearer {SECRET}", f"{SECRET} x", f"Basic {SECRET}", f"token={SECRET}")
    requests = [get("/", (name, value)) for name in headers for value in values]
    requests += [get(f"/?{name}={SECRET}") for name in ("hapikey", "token", SECRET, "a" + SECRET)]
    requests += [get(f"/?{SECRET}", FORM, body=f"{SECRET}token={SECRET}".encode())]
    requests += [get("/", ("cookie", f"{SECRET}_token={SECRET}"))]
    requests += [Request("GET", (f"{SECRET}@api.hubapi.com",), f"/{SECRET}?token={SECRET}")]
    coverage = covered(*requests)
    said = json.dumps([coverage.unused(), coverage.unexplained(), coverage.reasons])

    assert len(coverage.unexplained()) > 15
    assert SECRET not in said
