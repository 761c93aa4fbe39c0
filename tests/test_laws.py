"""The laws of the design, put to many random tables, requests and credentials.

The examples differ from run to run. One that breaks a law is shrunk, and printed with a line that
repeats it (`@reproduce_failure`).
"""

import base64
import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.test import tflow

from hublet_router.core.decision import Action, Decision, Reason
from hublet_router.core.findings import findings
from hublet_router.core.judge import decide
from hublet_router.core.lookup import Rule
from hublet_router.core.parameters import decode_value, fold_name, parameters_of
from hublet_router.core.places import Cookie, Form, Header, Json, Place, Query
from hublet_router.core.places import Path as PathPlace
from hublet_router.core.readers import Account, Base64, Jwt, Protobuf, Reader, Regex
from hublet_router.core.request import Request
from hublet_router.core.table import Accounts, Move, Policy, Table, Upstream, account_id
from hublet_router.flows.requests import request_head
from hublet_router.regex_bounds.graph import literal_start
from hublet_router.tablefile import loads
from shipped_table import SHIPPED
from synthetic import (
    access_token,
    access_token_message,
    base64url,
    bytes_field,
    jwt,
    private_app_token,
    varint,
    varint_field,
)


def examples(count: int) -> settings:
    """Return the settings for so many new examples in `make laws`, and a fifth elsewhere."""
    some = count if settings.get_current_profile_name() == "long" else count // 5
    return settings(max_examples=some, print_blob=True)


def one_of_each(*options: Sequence[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Draw one of each of these: a tuple of `sampled_from` in one draw, at a third of its price."""
    sizes = [len(each) for each in options]
    assert math.prod(sizes) <= 1 << 24  # Hypothesis prefers the small numbers of a larger range

    def pick(number: int) -> tuple[Any, ...]:
        picked = []
        for each, size in zip(options, sizes, strict=True):
            number, at = divmod(number, size)
            picked.append(each[at])
        return tuple(picked)

    return st.integers(0, math.prod(sizes) - 1).map(pick)


API = "api.hubapi.com"
DEFAULT = "na1"
HUBLETS = (DEFAULT, "eu1", "ap1")
UNLISTED = "zz9"
PLACES = {
    "scheme": "{header: authorization, scheme: bearer}",
    "header": "{header: x-token}",
    "query": "{query: token}",
    "cookie": "{cookie: token}",
    "form": "{form: token}",
    "json": "{json: auth.token}",
    "path": '{path: "^/with/([^/]+)"}',
}
READERS = {
    "regex": '{regex: "^pat-([a-z]{2}[0-9]{1,3})-"}',
    "protobuf": "{protobuf: 9}",
    "jwt": "{jwt: customer.region}",
    "base64": '{base64: "^([a-z]{2}[0-9]{1,3}):"}',
}
RULES = "".join(
    f"  - {{name: {place}-{reader}, paths: '^/', in: {PLACES[place]}, hublet: {READERS[reader]}}}\n"
    for place, reader in product(PLACES, READERS)
)
TABLE = loads(
    f"""
domains: [{API}]
hublets:
  na1: {{upstream: "https://127.0.0.1:9441"}}
  eu1: {{upstream: "https://127.0.0.1:9442"}}
  ap1: {{upstream: "https://127.0.0.1:9443"}}
default: {DEFAULT}
credentials:
{RULES}""".encode()
)
# In it nothing but field 9 can make an access token name a Hublet.
FIRST_WINS = TABLE.with_policy(conflict="first")
CLIENT = tflow.tclient_conn()
CLIENT.sni = None
CLIENT.proxy_mode = ReverseMode.parse("reverse:https://unrouted.invalid")


# A request as a client writes it: parts that the tests put credentials and junk into.


@dataclass
class Draft:
    """The parts of a request, until mitmproxy and `view` make one that is decided."""

    path: str = "/crm"
    query: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def request(self) -> Request:
        target = "?".join([self.path, "&".join(self.query)] if self.query else [self.path])
        request = http.Request(
            API, 443, b"POST", b"https", b"", target.encode(), b"HTTP/1.1",
            http.Headers(
                [
                    (b"Host", API.encode()),
                    *((name.encode(), value.encode("latin-1")) for name, value in self.headers),
                ]
            ),
            self.body, None, 0.0, 0.0,
        )  # fmt: skip
        flow = http.HTTPFlow(CLIENT, tflow.tserver_conn(), live=True)
        flow.request = request
        return request_head(flow, self.body)


@dataclass
class Variation:
    """Everything in which one and the same credential can be written differently."""

    bits: int  # which characters change case, or are escaped, in turn
    space: str
    around: str
    before: bool  # whether the junk comes first
    junk: tuple[str, ...]
    form_junk: tuple[str, ...]

    def cased(self, text: str) -> str:
        return "".join(
            char.upper() if self.bits >> at % 24 & 1 else char for at, char in enumerate(text)
        )

    def escaped(self, text: str, form: str) -> str:
        return "".join(
            form.format(ord(char)) if self.bits >> at % 24 & 1 else char
            for at, char in enumerate(text)
        )

    def among(self, wanted: list[str], junk: tuple[str, ...] | None = None) -> list[str]:
        junk = self.junk if junk is None else junk
        return [*junk, *wanted] if self.before else [*wanted, *junk]


# A form with an escape that is none (`%zz`) is unreadable as a whole; a query is not.
FORM_JUNK = (
    "", "=", "a=b", "+", "token", "TOKEN=1", "token[]=1", "token =1", "tokens=eu1", "x=pat-ap1-0",
    "token=", "a=%00%ff", "?", "/", "xtoken=pat-ap1-0", "a=1;b=2", '"', "é=ü", ":",
)  # fmt: skip
JUNK = (*FORM_JUNK, "%", "%zz=%")
variations = st.builds(
    lambda bits, form: Variation(bits, *form),
    st.integers(0, (1 << 24) - 1),
    one_of_each(
        (" ", "  ", "\t", " \t "),
        ("", " ", "\t", "  "),
        (False, True),
        [*product(JUNK, JUNK)],
        [*product(FORM_JUNK, FORM_JUNK)],
    ),
)


def put(draft: Draft, place: str, credentials: list[str], how: Variation) -> None:
    """Write credentials into a place of a request, with junk around them."""
    pairs = [f"{how.escaped('token', '%{:02x}')}={how.escaped(c, '%{:02X}')}" for c in credentials]
    headers: list[tuple[str, str]] = [
        (how.cased("x-other"), "".join(how.junk)),
        ("authorization", f"Digest {how.junk[0]}"),
        ("proxy-authorization", "Bearer pat-ap1-0"),
    ]
    match place:
        case "scheme":
            scheme = how.cased("bearer")
            wanted = [f"{how.around}{scheme}{how.space}{c}{how.around}" for c in credentials]
            headers += [(how.cased("authorization"), value) for value in wanted]
        case "header":
            headers += [(how.cased("x-token"), f"{how.around}{c}{how.space}") for c in credentials]
        case "query":
            draft.query += how.among(pairs)
        case "cookie":
            quote = '"' if how.bits & 1 else ""
            crumbs = [f"{how.around}token={quote}{c}{quote}{how.around}" for c in credentials]
            joined = ";".join(junk.replace(";", "") for junk in how.among(crumbs))
            headers.append((how.cased("cookie"), joined))
        case "form":
            draft.body = "&".join(how.among(pairs, how.form_junk)).encode()
        case "json":
            strings = [f'"{how.escaped(c, "\\u{:04x}")}"' for c in credentials]
            key = f'"{how.escaped("token", "\\u{:04X}")}"'
            inner = ",".join(f"{key}:{how.around}{string}" for string in strings)
            members = [f'"auth":{{{inner}}}', f'"other":{json.dumps(how.junk)}', '"n":[1e5,{}]']
            around = members if how.before else members[::-1]
            draft.body = f"{how.around}{{{how.space}{','.join(around)}}}".encode()
        case "path":
            (credential,) = credentials
            draft.path = (
                f"/{'./' * how.before}{how.escaped('with', '%{:02x}')}{'/' * len(how.space)}"
            )
            draft.path += how.escaped(credential, "%{:02x}") + "/more" * how.before
    draft.headers += headers if how.before else headers[::-1]


def credential(hublet: str, form: str, length: int) -> str:
    """Return a synthetic credential of a Hublet, in a format that the table can read."""
    match form:
        case "regex":
            return private_app_token(hublet)
        case "protobuf":
            return access_token(hublet, scopes=bytes(length)) + "=" * (length // 5)
        case "jwt":
            claims = {"iat": length, "customer": {"name": "x" * length, "region": hublet}}
            return jwt(claims if length % 2 else {"customer.region": hublet, **claims})
        case _:
            return base64url(f"{hublet}:{'s' * length}".encode())


forms = one_of_each([*READERS], range(8))
IN_BODY = ("form", "json")


# Law 1: a request never reaches a region that its credential does not name.


@pytest.mark.parametrize("place", PLACES)
@examples(800)
@given(hublet=st.sampled_from(HUBLETS), form=forms, how=variations)
def test_law_1_a_credential_goes_to_its_hublet(
    place: str, hublet: str, form: tuple[str, int], how: Variation
) -> None:
    draft = Draft()
    put(draft, place, [credential(hublet, *form)], how)
    request = draft.request()
    decision = decide(TABLE, request)

    assert (decision.hublet, decision.reason) == (hublet, Reason.CREDENTIAL)
    if place in IN_BODY:
        unread = decide(TABLE, replace(request, body=None))
        assert (unread.action, unread.reason) == (Action.REFUSE, Reason.TOO_LARGE)


@examples(800)
@given(form=forms, how=variations, place=st.sampled_from([*PLACES]))
def test_law_1_a_hublet_that_is_not_listed_is_refused(
    form: tuple[str, int], how: Variation, place: str
) -> None:
    draft = Draft()
    put(draft, place, [credential(UNLISTED, *form)], how)
    decision = decide(TABLE, draft.request())

    assert (decision.action, decision.reason) == (Action.REFUSE, Reason.UNKNOWN_HUBLET)


# The path holds one credential, and the body is of one kind.
PAIRS = [
    (one, other)
    for one, other in product(PLACES, PLACES)
    if (one, other) != ("path", "path") and (one == other or not {one, other} >= {*IN_BODY})
]


@examples(3500)
@given(
    case=one_of_each([*permutations((*HUBLETS, UNLISTED), 2)], PAIRS),
    one=forms,
    other=forms,
    how=variations,
)
def test_law_1_credentials_of_two_hublets_are_refused(
    case: tuple[tuple[str, str], tuple[str, str]],
    one: tuple[str, int],
    other: tuple[str, int],
    how: Variation,
) -> None:
    names, places = case
    draft = Draft()
    two = [credential(names[0], *one), credential(names[1], *other)]
    if places[0] == places[1]:
        put(draft, places[0], two, how)
    else:
        for place, text in zip(places, two, strict=True):
            put(draft, place, [text], how)
    request = draft.request()
    decision = decide(TABLE, request)
    first = decide(FIRST_WINS, request)

    reason = Reason.UNKNOWN_HUBLET if UNLISTED in names else Reason.CONFLICT
    assert (decision.action, decision.reason) == (Action.REFUSE, reason)
    assert first.hublet in names or first.action is Action.REFUSE


def reference(token: str) -> bytes | None:
    """Return field 9 of a token as protobuf's own decoders read it; None without one.

    Written after https://protobuf.dev/programming-guides/encoding/ and apart from the readers: of
    a field that occurs more than once the last counts, one with another wire type is unknown, and
    groups are skipped. ValueError and IndexError where the message is broken.
    """
    text = token.rstrip("=").replace("+", "-").replace("/", "_")
    rest: list[int] = [*base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))]
    found: bytes | None = None
    groups: list[int] = []

    def take(count: int) -> bytes:
        if count > len(rest):
            raise ValueError
        taken = bytes(rest[:count])
        del rest[:count]
        return taken

    def number() -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = rest.pop(0)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & (1 << 64) - 1
        raise ValueError

    while rest:
        tag = number() & (1 << 32) - 1  # as Java and C# read it
        if tag >> 3 == 0:
            raise ValueError
        match tag & 7:
            case 0:
                number()
            case 1:
                take(8)
            case 2:
                value = take(number())
                if tag >> 3 == 9 and not groups:
                    found = value  # an empty one names nothing
            case 3:
                groups.append(tag >> 3)
            case 4:
                if not groups or groups.pop() != tag >> 3:
                    raise ValueError
            case 5:
                take(4)
            case _:
                raise ValueError
    if groups:
        raise ValueError
    return found


def fields_of(message: bytes) -> list[bytes]:
    """Split a message of `synthetic` into its fields: every number in it is below 16."""
    fields = []
    while message:
        end = 1
        while message[end] & 0x80:
            end += 1
        end += 1
        if message[0] & 7 == 2:
            end += message[1]
        fields.append(message[:end])
        message = message[end:]
    return fields


def overlong(raw: bytes, extra: int) -> bytes:
    """Write the tag of a field with more bytes than it needs."""
    return bytes((raw[0] | 0x80, *[0x80] * extra, 0)) + raw[1:]


OTHER = bytes_field(9, b"ap1")
INSERTS = (
    OTHER, b"\x4a", b"\x4a\x03ap1", b"ap1", b"\0", b"\x80", b"\xff", b"\x4a\x00", b"\x48\x01",
    b"\x4d0000", b"\x4900000000", b"\x4b\x4c", b"\x4b" + OTHER + b"\x4c", b"\x0b", b"\x0c",
    b"\x4a\x83\x00ap1", b"\xca\x00\x03ap1", b"\x4a\x04ap1", b"\x4a\x02\xff\xfe",
    bytes_field(2, OTHER), b"\x10" + b"\xff" * 9 + b"\x01", varint(1 << 63) + b"\x01",
    varint_field((1 << 29) - 1, 1), varint_field(1 << 29, 1),
    b"\xca" + b"\x80" * 8 + b"\x10\x03ap1",
)  # fmt: skip


def mutated(fields: list[bytes], operation: str, at: int, to: int) -> list[bytes]:
    """Return the fields of a message after one mutation; `at` and `to` are any numbers."""
    message = b"".join(fields)
    spot = at % (len(message) + 1)
    one = at % len(fields) if fields else 0
    result = fields
    match operation:
        case "flip" if spot < len(message):
            flipped = bytes((message[spot] ^ 1 << to % 8,))
            result = [message[:spot], flipped, message[spot + 1 :]]
        case "truncate":
            result = [message[:spot]]
        case "behead":
            result = [message[spot:]]
        case "delete":
            result = [message[:spot], message[spot + to % 4 :]]
        case "insert":
            result = [message[:spot], INSERTS[to % len(INSERTS)], message[spot:]]
        case "insert a field":
            result = [*fields[:one], INSERTS[to % len(INSERTS)], *fields[one:]]
        case "double" if fields:
            result = [*fields, *fields[one : one + 1 + to % 3]]
        case "move" if fields:
            rest = [*fields[:one], *fields[one + 1 :]]
            result = [*rest[: to % len(fields)], fields[one], *rest[to % len(fields) :]]
        case "lengthen" if fields and fields[one]:
            result = [*fields[:one], overlong(fields[one], to % 10), *fields[one + 1 :]]
    return result


OPERATIONS = (
    "flip", "truncate", "behead", "delete", "insert", "insert a field", "double", "move",
    "lengthen",
)  # fmt: skip
FIELDS = {name: fields_of(access_token_message(name)) for name in ("eu1", "ap1", None)}
REWRITES: tuple[Callable[[str, int], str], ...] = (
    lambda token, at: token,
    lambda token, at: token + "=" * (at % 5),
    lambda token, at: token[: at % (len(token) + 1)],
    lambda token, at: token[: at % (len(token) + 1)] + "=-_.%+/ é"[at % 9] + token[at % 97 :],
    lambda token, at: token.replace("-", "+").replace("_", "/"),
    lambda token, at: base64url(token.encode()),
    lambda token, at: token.swapcase(),
)


FIELD_9 = re.compile(rb"(?:J|\xca\x80*[\x00\x10])(?:\x03|\x83\x80*\x00)(eu1|ap1)")
"""A Hublet's field, its tag and its length as long as they may be."""


def names_within(token: str, depth: int = 3) -> set[bytes]:
    """Return what each run of a text names, and each run of what a run is the base64 of.

    A Hublet field counts wherever its bytes lie, as a stray credential may be torn.
    """
    found = set()
    joined = re.sub(r"[^\w+/-]|=", "", token, flags=re.ASCII)
    runs = [token, joined, *re.split("[.~]", token)]
    runs += re.findall(r"[\w.~-]{16,}", token, re.ASCII)
    for run in {*runs, *re.findall(r"[\w.~+/-]{40,}", token, re.ASCII)}:
        with suppress(ValueError, IndexError):
            if name := reference(run):
                found.add(name)
        if depth:
            with suppress(ValueError):
                whole = run[: len(run) - (len(run) % 4 == 1)]  # one character more says nothing
                plain = base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
                found |= {*FIELD_9.findall(plain)}
                found |= names_within(plain.decode("ascii"), depth - 1)
    return found


@examples(7500)
@given(
    owner_and_rewrite=one_of_each(
        [*FIELDS], (REWRITES[0], REWRITES[0], REWRITES[0], *REWRITES), range(256)
    ),
    steps=st.lists(one_of_each(OPERATIONS, range(256), range(256)), max_size=3),
)
def test_law_1_a_mutated_token_goes_where_protobuf_says_or_to_the_default(
    owner_and_rewrite: tuple[str | None, Callable[[str, int], str], int],
    steps: list[tuple[str, int, int]],
) -> None:
    owner, rewrite, at = owner_and_rewrite
    fields = FIELDS[owner]
    for step in steps:
        fields = mutated(fields, *step)
    token = rewrite(base64url(b"".join(fields)), at)
    request = Request("GET", (API,), "/", (("authorization", f"bearer {token}"),))
    decision = decide(SHIPPED, request)

    match decision.reason:
        case Reason.CREDENTIAL:
            assert decision.hublet
            assert reference(token) == decision.hublet.encode()
        case Reason.STRAY:  # a piece of the token is a token of another Hublet
            assert names_within(token) & {b"eu1", b"ap1"}
        case Reason.UNREADABLE:  # RFC 9110 section 11.2
            assert not re.fullmatch(r"[\w.~+/-]+=*", token.strip(), re.ASCII)
        case reason:
            assert decision.hublet in {DEFAULT, None}
            assert reason in {
                Reason.LEGACY, Reason.ANONYMOUS, Reason.UNKNOWN_HUBLET, Reason.CONFLICT,
            }  # fmt: skip
            with suppress(ValueError, IndexError):
                assert decision.hublet is None or reference(token) not in {b"eu1", b"ap1"}
    if not steps and rewrite is REWRITES[0]:
        assert decision.hublet == (owner or DEFAULT)


# Laws 2, 4 and 5, for tables that no one would write and requests that no one would send.

NAMES = ("na1", "a", "eu1.evil.example", "127.0.0.1", "-", "")
PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        "(eu1|na1)", "(.*)", "(?:^| )([a-z]{2}[0-9])", "(a)?", "pat-(.+?)-", r"(?s)(.)\Z",
        "^/([^/]*)", "()",
    )
)  # fmt: skip
FILTERS = (
    None, None, re.compile("^/"), re.compile("^/oauth/"), re.compile("token"),
    re.compile("(?i)OAUTH|^$"),
)  # fmt: skip
ANYWHERE: tuple[Place, ...] = (
    Header("authorization", "bearer"), Header("authorization"), Header("cookie"), Header("host"),
    Query("token"), Query(""), Cookie("token"), Cookie(""), Form("token"), Form("a"),
    Json("token"), Json("a.token"), Json("."), *(PathPlace(pattern) for pattern in PATTERNS),
)  # fmt: skip
ANYHOW: tuple[Reader, ...] = (
    *(Regex(pattern) for pattern in PATTERNS), *[Regex(PATTERNS[0])] * 6,  # mostly one that finds
    Base64(PATTERNS[0]), Base64(PATTERNS[1]), Base64(PATTERNS[5]),
    Protobuf(9), Protobuf(1), Protobuf(536870911), Jwt("region"), Jwt("a.b"), Jwt("."),
)  # fmt: skip
UPSTREAMS = tuple(
    Upstream("https", host, port, sni)
    for host, port, sni in (("127.0.0.1", 9441, "client"), ("::1", 1, "upstream"), ("x", 2, "y"))
)
rules = one_of_each(("one", "two"), ANYWHERE, (None, *ANYWHERE), ANYHOW, FILTERS).map(
    lambda of: Rule(of[0], (of[1], of[2]) if of[2] else (of[1],), of[3], of[4])
)
POLICIES = [
    Policy(*cast("Any", choice))
    for choice in product(
        ("default", "refuse"), ("default", "refuse"), ("refuse", "default"),
        ("refuse", "first"), ("refuse", "pass"),
    )
]  # fmt: skip
LISTED = [("eu1", *names) for count in (0, 1, 3) for names in permutations(NAMES, count)]


MOVED = ("62515", "a", "eu1", "127.0.0.1", "x", "token")  # each stands somewhere in a request


def beside(*places: Place) -> tuple[Rule, ...]:
    return tuple(Rule("accounts", (place,), Account()) for place in places)


def table_of(
    choice: tuple[Policy, tuple[str, ...], bool], ids: int, all_rules: list[Rule]
) -> Table:
    """Make a table, as `tablefile` does; every second one knows accounts."""
    policy, listed, has_default = choice
    moved = {account: Move(listed[at % len(listed)]) for at, account in enumerate(MOVED)}
    places = (Query("token"), PathPlace(PATTERNS[6]))[: ids % 3]
    return Table(
        version="0123456789ab",
        domains=frozenset((API, "*.example")),
        hublets={name: UPSTREAMS[at % len(UPSTREAMS)] for at, name in enumerate(listed)},
        default=listed[0] if has_default else None,
        policy=policy,
        rules=tuple(all_rules),
        accounts=Accounts(beside(*places), (Protobuf(3),), moved) if ids > 2 else None,
    )


tables = st.builds(
    table_of,
    one_of_each(POLICIES, LISTED, (True, False)),
    st.integers(0, 5),
    st.lists(rules, min_size=1, max_size=4),
)

SECRETS = (
    access_token("eu1"), access_token(None), private_app_token("eu1"), private_app_token("a"),
    jwt({"region": "eu1", "a": {"b": "127.0.0.1"}}), base64url(b"eu1.evil.example"),
    "127.0.0.1", "a", "eu1", "na1", "x eu1", "x" * 16_385,
)  # fmt: skip
HOSTS = ((API,), (API.upper() + ":443",), (API, "x.example"), ("y.example",), (), ("é@\0",))
PREFIXES = ("/oauth/", "/", "", "*", "//x/../", "/%2e%2E/%", "/1/", "?2")


def request_of(
    shape: tuple[tuple[str, ...], str, str, int, int, int], one: str, two: str
) -> Request:
    """Make a request with credentials, or whatever the two texts are, where tables look."""
    hosts, prefix, query, first, last, body = shape
    headers = (
        ("authorization", f"Bearer {one}"),
        ("cookie", f"token={two}; ={one}; {two}"),
        ("authorization", two),
        ("host", two),
        ("authorization", f"bearer\t{two}"),
    )
    bodies = (
        b"", None, f"token={one}&a={two}&{one}".encode(), json.dumps({"token": one}).encode(),
        json.dumps({"a": [{"token": one}, two], ".": two, "": {"": one}}).encode(),
        two.encode("latin-1"), b"[" * 2000, f'{{"token":"{one}","token":"{two}"}}'.encode(),
    )  # fmt: skip
    return Request(
        method="PUT",
        hosts=hosts,
        target=prefix.replace("1", one).replace("2", two) + query + one,
        headers=headers[first:last],
        body=bodies[body],
    )


texts = (
    st.sampled_from(SECRETS)
    | st.sampled_from(SECRETS)
    | st.text(st.characters(max_codepoint=255), max_size=8)
)
requests = st.builds(
    request_of,
    one_of_each(
        (*HOSTS, *HOSTS[:1] * 4),
        PREFIXES,
        ("?token=", "?x&&=", ""),
        range(3),
        (5, 5, 4, 3, 0),
        range(8),
    ),
    texts,
    texts,
)


@examples(1000)
@given(table=tables, seen=st.lists(requests, min_size=1, max_size=4))
def test_law_2_what_is_remembered_of_other_requests_changes_nothing(
    table: Table, seen: list[Request]
) -> None:
    decisions = [decide(table, request) for request in seen]

    assert [decide(table, request) for request in reversed(seen)] == decisions[::-1]
    assert [decide(replace(table), replace(request)) for request in seen] == decisions


def planned(rule: Rule) -> Rule:
    """Return the rule with what `tablefile` makes of its patterns for the plan."""
    places = tuple(
        replace(place, prefix=literal_start(place.pattern))
        if isinstance(place, PathPlace)
        else place
        for place in rule.places
    )
    return replace(rule, places=places, prefix=literal_start(rule.paths) if rule.paths else "")


@examples(1000)
@given(table=tables, request=requests)
def test_law_2_the_plan_changes_no_decision(table: Table, request: Request) -> None:
    rules = tuple(replace(rule, name=f"{at}") for at, rule in enumerate(table.rules))
    unplanned = replace(table, rules=rules)

    assert decide(replace(table, rules=tuple(map(planned, rules))), replace(request)) == decide(
        unplanned, request
    )


@examples(800)
@given(text=st.text("ab=&+%2cz;#é\0") | st.text())
def test_a_query_is_read_as_the_standard_library_reads_it(text: str) -> None:
    """But for what the project adds: `;` divides, names are folded and values are stripped."""
    expected: dict[str, list[str]] = {}
    for name, value in parse_qsl(text.replace(";", "&"), keep_blank_values=True):
        expected.setdefault(fold_name(name.replace("&", "\1")), []).append(value.strip())
    read = parameters_of(text).items()
    assert {name: [*map(decode_value, values)] for name, values in read} == expected


@examples(1000)
@given(table=tables, request=requests)
def test_law_1_only_a_listed_account_overrides_a_credential(table: Table, request: Request) -> None:
    accounts = table.accounts or Accounts(beside(Query("token")), (Protobuf(3),), {})
    decision = decide(table, request)
    unlisted = replace(table, accounts=replace(accounts, moved={"unlisted": Move("eu1")}))

    found = findings(unlisted, request)
    if not any(it.unread and it.is_beside for it in found):
        assert decide(unlisted, request) == decide(replace(table, accounts=None), request)
    if decision.reason is Reason.MOVED:
        ids = {account_id(text) for it in findings(table, request) for text in it.accounts}
        assert decision.hublet in {accounts.moved[it].to for it in ids & accounts.moved.keys()}


@examples(800)
@given(table=tables, request=requests)
def test_law_4_a_decision_shows_no_credential(table: Table, request: Request) -> None:
    decision = decide(table, request)
    shown = f"{request!r} {decision!r} {decision.as_json()} {decision.summary}"

    assert not [secret for secret in SECRETS if len(secret) > 16 and secret in shown]


def is_listed(table: Table, decision: Decision) -> bool:
    return any(
        name == decision.hublet and upstream is decision.upstream
        for name, upstream in table.hublets.items()
    )


@examples(2500)
@given(table=tables, request=requests)
def test_law_5_only_a_listed_upstream_is_chosen(table: Table, request: Request) -> None:
    decision = decide(table, request)

    if decision.action is Action.ROUTE:
        assert is_listed(table, decision)
    else:
        assert (decision.hublet, decision.upstream) == (None, None)
    assert decision.credential in {None, "accounts", *(rule.name for rule in table.rules)}
    assert decision.action is not Action.PASS or table.policy.foreign == "pass"
