"""The first law where no rule looks: another Hublet's credential anywhere, in any spelling.

The other half is held as well: requests as real clients send them are not refused.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublet_router.core.decision import Action, Reason
from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from hublet_router.tablefile import loads
from shipped_table import SHIPPED
from synthetic import (
    access_token,
    api_key,
    jwt,
    personal_access_key,
    private_app_token,
)
from test_laws import API, DEFAULT, HUBLETS, examples, one_of_each

FORM, REFRESH, CONTACTS = "/oauth/v1/token", "/localdevauth/v1/auth/refresh", "/crm/v3/contacts"
URLENCODED, JSON = "application/x-www-form-urlencoded", "application/json; charset=utf-8"

KINDS: dict[str, Callable[[str], str]] = {
    "private app": private_app_token,
    "api key": api_key,
    "access token": access_token,
    "access token of 1": lambda hublet: access_token(hublet, scopes=b"\xfb"),
    "access token of 2": lambda hublet: access_token(hublet, scopes=b"\xff\xfe"),
    "access key": personal_access_key,
}


def escaped(text: str) -> str:
    """Percent-encode every character, as no client does."""
    return "".join(f"%{ord(char):02X}" for char in text)


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode("latin-1")).decode()


def in_standard_base64(text: str) -> str:
    return text if "-0000-" in text else text.replace("-", "+").replace("_", "/")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": escaped,
    "percent of one character": lambda text: f"%{ord(text[0]):02x}{text[1:]}",
    "percent twice": lambda text: quote(escaped(text)),
    "percent as ASP.NET": lambda text: "".join(f"%u{ord(char):04x}" for char in text),
    "standard base64": in_standard_base64,
    "standard base64, escaped": lambda text: quote(in_standard_base64(text), safe=""),
    "padded": lambda text: text + "=" * (-len(text) % 4),
    "upper case": lambda text: text.upper() if "-0000-" in text else text,
    "base64 of it": in_base64,
    "quotes": lambda text: f'"{text}"',
    "single quotes": lambda text: f"'{text}'",
    "a name": lambda text: f"token={text}",
    "a scheme": lambda text: f"Bearer {text}",
    "another scheme": lambda text: f'Token token="{text}", a=b',
    "base64 of JSON behind a prefix": lambda text: f"base64-{in_base64(json.dumps({'a': text}))}",
    "base64 of base64": lambda text: in_base64(in_base64(text)),
    "base64 of binary": lambda text: in_base64(f"\xff\x00 {text}"),
    "UTF-16": lambda text: quote(text.encode("utf-16-le")),
    "base64 of UTF-16": lambda text: base64.b64encode(text.encode("utf-16")).decode(),
    "a signed value": lambda text: f"{text}.c2lnbmF0dXJl",
    "a signed cookie": lambda text: f"s:{text}.c2lnbmF0dXJl",
    "after a line break in JSON": lambda text: '"\\n' + text + '"',
    "after an escaped blank": lambda text: f"Bearer+{quote(text, safe='')}",
    "a password": lambda text: f"Basic {in_base64(f'x:{text}')}",
    "a user": lambda text: f"Basic {in_base64(f'{text}:')}",
    "octal escapes": lambda text: f'"\\{ord(text[0]):03o}{text[1:]}"',
    "quoted pairs": lambda text: '"' + "".join(f"\\{char}" for char in text) + '"',
    "a list": lambda text: f"a, {text} ;b",
    "brackets": lambda text: f"[{text}]",
    "JSON": lambda text: json.dumps({"a": [text]}),
    "escapes of JSON": lambda text: '"' + "".join(f"\\u{ord(char):04x}" for char in text) + '"',
    "the user of a URL": lambda text: f"https://{quote(text, safe=':')}@a.example/",
    "the host of a path": lambda text: f"https://a.example/{quote(text, safe=':')}/x",
    "a URL's parameter": lambda text: f"https://a.example/?hapikey={text}#x",
}
"""Ways to write a credential; upper case and `+/` change text that stays the same credential."""

FIELDS = (
    "authorization", "proxy-authorization", "x-api-key", "private-app", "cookie", "referer",
    "x-forwarded-authorization", "user-agent", "x",
)  # fmt: skip
PARAMETERS = (
    "{}", "hapikey={}", "hapikey[]={}", "hapikey[0]={}", "HAPIKEY={}", "hApiKey ={}", "hapi-key={}",
    "%68apikey={}", "a[b]={}", "a=1;hapikey={}", "a=1;b={}", "{}=", "refresh_token={}", "a={}&",
    "hapikey=&hapikey={}",
)  # fmt: skip
PATHS = (
    "/{}", "/crm/{}/x", "/crm;token={}", "/crm&hapikey={}", "/crm%3Fhapikey={}", "/a#token={}",
    "/oauth/v1/access-tokens/{}", "/OAUTH/v1/Access-Tokens/{}", "/oauth\\v1\\refresh-tokens\\{}",
    "/%6Fauth/v1//refresh-tokens/./{}", "/oauth/v1/refresh-tokens/{};a=b",
)  # fmt: skip
COOKIES = ("sid={}", 'sid="{}"', "a=b; sid={}; c", "{}", "s%3A{}")
MEMBERS = (
    '{{"a": {}}}', '{{"encodedOAuthRefreshToken": {}}}', '{{"EncodedOAuthRefresh-Token": {}}}',
    '[[{}]]', "{}", '{{{}: 1}}', '{{"encodedOAuthRefreshToken": {}}} x',
    '{{"encodedOAuthRefreshToken": "", "encodedOAuthRefreshToken": {}}}',
)  # fmt: skip
TOKEN_PATHS = (FORM, "/OAUTH/v1/token", "/oauth\\v1\\token", "/oauth/v1/token/", "/oauth/v3/token")
KEY_PATHS = (REFRESH, "/LocalDevAuth/v1/auth/refresh", "/localdevauth%5cv1/auth/refresh/")
MULTIPART = '--x\r\ncontent-disposition: form-data; name="refresh_token"\r\n\r\n{}\r\n--x--\r\n'

type Parts = tuple[str, list[tuple[str, str]], str]
"""The target, fields and body of a request."""


def posted(path: str, media_type: str, body: str) -> Parts:
    return path, [("content-type", media_type)] if media_type else [], body


PLACES: dict[str, list[tuple[str, ...]]] = {
    "field": [(name,) for name in FIELDS],
    "query": [*product((CONTACTS, *TOKEN_PATHS), PARAMETERS)],
    "path": [(path,) for path in PATHS],
    "cookie": [(cookie,) for cookie in COOKIES],
    "form": [*product(TOKEN_PATHS, PARAMETERS, (URLENCODED, URLENCODED.upper(), ""))],
    "json": [*product((*KEY_PATHS, FORM), MEMBERS, (JSON, "application/vnd.api+json", ""))],
    "multipart": [*product((*TOKEN_PATHS, *KEY_PATHS), ("multipart/form-data; boundary=x", ""))],
}


def put(place: str, how: tuple[str, ...], text: str) -> Parts:
    """Return the parts of a request with a text in a place."""
    in_target = text.replace(" ", "%20")
    if place == "path" and "://" not in text:
        in_target = in_target.replace("/", "%2F")  # else it divides the text, for every server
    match place, how:
        case "field", (name,):
            return CONTACTS, [(name, text)], ""
        case "query", (path, parameter):
            return f"{path}?{parameter.format(in_target)}", [], ""
        case "path", (path,):
            return path.format(in_target), [], ""
        case "cookie", (cookie,):
            return CONTACTS, [("cookie", cookie.format(text))], ""
        case "form", (path, parameter, media_type):
            return posted(path, media_type, parameter.format(text))
        case "json", (path, member, media_type):
            return posted(path, media_type, member.format(json.dumps(text)))
        case _, (path, media_type):
            return posted(path, media_type, MULTIPART.format(text))
    raise AssertionError(place)


def proper(kind: str, hublet: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the query and the fields of a credential in its proper place; of none, nothing."""
    match kind:
        case "query":
            return f"hapikey={api_key(hublet)}", []
        case "field":
            return "", [("private-app", private_app_token(hublet))]
        case "private app":
            return "", [("authorization", f"Bearer {private_app_token(hublet)}")]
        case "access token":
            return "", [("authorization", f"bearer {access_token(hublet)}")]
    return "", []  # then the default is the Hublet


@pytest.mark.parametrize("place", PLACES)
@examples(1000)
@given(data=st.data())
def test_law_1_another_hublets_credential_anywhere_never_arrives(
    place: str, data: st.DataObject
) -> None:
    owner, kind, spelling, beside, other, before = data.draw(
        one_of_each(
            HUBLETS, [*KINDS], [*SPELLINGS], ("query", "field", "private app", "access token", ""),
            HUBLETS, (True, False),
        )
    )  # fmt: skip
    other = other if beside else DEFAULT
    credential = KINDS[kind](owner)
    (how,) = data.draw(one_of_each(PLACES[place]))
    target, fields, body = put(place, how, SPELLINGS[spelling](credential))
    query, more = proper(beside, other)
    if query:
        target += ("&" if "?" in target else "?") + query
    fields = [*fields, *more] if before else [*more, *fields]
    request = Request("POST", (API,), target, tuple(fields), body.encode("latin-1"))
    decision = decide(SHIPPED, request)

    assert decision.action is Action.REFUSE or decision.hublet == owner


@pytest.mark.parametrize("name", ["authorization", "cookie", "x"])
@examples(1000)
@given(data=st.data())
def test_law_2_what_a_table_remembers_changes_no_decision(name: str, data: st.DataObject) -> None:
    """The halves of a credential, each of which names no Hublet: some servers join them."""
    kind, spelling, cut = data.draw(one_of_each([*KINDS], [*SPELLINGS], range(24)))
    text = SPELLINGS[spelling](KINDS[kind]("eu1"))
    halves = (name, text[:cut]), (name, text[cut:])
    request = Request("GET", (API,), CONTACTS, halves)
    table, fresh = replace(SHIPPED), replace(SHIPPED)
    for half in halves:
        decide(table, replace(request, headers=(half,)))

    assert decide(table, request) == decide(fresh, request)


MANY = loads(
    f"""
domains: [{API}]
hublets:
  na1: {{upstream: "https://127.0.0.1:9441"}}
  eu1: {{upstream: "https://127.0.0.1:9442"}}
default: na1
credentials:
""".encode()
    + b"".join(
        f"  - {{name: {name}, in: {{header: x-{name}}}, hublet: {{{reader}}}}}\n".encode()
        for name, reader in {
            "base64": 'base64: "^([a-z]{2}[0-9]):"',
            "binary": 'base64: "(?s)^.. ([a-z]{2}[0-9]):"',
            "part": 'base64: "^([a-z]{2}[0-9]):", of: "^v1-([A-Za-z0-9]+)$"',
            "colons": 'regex: "^v:([a-z]{2}[0-9]):[0-9a-f]{12}"',
            "colon": 'regex: "^([a-z]{2}[0-9]):"',
            "slashes": 'regex: "^v/([a-z]{2}[0-9])/"',
            "user": 'regex: "^[0-9a-f]{16}@([a-z]{2}[0-9])[.]example"',
            "jwt": "jwt: region",
        }.items()
    )
)
OF_MANY: dict[str, Callable[[str], str]] = {
    "base64": lambda name: in_base64(f"{name}:synthetic\xff\xfe?"),
    "base64 that is short": lambda name: in_base64(f"{name}:syn\xff\xfb?\xff\xfb"),
    "base64 of binary": lambda name: in_base64(f"\xff\xfe {name}:synthetic-key"),
    "a part in base64": lambda name: "v1-" + in_base64(f"{name}:synthetic-keys"),
    "colons": lambda name: f"v:{name}:0123456789ab",
    "a colon": lambda name: f"{name}:SYNTHETIC/KEY+",
    "slashes": lambda name: f"v/{name}/synthetic+key",
    "a user": lambda name: f"0123456789abcdef@{name}.example",
    "a token": lambda name: jwt({"region": name}),
    "a token with a prefix": lambda name: "bearer." + jwt({"region": name}),
    "a token with NaN": lambda name: jwt(f'{{"x": NaN, "region": "{name}"}}'),
    "a token with a comment": lambda name: jwt(f'/* */{{"region": "{name}"}}'),
    "a token without quotes": lambda name: jwt(f"{{region:{name},}}"),
    "a token with junk": lambda name: jwt(f'{{"region": "{name}"}} x'),
}
WHOLE = [
    name for name in SPELLINGS
    if name not in {"upper case", "standard base64", "standard base64, escaped", "a user"}
]  # fmt: skip


@pytest.mark.parametrize("kind", OF_MANY)
@examples(400)
@given(data=st.data())
def test_law_1_holds_for_readers_of_every_kind(kind: str, data: st.DataObject) -> None:
    spelling, place = data.draw(one_of_each(WHOLE, [it for it in PLACES if it != "path"]))
    (how,) = data.draw(one_of_each(PLACES[place]))
    target, fields, body = put(place, how, SPELLINGS[spelling](OF_MANY[kind]("eu1")))
    request = Request("POST", (API,), target, tuple(fields), body.encode("latin-1"))
    decision = decide(MANY, request)

    assert decision.reason is Reason.STRAY or body


# Requests as real clients send them.

TRACES = (
    (), (("traceparent", "00-{hex}-{hex:.16}-01"), ("tracestate", "congo=t61rcWkgMzE,rojo={hex}")),
    (("x-request-id", "{uuid}"), ("x-correlation-id", "{uuid}")),
    (("x-amzn-trace-id", "Root=1-{hex:.8}-{hex:.24}"), ("idempotency-key", "{uuid}")),
    (("b3", "{hex}-{hex:.16}-1"), ("uber-trace-id", "{hex}:{hex:.16}:0:1")),
    (("sentry-trace", "{hex}-{hex:.16}-1"), ("x-cloud-trace-context", "{hex}/12345;o=1"),
     ("baggage", "sentry-environment=production,sentry-release=app%401.2.3,sentry-trace_id={hex}")),
)  # fmt: skip
AGENTS = (
    (("user-agent", "python-requests/2.32.3"), ("accept", "*/*"), ("connection", "keep-alive")),
    (("user-agent", "python-httpx/0.28.1"), ("accept-encoding", "gzip, deflate, br, zstd")),
    (("user-agent", "axios/1.7.9"), ("accept", "application/json, text/plain, */*")),
    (("user-agent", "curl/8.11.1"), ("accept", "*/*")),
    (("user-agent", "hubspot-api-client-nodejs; 13.5.0"), ("accept", "application/json")),
    (("user-agent", "OpenAPI-Generator/12.0.0/python"),),
    (
        ("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "
                       "Gecko) Chrome/131.0.0.0 Safari/537.36"),
        ("sec-ch-ua", '"Google Chrome";v="131", "Chromium";v="131", "Not_A Brand";v="24"'),
        ("sec-fetch-mode", "cors"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8,"
                   "application/signed-exchange;v=b3;q=0.7"),
        ("accept-language", "en-US,en;q=0.9,de-DE;q=0.8"),
    ),
)  # fmt: skip
EXTRAS = (
    (), (("referer", "https://app-eu1.hubspot.com/contacts/62515/objects/0-1/views/all/list"),),
    (("origin", "https://app-eu1.hubspot.com"), ("referer", "https://app.hubspot.com/oauth/{hex}")),
    (("cookie", "_ga=GA1.2.1234567890.1712345678; _ga_X1Y2Z3A4B5=GS1.1.1712345678.1.1.1712345699"
                ".0.0.0; hubspotutk={hex}; __hstc=12345678.{hex}.1712345678901.1712345678901."
                "1712345678901.1; __hssc=12345678.1.1712345678901; __cf_bm={b64}-1712345678-1.0"),),
    (("if-none-match", 'W/"{b64}"'), ("if-modified-since", "Wed, 21 Oct 2026 07:28:00 GMT")),
    (("if-match", '"{hex}", "{uuid}"'), ("range", "bytes=0-1023")),
    (("x-hubspot-signature-v3", "{b64}"), ("x-hubspot-request-timestamp", "1712345678901")),
    (("digest", "SHA-256={b64}"), ("content-md5", "{b64:.24}"), ("x-api-version", "2026-03")),
    (("forwarded", "for=192.0.2.60;proto=https"), ("x-forwarded-for", "2001:db8::1, 10.0.0.1")),
    (("content-type", "application/json; charset=utf-8"),),
    (("content-type", "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW"),),
    (("content-type", "multipart/form-data; boundary={uuid}"), ("expect", "100-continue")),
)  # fmt: skip
TARGETS = (
    "/crm/v3/objects/contacts?limit=100&after=MTAwNTE%3D&properties=firstname,lastname,email",
    "/crm/v3/objects/contacts/a.person%2Btag%40a.example?idProperty=email&archived=false",
    "/crm/v4/objects/contacts/{uuid}/associations/default/companies/12345678901",
    "/cms/v3/source-code/draft/content/My%20Theme/templates/layouts/base.html?portalId=62515",
    "/files/v3/files/search?path=%2Flibrary%2Fimages%2F2026&before=2026-01-01T00%3A00%3A00.000Z",
    "/oauth/authorize?client_id={uuid}&redirect_uri=https%3A%2F%2Fapp-eu1.a.example%2Fcb&state={b64}",
    "/events/v3/events?occurredAfter=2026-01-01T00:00:00+00:00&objectType=contact",
)  # fmt: skip


@examples(2500)
@given(
    shape=one_of_each(TARGETS, TRACES, AGENTS, EXTRAS, EXTRAS, HUBLETS),
    how=one_of_each(("query", "field", "private app", "access token"), (True, False)),
    number=st.integers(0, (1 << 256) - 1),
)
def test_a_request_of_a_real_client_is_not_refused(
    shape: tuple[str, Any, Any, Any, Any, str], how: tuple[str, bool], number: int
) -> None:
    target, *groups, hublet = shape
    query, credential = proper(how[0], hublet)
    random = number.to_bytes(32)
    texts = {
        "hex": random.hex()[:32],
        "uuid": str(UUID(bytes=random[:16])),
        "b64": base64.b64encode(random).decode(),
    }
    fields = [(name, value.format(**texts)) for group in groups for name, value in group]
    fields = [*credential, *fields] if how[1] else [*fields, *credential]
    target = target.format(**{**texts, "b64": quote(texts["b64"], safe="")})
    if query:
        target += ("&" if "?" in target else "?") + query
    decision = decide(SHIPPED, Request("POST", (API,), target, tuple(fields), b"--x"))

    assert (decision.hublet, decision.reason) == (hublet, Reason.CREDENTIAL)


@examples(500)
@given(
    agent=one_of_each(AGENTS, TRACES),
    kind=one_of_each(("form", "json"), HUBLETS),
    media_type=st.sampled_from(("", "; charset=utf-8", ";charset=UTF-8", '; charset="utf-8"')),
)
def test_a_token_request_of_a_real_client_is_not_refused(
    agent: tuple[Any, Any], kind: tuple[str, str], media_type: str
) -> None:
    hublet = kind[1]
    if kind[0] == "form":
        target, of = FORM, "application/x-www-form-urlencoded"
        body = (
            f"grant_type=refresh_token&client_id={UUID(int=7)}&client_secret={UUID(int=9)}"
            f"&redirect_uri=https%3A%2F%2Fapp-eu1.a.example%2Fcb&refresh_token={api_key(hublet)}"
        )
    else:
        target, of = REFRESH, "application/json"
        body = json.dumps({"encodedOAuthRefreshToken": personal_access_key(hublet)})
    fields = [
        (name, value.format(hex="0af7" * 8, uuid=UUID(int=3))) for it in agent for name, value in it
    ]
    fields.append(("content-type", of + media_type))
    decision = decide(SHIPPED, Request("POST", (API,), target, tuple(fields), body.encode()))

    assert (decision.hublet, decision.reason) == (hublet, Reason.CREDENTIAL)
