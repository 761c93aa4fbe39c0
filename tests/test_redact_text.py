"""Pieces of requests and answers without their secrets."""

import pytest

from hublet_router.redaction.pseudonyms import Pseudonymizer
from hublet_router.redaction.redact_text import TextRedactor
from hublet_router.tablefile import loads
from synthetic import UUID, jwt

TABLE = loads(
    b"""
domains: [api.example.org, "*.tenants.router.io"]
default: na1
hublets: {na1: {upstream: "https://127.0.0.1:1"}, eu1: {upstream: "https://127.0.0.1:2"}}
credentials:
  - {name: bearer, in: {header: authorization, scheme: bearer}, hublet: {regex: "^pat-(...)-"}}
  - {name: whole, in: {header: authorization}, hublet: {regex: "^Bearer pat-(...)-"}}
  - {name: vendor, in: {header: server, scheme: special}, hublet: {regex: "^(...)-"}}
  - {name: query, in: {query: [Lock, apikey]}, hublet: {regex: "^(...)-"}}
  - {name: json, paths: "^/j", in: {json: a.lever}, hublet: {regex: "^(...)-"}}
  - {name: path, in: {path: "^/doors/([^/]+)"}, hublet: {regex: "^(...)-"}}
  - {name: inner, in: {path: "^/doors/[a-z]+-([a-z]+)"}, hublet: {regex: "^(...)-"}}
accounts: {ids: [{query: portal}, {path: "^/portals/([0-9]+)/"}], moved: {777: eu1}}
"""
)
LONG = "q7Jz0pXw3VbN8sKd"  # looks like a secret wherever it stands
WORD = "opensesame"  # does not


@pytest.fixture
def scrub() -> TextRedactor:
    return TextRedactor(TABLE, Pseudonymizer(TABLE, bytes(32)))


def replaced(scrub: TextRedactor, text: str) -> str:
    return Pseudonymizer(TABLE, bytes(32)).secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "text/html; charset=utf-8",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0",
        "hubspot-api-client-python3; 12.0.0",
        "max-age=3600, must-revalidate",
        "the key of a token: is not here",
        "application/vnd.example.v2+json",
        "the basic authentication failed",
        "/crm/v3/objects/contacts/batch/read-2026-09",
        "server closed connection",
        "2026-01-01 12:00",
    ],
)
def test_harmless_text_stays(scrub: TextRedactor, text: str) -> None:
    if "token:" not in text:
        assert scrub.text(text) == text
    else:
        assert scrub.text(text).startswith("the key of a token: ")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"a {LONG} b", LONG),
        (f"/{LONG}/", LONG),
        (f"id {UUID}", UUID),
        ("account 62515 of", "62515"),
        ("mail to jane.doe@example.org now", "jane.doe@example.org"),
        ("jwt " + jwt({"a": "b"}), jwt({"a": "b"})),
        (f"https://jane:{WORD}@host.example/x", f"jane:{WORD}@host.example"),
        (f"password={WORD}", WORD),
        (f"Api-Key: {WORD}; x", WORD),
        (f"{{'client_secret': '{WORD}'}}", WORD),
        (f'{{\\"access_token\\": \\"{WORD}\\"}}', WORD),
        (f"<SessionId>{WORD}</SessionId>", WORD),
        (f'name="password"\r\n\r\n{WORD}\r\n--', WORD),
        (f"Authorization: Bearer {WORD}", WORD),
        (f"sent Bearer {WORD}1 to", f"{WORD}1"),
    ],
)
def test_what_looks_like_a_secret_is_replaced(scrub: TextRedactor, text: str, secret: str) -> None:
    assert scrub.text(text) == text.replace(secret, replaced(scrub, secret))


@pytest.mark.parametrize("unit", ["a-", "a", "9-", "eyJ", "key", "a:", "x@", "\\", " ", "token "])
def test_long_text_takes_no_time(scrub: TextRedactor, unit: str) -> None:
    """Quadratic work would take minutes: this is a megabyte."""
    assert len(scrub.text(unit * (1_000_000 // len(unit)) + "!")) > 900_000


def test_a_secret_of_the_flow_is_replaced_wherever_it_stands_until_the_next_flow(
    scrub: TextRedactor,
) -> None:
    scrub.begin([WORD, "short", "APIKEY"])
    text = f"no door for {WORD}, {WORD}s; a short apikey"
    assert scrub.text(text) == text.replace(f"{WORD},", f"{replaced(scrub, WORD)},")
    scrub.begin([])
    assert scrub.text(text) == text


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("authorization", f"Bearer {WORD}", WORD),
        ("authorization", f"AWS4-HMAC-SHA256  Credential={WORD}", f"Credential={WORD}"),
        ("authorization", f"{WORD} {WORD}", f"{WORD} {WORD}"),
        ("proxy-authorization", f"basic {WORD}=", f"{WORD}="),
        ("server", f"special {WORD}", WORD),
        ("x-anything", WORD, WORD),
        ("cookie", f'a="{WORD}"', WORD),
        ("cookie", f"a; b={WORD};c", WORD),
        ("cookie", f"{WORD}", WORD),
        ("set-cookie", f"a={WORD}; Path=/; Secure; Max-Age=3600", WORD),
        ("set-cookie", f"a=; odd={WORD}", WORD),
        ("referer", f"https://api.example.org/x?code={WORD}&b=c", WORD),
        ("location", f"/x#access_token={WORD}", WORD),
        ("origin", "https://api.example.org", ""),
        ("host", f"user:{WORD}@api.example.org:443", WORD),
        ("accept", f"text/html;key={WORD}", WORD),
        ("content-length", "1234567", ""),
        ("content-length", "1234567, 5", "1234567"),
    ],
)
def test_headers(scrub: TextRedactor, name: str, value: str, secret: str) -> None:
    new = scrub.header(name, value)
    if secret:
        assert replaced(scrub, secret) in new
        assert secret not in new
        if name not in {"cookie", "host"}:
            assert new == value.replace(secret, replaced(scrub, secret))
    else:
        assert new == value


@pytest.mark.parametrize(
    ("host", "stays"),
    [
        ("api.example.org", True),
        ("API.Example.org.:8443", True),
        ("api.example.com:80", True),
        ("localhost", True),
        ("acme.tenants.router.io:80", False),
        ("www.customer.io:80", False),
        ("[::1]:80", False),
        ("", True),
    ],
)
def test_hosts(scrub: TextRedactor, host: str, stays: bool) -> None:
    new = scrub.host(host)
    assert (new == host) is stays
    assert new.partition(":80")[1] == host.partition(":80")[1] or not stays
    if "tenants" in host:
        assert new.endswith(".tenants.router.io:80")
    elif not stays:
        assert ".example" in new


@pytest.mark.parametrize(
    ("target", "secret", "new"),
    [
        ("/a/b?limit=10&sort=name", "", None),
        (f"/a?lock={WORD}", WORD, None),
        (f"/a?l%6Fck={WORD}&x", WORD, None),
        (f"/a?api_key={WORD}%2B%20x", f"{WORD}+ x", "/a?api_key={}"),
        (f"/a?to=https%3A%2F%2Fb%2F%3Fcode%3D{WORD}", WORD, "/a?to=https%3A%2F%2Fb%2F%3Fcode%3D{}"),
        (f"/a?{LONG}", LONG, None),
        (f"/a#b?token={WORD}", WORD, None),
        (f"/a/{LONG}/b", LONG, None),
        (f"//doors/./{WORD}/x y?z", WORD, "/doors/{}/x%20y?z"),
        (f"/x/{LONG[:8]}%20{LONG}", LONG, f"/x/{LONG[:8]}%20{{}}"),
    ],
)
def test_targets(scrub: TextRedactor, target: str, secret: str, new: str | None) -> None:
    made = replaced(scrub, secret)
    if new:
        quoted = made.replace("+", "%2B").replace(" ", "+")
        assert scrub.target(target) == new.format(quoted)
    else:
        assert scrub.target(target) == target.replace(secret, made)


def test_two_patterns_on_one_piece_of_a_path(scrub: TextRedactor) -> None:
    new = scrub.target(f"/doors/front-{WORD}/x")
    assert WORD not in new
    assert new.endswith("/x")


def test_accounts_stay_accounts(scrub: TextRedactor) -> None:
    alias = Pseudonymizer(TABLE, bytes(32)).account("1234")
    assert scrub.target("/portals/1234/x?portal=1234") == f"/portals/{alias}/x?portal={alias}"
    assert scrub.target("/portals/777/x?portal=0777") == "/portals/777/x?portal=0777"


@pytest.mark.parametrize(
    ("text", "secrets", "kept"),
    [
        (f'{{"a": {{"lever": "{WORD}"}}, "b": "plain"}}', [WORD], ["plain", '"lever": ']),
        (f'{{"tokens": ["{WORD}", {{"x": "deep"}}]}}', [WORD, "deep"], ["tokens"]),
        (f'{{"{LONG}": 1}}', [LONG], [": 1"]),
        (f"a=plain&password={WORD}", [WORD], ["a=plain&password="]),
        (f"it says token={WORD}", [WORD], ["it says"]),
    ],
)
def test_bodies(scrub: TextRedactor, text: str, secrets: list[str], kept: list[str]) -> None:
    new = scrub.body(text)
    assert all(secret not in new for secret in secrets)
    assert all(piece in new for piece in kept)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ('{"a": {"lever": "wonder"}, "b": "plain", "c": 1234}', ["wonder", "plain", "1234"]),
        ("a=plain&password=wonder", ["plain", "wonder"]),
        ("plain", ["plain"]),
        ("--plain form\r\n\r\nwonder=other&x=y", ["plain", "wonder", "other"]),
    ],
)
def test_strictly_nothing_but_names_stays(scrub: TextRedactor, text: str, gone: list[str]) -> None:
    new = scrub.body(text, strict=True)
    assert all(piece not in new for piece in gone)
    assert len(new) == len(text)
