"""Pieces of requests and answers without their secrets."""

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublet_router.analysis.harmless import is_harmless
from hublet_router.redaction.pseudonyms import Pseudonymizer
from hublet_router.redaction.redact_text import PLAIN_HEADERS, TextRedactor
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
  - {name: key, in: {header: x-key}, hublet: {regex: "^Key w(...)x"}}
  - {name: vendor, in: {header: server, scheme: special}, hublet: {regex: "^(...)-"}}
  - {name: query, in: {query: [Lock, apikey]}, hublet: {regex: "^(...)-"}}
  - {name: json, paths: "^/j", in: {json: a.lever}, hublet: {regex: "^(...)-"}}
  - {name: path, in: {path: "^/doors/([^/]+)"}, hublet: {regex: "^(...)-"}}
  - {name: inner, in: {path: "^/doors/[a-z]+-([a-z]+)"}, hublet: {regex: "^(...)-"}}
accounts: {ids: [{query: portal}, {path: "^/portals/([0-9]+)/"}], moved: {777: eu1}}
"""
)
LONG = "q7Jz0pXw3VbN8sKd"
WORD = "opensesame"
AWS = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PEM = f"-----BEGIN PRIVATE KEY-----\n{'MIIEvQIBADANBgkqhkiG9w0/BAQEFAASCBKcwgg+' * 2}\n"


@pytest.fixture
def redact() -> TextRedactor:
    return TextRedactor(TABLE, Pseudonymizer(TABLE, bytes(32)))


def replaced(text: str) -> str:
    return Pseudonymizer(TABLE, bytes(32)).secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "text/html; charset=utf-8",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36",
        "hubspot-api-client-python3; 12.0.0",
        "max-age=3600, must-revalidate",
        "the key of a token: is not here",
        "the basic authentication failed",
        "/crm/v3/objects/contacts/batch/read-2026-09",
        "2026-01-01 12:00",
        "12, 34",
        "Tue, 15 Nov 1994 08:12:31 GMT",
        "from api.example.org",
        "eu1, not na1",
        "1, 2, 3",
    ],
)
def test_harmless_text_stays(redact: TextRedactor, text: str) -> None:
    assert redact.text(text) == text


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"a {LONG} of", LONG),
        (f"the {AWS} key", AWS),
        (f"id {UUID}", UUID),
        ("account 62515 of", "62515"),
        (f"password={WORD}", WORD),
        (f"{{'client_secret': '{WORD}'}}", WORD),
        (f'{{\\"access_token\\": \\"{WORD}\\"}}', WORD),
        (f'name="password"\r\n\r\n{WORD}\r\n--', WORD),
        (f"Authorization: Bearer {WORD}", WORD),
        (f"password: >\n  {WORD}", WORD),
        ("phone: 555 1234 567", "555 1234 567"),
        ("number 4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("number 41-2012-10 11", "41-2012-10 11"),
        ("%70%61%73%73%77", "%70%61%73%73%77"),
        ("to proxy.acme.internal", "proxy.acme.internal"),
    ],
)
def test_everything_else_is_replaced(redact: TextRedactor, text: str, secret: str) -> None:
    assert redact.text(text) == text.replace(secret, replaced(secret))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("DE89 3704 0044 0532 0130 00", ["3704", "0044", "0532", "0130"]),
        ("mail to jane.doe@acme.io now", ["jane", "doe", "acme"]),
        ("jwt " + jwt({"a": "b"}), jwt({"a": "b"}).split(".")),
        (f"https://jane:{WORD}@host.acme/x", ["jane", WORD, "acme"]),
        (PEM, PEM.split("\n")[1:2] + [PEM[at : at + 8] for at in range(28, 60)]),
        ("name,password\njane,hunter2\n", ["jane", "hunter2"]),
    ],
)
def test_no_piece_of_a_compound_secret_stays(
    redact: TextRedactor, text: str, pieces: list[str]
) -> None:
    new = redact.text(text)
    assert len(new) == len(text)
    assert [piece for piece in pieces if piece in new] == []


@pytest.mark.parametrize("unit", ["a-", "a", "9-", "eyJ", "key", "a:", "x@", "\\", " ", "1 1 "])
def test_long_text_takes_no_time(redact: TextRedactor, unit: str) -> None:
    """Quadratic work would take minutes: this is a megabyte."""
    assert len(redact.text(unit * (1_000_000 // len(unit)) + "!")) > 900_000


@pytest.mark.parametrize(
    ("name", "form", "secrets"),
    [
        ("authorization", "Bearer {}", [WORD]),
        ("authorization", "Digest  {}", [f"response={WORD}"]),
        ("authorization", "{}", [f"{WORD} {WORD}"]),
        ("proxy-authorization", "basic {}", [f"{WORD}="]),
        ("server", "special {}", [WORD]),
        ("server", "special {}", ["the key"]),
        ("x-anything", "{}", [WORD]),
        ("x-anything", "{}", ["true"]),
        ("cookie", 'a="{}"', [WORD]),
        ("cookie", "{}; {}={};{}", ["a", "b", WORD, "c"]),
        ("cookie", "{}", [WORD]),
        ("cookie", "a=; path={}", ["key"]),
        ("set-cookie", "path={}", ["key"]),
        ("set-cookie", "a={}; Path=/; Secure; Max-Age=3600", [WORD]),
        ("set-cookie", "a=; x={}", [WORD]),
        ("set-cookie", "a=; Path=/{}; SameSite=Lax", [WORD]),
        ("set-cookie", "a=; Expires=Tue, 15 Nov 1994 08:12:31 GMT; HttpOnly", []),
        ("referer", "https://api.example.org/x?code={}&limit=10", [WORD]),
        ("referer", "https://api.example.org/{}", [WORD]),
        ("referer", "x://{}", [WORD]),
        ("location", "/x#access_token={}", [WORD]),
        ("origin", "https://api.example.org", []),
        ("host", "{}:{}@api.example.org:443", ["user", WORD]),
        ("via", "1.1 {}", [f"{WORD}.proxy"]),
        ("accept", "text/html;key={}", [WORD]),
        ("content-length", "1234567", []),
        ("content-length", "{}", ["1234567, 5"]),
    ],
)
def test_headers(redact: TextRedactor, name: str, form: str, secrets: list[str]) -> None:
    assert redact.header(name, form.format(*secrets)) == form.format(*map(replaced, secrets))


@pytest.mark.parametrize("name", ["X-Request-Id", "Private-App", "sec-fetch-mode", ":scheme"])
def test_names_of_known_words_stay(redact: TextRedactor, name: str) -> None:
    assert redact.name(name) == name


@pytest.mark.parametrize("name", [f"x-{WORD}", LONG, "jane@example.org", "12345"])
def test_other_names_are_replaced(redact: TextRedactor, name: str) -> None:
    assert redact.name(name) == replaced(name) != name


@pytest.mark.parametrize(
    ("host", "form", "secret"),
    [
        ("api.example.org", "api.example.org", ""),
        ("API.Example.org.:8443", "API.Example.org.:8443", ""),
        ("api.example.com:80", "api.example.com:80", ""),
        (f"{WORD}.example.com:80", "{}.example:80", f"{WORD}.example.com"),
        ("localhost", "localhost", ""),
        ("acme.tenants.router.io:80", "{}.tenants.router.io:80", "acme"),
        ("www.customer.io:80", "{}.example:80", "www.customer.io"),
        ("[::1]:80", "{}.example:80", "[::1]"),
        ("", "", ""),
    ],
)
def test_hosts(redact: TextRedactor, host: str, form: str, secret: str) -> None:
    assert redact.host(host) == form.format(replaced(secret))


def test_the_host_of_a_url_becomes_one_that_is_reserved(redact: TextRedactor) -> None:
    customer = replaced("www.customer.io")
    assert redact.url("HTTPS://www.customer.io/a") == f"HTTPS://{customer}.example/a"
    assert redact.url(f"x://{WORD}/a") == f"x://{replaced(WORD)}/a"


def test_a_header_without_a_scheme_is_read_with_what_stands_before(redact: TextRedactor) -> None:
    new = redact.header("x-key", "Key weu1xopensesame")
    assert new.startswith("Key weu1x")
    assert "sesame" not in new


def test_a_port_that_is_none_is_no_place_to_hide(redact: TextRedactor) -> None:
    assert "123456789" not in redact.host("jane:opensesame@www.customer.io:123456789")


@pytest.mark.parametrize(
    ("form", "secret"),
    [
        ("/a/of?limit=10&sort=name", ""),
        ("/a?lock={}", WORD),
        ("/a?l%6Fck={}&x", WORD),
        ("/a?pin={}", "1234"),
        ("/a?password={}", "admin"),
        ("/a?limit={}", WORD),
        ("/a?{}", LONG),
        ("/a#token?token={}", WORD),
        ("/a/{}/of", LONG),
        ("/share/{}", "aBcDeFgHiJ"),
        ("/objects&apikey={}", WORD),
    ],
)
def test_targets(redact: TextRedactor, form: str, secret: str) -> None:
    assert redact.target(form.format(secret)) == form.format(replaced(secret))


def test_a_path_of_a_rule_is_written_as_it_is_read(redact: TextRedactor) -> None:
    new = redact.target(f"//doors/./{WORD}/x%20y?z")
    assert new.startswith(f"/doors/{replaced(WORD)}/x%20")


def test_an_encoded_value_stays_encoded(redact: TextRedactor) -> None:
    new = f"/a?api_key={quote_plus(replaced(f'{WORD}+ x'))}"
    assert redact.target(f"/a?api_key={WORD}%2B%20x") == new


def test_an_encoded_segment_stays_encoded(redact: TextRedactor) -> None:
    new = f"/a/{quote(replaced('opensésame'))}%20{replaced(LONG)}"
    assert redact.target(f"/a/{quote('opensésame')}%20{LONG}") == new


def test_two_patterns_on_one_piece_of_a_path(redact: TextRedactor) -> None:
    new = redact.target(f"/doors/front-{WORD}/x")
    assert new == f"/doors/{replaced(f'front-{WORD}')}/x"


def test_accounts_stay_accounts(redact: TextRedactor) -> None:
    alias = Pseudonymizer(TABLE, bytes(32)).account("1234")
    assert redact.target("/portals/1234/x?portal=1234") == f"/portals/{alias}/x?portal={alias}"
    assert redact.target("/portals/777/x?portal=0777") == "/portals/777/x?portal=0777"


@pytest.mark.parametrize(
    ("text", "secrets", "kept"),
    [
        (f'{{"a": {{"lever": "{WORD}"}}, "message": "invalid key"}}', [WORD], ["invalid key"]),
        (f'{{"tokens": ["{WORD}", {{"x": "deep"}}]}}', [WORD, "deep"], ["tokens"]),
        (f'{{"{LONG}": 1}}', [LONG], []),
        ('{"name": "password", "value": "true"}', ["true"], ['"value"']),
        ('{"pw": "admin", "limit": 10}', ["pw", "admin"], ['"limit": 10']),
        ('{"limit": [10]}', [], ['"limit": [10]']),
        ('["name"]', ["name"], []),
        (f"limit=10&password={WORD}", [WORD], ["limit=10&password="]),
        (f"it is token={WORD}", [WORD], ["it is"]),
        ("limit=10&password=key", ["=key"], ["limit=10"]),
        ("the key = key", [], ["the key = key"]),
    ],
)
def test_bodies(redact: TextRedactor, text: str, secrets: list[str], kept: list[str]) -> None:
    new = redact.body(text)
    assert all(secret not in new for secret in secrets)
    assert all(piece in new for piece in kept)


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ('{"a": {"lever": "wonder"}, "limit": "name", "c": 1234}', ["wonder", '"name', "1234"]),
        ("limit=name&password=wonder", ["=name", "wonder"]),
        ("plain", ["plain"]),
        ("the key=other", ["the key", "other"]),
        ("--plain form\r\n\r\nwonder=other&x=y", ["plain", "wonder", "other"]),
    ],
)
def test_of_a_strict_body_nothing_but_names_stays(
    redact: TextRedactor, text: str, gone: list[str]
) -> None:
    new = redact.body(text, strict=True)
    assert all(piece not in new for piece in gone)
    assert len(new) == len(text)


secrets = (
    st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12, max_size=40)
    | st.text("ABCDEFabcdefghijklmnopqrstuvwxyz0123456789+/", min_size=16, max_size=64)
    | st.binary(min_size=12, max_size=30).map(bytes.hex)
    | st.uuids().map(str)
    | st.integers(10**8, 10**19).map(str)
).filter(lambda secret: not is_harmless(secret))  # no phrase of known words
PLACES = {
    "path": "/crm/{}/objects",
    "query value": "/crm?id={}",
    "query value of a shown name": "/crm?limit={}",
    "query name": "/crm?{}=1",
    "fragment": "/crm#{}",
    "parameter of a path": "/crm;v={};x",
    "nested URL": "/crm?to=https%3A%2F%2Fu%3A{}%40h%2F",
}
DOCUMENTS = {
    "JSON": lambda secret: json.dumps({"name": "password", "value": secret, "message": secret}),
    "JSON key": lambda secret: json.dumps([{secret: None}]),
    "form": lambda secret: f"grant_type={quote(secret, safe='')}&x={quote(secret)}",
    "CSV": lambda secret: f"name,password\nuser,{secret}\n",
    "YAML": lambda secret: f"password: >\n  {secret}\n",
    "PEM": lambda secret: f"-----BEGIN KEY-----\n{secret}\n-----END KEY-----",
    "text": lambda secret: f"the key is <{secret}>, or '{secret}'",
}


def leaks(secret: str, text: str) -> set[str]:
    """Return each eight characters in a row that a text has of a secret."""
    eight = {secret[at : at + 8].lower() for at in range(len(secret) - 7)}
    return {run for run in eight if run in text.lower() and run.strip("0123456789/+-") != ""}


@settings(deadline=None)
@given(secrets, st.sampled_from(sorted(PLACES)))
def test_no_secret_survives_in_a_target(secret: str, place: str) -> None:
    redact = TextRedactor(TABLE, Pseudonymizer(TABLE, bytes(32)))
    target = PLACES[place].format(quote(secret, safe="" if "nested" in place else "/+"))
    new = redact.target(target)
    assert secret not in new
    assert not leaks(secret, new)


@settings(deadline=None)
@given(secrets, st.sampled_from(sorted({*PLAIN_HEADERS, "x", "cookie", "referer", "set-cookie"})))
def test_no_secret_survives_in_a_header(secret: str, name: str) -> None:
    redact = TextRedactor(TABLE, Pseudonymizer(TABLE, bytes(32)))
    is_length = name == "content-length" and secret.isdecimal()
    new = redact.header(name, f"a/{secret}; x={secret}" if is_length else secret)
    assert secret not in new
    assert not leaks(secret, new)


@settings(deadline=None)
@given(secrets, st.sampled_from(sorted(DOCUMENTS)), st.booleans())
def test_no_secret_survives_in_a_body(secret: str, kind: str, strict: bool) -> None:
    redact = TextRedactor(TABLE, Pseudonymizer(TABLE, bytes(32)))
    new = redact.body(DOCUMENTS[kind](secret), strict=strict)
    assert secret not in new
    assert not leaks(secret, new)
