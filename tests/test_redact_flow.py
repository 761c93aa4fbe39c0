"""A recorded flow without its secrets."""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mitmproxy import connection, http
from mitmproxy.flow import Error
from mitmproxy.io import FlowWriter
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage

from cases import cases
from hublet_router.core.decision import Reason
from hublet_router.core.findings import findings
from hublet_router.core.judge import decide
from hublet_router.core.readers import Regex
from hublet_router.core.request import MAX_BODY
from hublet_router.core.table import Table
from hublet_router.flows.requests import request_with_body
from hublet_router.redaction.redact_flow import FlowRedactor
from shipped_table import SHIPPED as TABLE
from synthetic import (
    access_token,
    api_key,
    base64url,
    jwt,
    personal_access_key,
    private_app_token,
)
from test_pseudonyms import runs

KEY = bytes(32)
FORM = b"grant_type=refresh_token&refresh_token=eu1-"


def flow(
    path: str = "/crm/v3",
    *fields: tuple[str, str],
    host: str = "api.hubapi.com",
    body: bytes | None = b"",
    answer: tuple[tuple[str, str], ...] = (),
    answered: bytes = b"",
) -> http.HTTPFlow:
    """A recorded flow; its connections are those of mitmproxy's own tests."""
    it = tflow.tflow(resp=True)
    it.live = False
    it.request.headers = http.Headers(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    )
    it.request.headers.insert(0, "Host", host)
    it.request.data.authority = b""
    it.request.data.path = path.encode("latin-1")
    it.request.data.content = body
    assert it.response
    it.response.headers = http.Headers([(a.encode(), b.encode()) for a, b in answer])
    it.response.data.content = answered
    return it


def redacted(it: http.HTTPFlow, table: Table = TABLE, *, bodies: bool = False) -> http.HTTPFlow:
    new = FlowRedactor(table, KEY, bodies=bodies).redacted(it)
    assert new
    assert decide(table, request_with_body(new)) == decide(table, request_with_body(it))
    return new


class Planted:
    """Secrets, each another one, and a flow with one of them wherever one could stand."""

    def __init__(self) -> None:
        self.secrets: list[str] = []
        self.count = 0

    def long(self) -> str:
        """A secret that looks like one."""
        self.count += 1
        text = base64.b32encode(f"{self.count:03}{self.count * 7919:07}".encode()).decode()
        self.secrets.append(text := f"{text[:9].lower()}7{text[9:]}")
        return text

    def word(self) -> str:
        """A secret that looks like a word; only its place shows that."""
        self.count += 1
        letters = "".join(chr(ord("a") + int(digit)) for digit in f"{self.count * 104729:09}")
        self.secrets.append(text := f"open{letters}")
        return text

    def flow(self) -> http.HTTPFlow:
        long, word = self.long, self.word
        it = flow(
            f"/oauth/v1/access-tokens/{access_token('eu1', signature=word().encode())}/{long()}"
            f";jsessionid={word()}?hapikey=eu1-{word()}&h%61pikey=eu1-{word()}&Token={word()}"
            f"&state={quote(word() + '=&')}&b={long()}&{long()}&to={quote(f'//x?code={word()}')}"
            f"&mail={word()}%40example.org&u={quote(f'https://u:{word()}@x')}#id_token={word()}",
            ("AUTHORIZATION", f"Bearer pat-eu1-{word()}"),
            ("authorization", f"bearer {access_token('eu1', signature=word().encode())}"),
            ("Authorization", f"Basic {base64.b64encode(f'user:{word()}'.encode()).decode()}"),
            ("Authorization", word()),
            ("Proxy-Authorization", f"Digest response={word()}"),
            ("Authorization", f"AWS4-HMAC-SHA256 Credential={word()}/x, Signature={word()}"),
            ("X-HubSpot-Signature-v3", long()),
            ("Signature", f"sig1=:{word()}:"),
            ("X-Odd", word()),
            ("X-\xe9", f"\xe9{word()}"),
            ("Cookie", f'a="{word()}"; b={word()}; {word()}'),
            ("cookie", f"c = {word()}"),
            ("Referer", f"https://u:{word()}@api.hubapi.com/x?api_key={word()}"),
            ("Origin", f"https://{word()}.customer.io"),
            ("User-Agent", f"client ({long()}; key={word()})"),
            ("X-Jwt", jwt({"sub": word(), "n": [{"x": word()}]})),
            ("Content-Type", "application/json"),
            answer=(
                ("Set-Cookie", f"sid={word()}; Path=/; HttpOnly; Domain=x; Odd={word()}"),
                ("set-cookie", f"t={word()}"),
                ("Location", f"/callback?code={word()}#access_token={word()}"),
                ("WWW-Authenticate", f"Bearer realm={word()}"),
                ("Server", f"s/{long()}"),
            ),
        )
        it.request.data.authority = f"user:{word()}@api.hubapi.com".encode()
        it.request.data.method = f"GET{long()}".encode()
        document = {
            "access_token": word(), "nested": {"secret": [word(), {"x": word()}]},
            "list": [long(), 1234567], long(): "x", "note": f"password: {word()}",
        }  # fmt: skip
        it.request.data.content = json.dumps(document).encode()
        assert it.response
        it.response.headers["content-encoding"] = "gzip"
        it.response.data.content = gzip.compress(
            f"token={word()}&x={long()}&{self.secrets[1]}".encode()
        )
        it.response.data.reason = f"No {long()}".encode()
        for message in (it.request, it.response):
            message.trailers = http.Headers([(b"X-Sum", word().encode())])
        it.error = Error(f"b'Authorization: Bearer {word()}' and {long()}")
        websocket = tflow.twebsocketflow().websocket
        assert websocket
        websocket.messages = [
            WebSocketMessage(1, True, f'{{"auth": "{word()}"}}'.encode()),
            WebSocketMessage(2, False, b"\xff" + word().encode()),
        ]
        websocket.close_reason = f"bye {long()}"
        it.websocket = websocket
        it.comment = f"mine is {word()}"
        it.marked = word()
        it.metadata = {"hublet": word(), "note": word(), "hublet_reason": "conflict"}
        it.backup()
        it.request.data.path = it.request.data.path.replace(b"/crm", b"/x")
        it.client_conn = connection.Client(
            peername=("203.0.113.77", 1), sockname=("203.0.113.78", 1), sni=f"{word()}.customer.io",
            error=word(), alpn=word().encode(), cipher=word(),
            proxy_mode=ProxyMode.parse(f"reverse:https://{word()}.internal"),
        )  # fmt: skip
        it.server_conn = connection.Server(
            address=(f"{word()}.internal", 1), peername=("203.0.113.79", 1), error=word(),
            via=("https", (word(), 1)), sni=f"{word()}.internal",
        )  # fmt: skip
        it.request.data.host = f"{word()}.internal"
        return it


def spellings(secret: str) -> Iterator[str]:
    """Yield how a secret could be written: raw, in base64 of each alignment, in escapes."""
    yield secret
    for shift in range(3):
        yield base64url(b"x" * shift + secret.encode())[2 + shift : -3]
    yield "".join(f"%{byte:02x}" for byte in secret.encode())
    yield json.dumps(secret)[1:-1]
    yield secret.encode().hex()


@pytest.mark.parametrize("bodies", [False, True], ids=["without bodies", "with bodies"])
def test_law_4_no_planted_secret_is_left(tmp_path: Path, bodies: bool) -> None:
    planted = Planted()
    it = planted.flow()
    assert len(set(planted.secrets)) == len(planted.secrets) > 60
    path = tmp_path / "flows"
    with path.open("wb") as file:
        FlowWriter(file).add(it)
    recorded = path.read_bytes().decode("latin-1").lower()
    assert sum(secret.lower() in recorded for secret in planted.secrets) > 50  # the test can fail
    with path.open("wb") as file:
        FlowWriter(file).add(redacted(it, bodies=bodies))
    written = path.read_bytes().decode("latin-1").lower()
    for secret in planted.secrets:
        for spelling in spellings(secret):
            assert spelling.lower() not in written, secret
        assert not {run for run in runs(secret) if run.lower() in written}
    assert "203.0.113" not in written


def test_the_state_of_a_flow_has_no_unknown_part() -> None:
    """What a flow holds is looked at piece by piece: a new piece may hold a secret."""
    state = flow().get_state()
    assert set(state) == {
        "version", "type", "id", "error", "client_conn", "server_conn", "intercepted",
        "is_replay", "marked", "metadata", "comment", "timestamp_created", "backup",
        "request", "response", "websocket",
    }  # fmt: skip
    assert set(state["request"]) == {
        "host", "port", "method", "scheme", "authority", "path", "http_version", "headers",
        "content", "trailers", "timestamp_start", "timestamp_end",
    }  # fmt: skip
    assert set(state["response"]) == {
        "http_version", "status_code", "reason", "headers", "content", "trailers",
        "timestamp_start", "timestamp_end",
    }  # fmt: skip


def test_what_is_kept() -> None:
    it = flow("/crm/v3?limit=10", ("Accept", "*/*"), ("authorization", private_app_token("eu1")))
    it.comment, it.marked = "refused: conflict (private-app-token)", ":no_entry:"
    ours = {"hublet": "eu1", "hublet_table": "0123456789ab"}
    it.metadata = {**ours, "note": "eu1"}
    it.is_replay = "request"
    it.request.trailers = http.Headers([(b"Server-Timing", b"")])
    new = redacted(it)
    assert (new.id, new.comment, new.marked, new.metadata) == (
        it.id, it.comment, it.marked, ours,
    )  # fmt: skip
    assert new.request.trailers == it.request.trailers
    assert new.is_replay == "request"
    assert new.request.path == "/crm/v3?limit=10"
    assert new.request.headers.fields[:2] == it.request.headers.fields[:2]
    assert new.request.http_version == it.request.http_version
    assert new.request.timestamp_start == it.request.timestamp_start
    assert new.request.host == "api.hubapi.com"
    assert new.response
    assert new.response.status_code == 200
    assert new.client_conn.proxy_mode.full_spec == "regular"
    it.client_conn.proxy_mode = ProxyMode.parse("reverse:https://10.0.0.1")
    assert redacted(it).client_conn.proxy_mode.full_spec == "reverse:https://unrouted.invalid"
    assert str(new.client_conn.sni).endswith(".example")


def test_a_flow_without_a_host_has_another_one_than_its_upstream() -> None:
    it = flow()
    del it.request.headers["host"]
    it.request.data.host = "eu1.internal.invalid.acme"
    new = redacted(it)
    assert new.request.data.host.endswith(".example")
    assert "acme" not in new.request.data.host


def test_a_flow_without_an_answer() -> None:
    it = tflow.tflow(err=True)
    it.live = False
    new = redacted(it)
    assert new.response is None
    assert new.error
    assert new.error.msg == "error"


def test_bodies_are_emptied_and_their_length_is_right() -> None:
    it = flow(
        "/crm/v3", ("Content-Length", "5"), body=b"hello",
        answer=(("CONTENT-LENGTH", "99"), ("Content-Encoding", "unknown")), answered=b"\xffx" * 5,
    )  # fmt: skip
    new = redacted(it)
    assert (new.request.raw_content, new.request.headers["content-length"]) == (b"", "0")
    assert new.response
    assert (new.response.raw_content, new.response.headers["content-length"]) == (b"", "0")
    missing = flow("/oauth/v1/token", body=None, answer=(("content-length", "7"),))
    new = redacted(missing, bodies=True)
    assert new.request.raw_content is None
    assert new.response
    assert new.response.headers["content-length"] == "7"  # of an answer to HEAD


def test_bodies_that_are_kept() -> None:
    it = flow(
        "/crm/v3", ("Content-Length", "31"), body=b"sort=name&password=hunterhunter",
        answer=(("content-encoding", "gzip"),),
        answered=gzip.compress(b'{"sort": "name", "key": "cd"}'),
    )  # fmt: skip
    new = redacted(it, bodies=True)
    content = new.request.raw_content
    assert content
    assert content.startswith(b"sort=name&password=")
    assert b"hunter" not in content
    assert new.request.headers["content-length"] == str(len(content))
    assert new.response
    assert new.response.content
    assert new.response.content.startswith(b'{"sort": "name", "key": "')


@pytest.mark.parametrize("body", [b"\xff\xfe", "password=opensesame".encode("utf-16-le")])
def test_a_body_that_is_no_text_is_emptied(body: bytes) -> None:
    assert redacted(flow(body=body), bodies=True).request.raw_content == b""


@pytest.mark.parametrize("bodies", [False, True])
def test_a_body_that_a_rule_reads(bodies: bool) -> None:
    it = flow("/oauth/v1/token", body=FORM + b"0000&message=a+note")
    content = redacted(it, bodies=bodies).request.raw_content
    assert content
    assert content.startswith(b"grant_type=refresh_token" if bodies else b"grant_type=")
    assert b"&refresh_token=eu1-" in content
    assert (b"message=a+note" in content) is bodies
    assert b"eu1-0000" not in content


@pytest.mark.parametrize("bodies", [False, True])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_document_in_another_encoding(bodies: bool, coding: str) -> None:
    body = json.dumps({"encodedOAuthRefreshToken": personal_access_key("ap1")})
    new = redacted(flow("/localdevauth/v1/auth/refresh", body=body.encode(coding)), bodies=bodies)
    assert new.request.raw_content
    text = new.request.raw_content.decode(coding)
    assert not runs(text) & runs(personal_access_key("ap1")[:40])


def test_of_a_form_that_a_rule_reads_no_value_stays_that_is_not_known_to_be_harmless() -> None:
    """Blanks make it none to others, and a NUL all of it unknown."""
    it = flow("/oauth/v1/token", body=FORM + b"0000&client_secret=the key&limit=name")
    content = redacted(it, bodies=True).request.raw_content
    assert content
    assert b"the key" not in content
    assert b"limit=name" in content
    it.request.raw_content = FORM + b"0000&limit=name\0"
    assert b"limit=name" not in (redacted(it, bodies=True).request.raw_content or b"")


def test_messages_of_a_websocket_are_kept_with_bodies_alone() -> None:
    it = flow()
    it.websocket = tflow.twebsocketflow().websocket
    assert it.websocket
    it.websocket.messages = [WebSocketMessage(1, True, b"the key")]
    it.websocket.close_reason = "the end"
    for bodies, kept in ((True, b"the key"), (False, b"")):
        new = redacted(it, bodies=bodies).websocket
        assert new
        assert [message.content for message in new.messages] == [kept]
        assert new.close_reason == "the end"


def test_text_of_websocket_messages_that_mitmproxy_7_recorded_as_str() -> None:
    it = flow()
    it.websocket = tflow.twebsocketflow().websocket
    assert it.websocket
    old: Any = WebSocketMessage(1, True, b"")
    old.content = '{"message": "hello", "auth": "opensesame"}'
    it.websocket.messages = [old]
    for bodies, start in ((True, b'{"message": "hello", "auth": "'), (False, b"")):
        new = redacted(it, bodies=bodies)
        assert new.websocket
        (message,) = new.websocket.messages
        assert message.content.startswith(start)
        assert b"sesame" not in message.content


def test_a_form_that_is_no_text() -> None:
    it = flow("/oauth/v1/token", body=FORM + b"0000&note=caf\xe9")
    content = redacted(it, bodies=True).request.raw_content
    assert content
    assert b"caf\xe9" not in content


def test_a_form_with_zeros_in_it() -> None:
    it = flow("/oauth/v1/token", body=b"a=b\0c&note=plain")
    content = redacted(it, bodies=True).request.raw_content
    assert content
    assert b"plain" not in content


CREDENTIALS = (
    private_app_token("eu1"), private_app_token("na2"), api_key("ap1"), api_key(None), "demo",
    access_token("eu1"), access_token(None), personal_access_key("na1"), jwt({"a": "b"}), "a-b",
    "%", "\xe9", "eu1-", "x" * 17_000, "eu1-abc=&;#?x", '"q"', " a b ", "", "12345678", "token=abc",
)  # fmt: skip
credentials = st.sampled_from(CREDENTIALS)
spelled = st.builds(
    lambda text, spell: spell(text),
    credentials,
    st.sampled_from([str, quote, quote_plus, lambda text: quote(text, safe="")]),
)
names = st.sampled_from(["hapikey", "refresh_token", "code", "token", "l%69mit", "hapi%6bey", ""])
pairs = st.builds("{}{}{}".format, names, st.sampled_from(["=", "=", "==", ""]), spelled)
queries = st.lists(pairs, max_size=3).map("&".join)
paths = st.sampled_from(
    ["/crm/v3", "/oauth/v1/token", "//oauth/./v1/../v1/token;x=y", "/%6Fauth/v1/token", "", "*"]
) | st.builds(
    "{}{}{}".format,
    st.sampled_from(["/oauth/v1/access-tokens/", "/oauth/v1/refresh-tokens/", "/a%2Fb/"]),
    spelled,
    st.sampled_from(["", "/x", "#a=b"]),
)
fields = st.tuples(
    st.sampled_from(["authorization", "Authorization", "x-key", "cookie", "referer", "Range"]),
    st.builds("{}{}".format, st.sampled_from(["Bearer ", "bearer  ", "Basic ", ""]), credentials),
)
bodies_of_all_kinds = (
    queries.map(str.encode)
    | st.binary(max_size=40)
    | st.dictionaries(names, credentials | st.integers() | st.none())
    .map(json.dumps)
    .map(str.encode)
)


@settings(deadline=None, max_examples=200)
@given(
    st.builds("{}?{}".format, paths, queries) | st.just("/localdevauth/v1/auth/refresh"),
    st.lists(fields, max_size=3),
    st.sampled_from(["api.hubapi.com", "API.hubapi.com.:443", "u:p@api.hubapi.com", "x.io", ""]),
    bodies_of_all_kinds,
    st.booleans(),
)
@example("/localdevauth/v1/auth/refresh", [], "api.hubapi.com", b'{"":-157135}', False)
@example("/oauth/v1/token", [], "api.hubapi.com", b"hapikey=%", False)
def test_whatever_is_sent_the_decision_stays_and_its_credentials_do_not(
    path: str, headers: list[tuple[str, str]], host: str, body: bytes, bodies: bool
) -> None:
    it = flow(path, *headers, host=host, body=body)
    before, after = (
        {
            finding.credential
            for finding in findings(TABLE, request_with_body(each))
            if finding.credential and len(finding.credential) > 5
        }
        for each in (it, redacted(it, bodies=bodies))
    )
    assert not before & after


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (FORM + b"x" * MAX_BODY, ()),
        (gzip.compress(FORM + b"0"), (("Content-Encoding", "gzip"),)),
        (FORM + b"0", (("Content-Encoding", "unknown"),)),
        (FORM + b"0", (("Transfer-Encoding", "gzip, chunked"),)),
    ],
    ids=["too long", "compressed", "in an unknown coding", "in a transfer coding"],
)
def test_a_body_that_no_rule_can_read_stays_one(
    body: bytes, fields: tuple[tuple[str, str], ...]
) -> None:
    it = flow("/oauth/v1/token", *fields, body=body)
    assert decide(TABLE, request_with_body(it)).reason in {Reason.TOO_LARGE, Reason.UNREADABLE}
    content = redacted(it).request.raw_content
    assert content
    assert set(content) == set(b"%")
    assert len(content) == min(len(body), MAX_BODY + 1)


def test_a_decision_that_would_change() -> None:
    """A pattern that demands a name, which is no Hublet's and too long to stay."""
    old = replace(TABLE.rules[1], reader=Regex(re.compile("^(secretname)-")))
    redaction = FlowRedactor(replace(TABLE, rules=(old,)), KEY)
    assert redaction.redacted(flow("/x", ("authorization", "Bearer secretname-1"))) is None
    assert not redaction.count


@cases(
    "field",
    {
        "Basic": ("Authorization", "Basic {base64}"),
        "a cookie of JSON": ("Cookie", "a=b; session={json}; c=d"),
        "two Hublets": ("X-Session", "{both}"),
        "escapes": ("X-Session", "{escaped}"),
    },
)
def test_a_stray_credential_in_a_coding_stays_one(field: tuple[str, str]) -> None:
    secret, other = private_app_token("eu1"), private_app_token("na1")
    texts = {
        "base64": base64.b64encode(f"{secret}:x".encode()).decode(),
        "json": base64.b64encode(json.dumps({"token": secret}).encode()).decode(),
        "both": base64.b64encode(f"{other} {secret}".encode()).decode(),
        "escaped": quote(quote(json.dumps([secret]))),
    }
    name, value = field
    bearer = ("Authorization", f"Bearer {other}")
    it = flow("/x", bearer, (name, value.format(**texts)))
    assert decide(TABLE, request_with_body(it)).reason == Reason.STRAY
    redaction = FlowRedactor(TABLE, KEY)
    new = redaction.redacted(it)
    assert new
    assert decide(TABLE, request_with_body(new)) == decide(TABLE, request_with_body(it))
    assert not runs(" ".join([secret, *texts.values()])) & runs(str(new.request.headers.fields))
    assert redaction.count == {"private-app-token": 1}


def test_the_credentials_of_each_rule_are_counted() -> None:
    redaction = FlowRedactor(TABLE, KEY)
    bearer = ("authorization", f"Bearer {private_app_token('eu1')}")
    assert redaction.redacted(flow("/x?hapikey=eu1-0&portalId=7", bearer))
    assert redaction.redacted(flow("/x", bearer))
    assert redaction.count == {"private-app-token": 2, "api-key": 1}
