"""Not an open door: what is no plain request for a served host gets an answer, and goes nowhere."""

import asyncio
import logging
import socket
from collections.abc import Iterator

import pytest

from cases import cases
from harness import API, Client, Stage, bearer, request, wait_for
from synthetic import (
    access_token,
    access_token_message,
    api_key,
    base64url,
    bytes_field,
    personal_access_key,
)

TOKEN = bearer("eu1")
CLOSED = ""
"""No status: the connection is closed."""


def head(target: str, *fields: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, TOKEN, "", ""]).encode()


def host(value: str) -> bytes:
    return head("/", f"Host: {value}")


def posted(*fields: str, body: bytes = b"", version: str = "1.1") -> bytes:
    lines = [f"POST / HTTP/{version}", f"Host: {API}", *fields, TOKEN, "", ""]
    return "\r\n".join(lines).encode() + body


SMUGGLED = b"0\r\n\r\n" + request("GET", "/smuggled", TOKEN)

# status, and the reason of a problem document or words of mitmproxy's own answer
type Rows = dict[str, tuple[bytes, str, str]]

CONTROLS: Rows = {
    "a bare CR before a length": (
        posted("X-A: a\rContent-Length: 0", f"Content-Length: {len(SMUGGLED)}", body=SMUGGLED),
        "400", "unreadable",
    ),
    "a bare CR before a credential": (
        head("/", f"Host: {API}", "X-A: a\rAuthorization: Bearer pat-na1-0"), "400", "unreadable",
    ),
    "a NUL in a value": (head("/", f"Host: {API}", "X-A: a\0b"), "400", "unreadable"),
    "a folded value": (head("/", f"Host: {API}", "X-A: a\r\n b"), "400", "unreadable"),
    "an escape in a credential": (
        head("/", f"Host: {API}", "X-A: \x1b[2J"), "400", "unreadable",
    ),
    "a DEL in a value": (head("/", f"Host: {API}", "X-A: a\x7f"), "400", "unreadable"),
    "a NUL in the target": (head("/\0", f"Host: {API}"), "400", "unreadable"),
    "a host that is foreign, too": (head("/", "Host: a.example", "X-A: \0"), "400", "unreadable"),
}  # fmt: skip

HOSTS: Rows = {
    "foreign": (host("api.example.com"), "421", "foreign-host"),
    "no Host": (head("/"), "421", "foreign-host"),
    "an empty Host": (host(""), "421", "foreign-host"),
    "two Hosts that differ": (head("/", f"Host: {API}", "Host: a.example"), "421", "foreign-host"),
    "two foreign Hosts": (head("/", "Host: a.example", "Host: b.example"), "421", "foreign-host"),
    "a list of hosts": (host(f"{API}, {API}"), "421", "foreign-host"),
    "userinfo": (host(f"{API}@a.example"), "421", "foreign-host"),
    "our name as userinfo": (host(f"user@{API}"), "421", "foreign-host"),
    "a path": (host(f"a.example/{API}"), "421", "foreign-host"),
    "a fragment": (host(f"a.example#{API}"), "421", "foreign-host"),
    "a port that is none": (host(f"{API}:port"), "421", "foreign-host"),
    "two ports": (host(f"{API}:443:80"), "421", "foreign-host"),
    "a name below ours": (host(f"a.{API}"), "421", "foreign-host"),
    "a name that ends in ours": (host(f"a{API}"), "421", "foreign-host"),
    "a name that begins with ours": (host(f"{API}.a.example"), "421", "foreign-host"),
    "two trailing dots": (host(f"{API}.."), "421", "foreign-host"),
    "an IPv6 literal": (host("[::1]"), "421", "foreign-host"),
    "an IPv6 literal with a port": (host("[::ffff:127.0.0.1]:80"), "421", "foreign-host"),
    "our name in brackets": (host(f"[{API}]"), "421", "foreign-host"),
    "half an IPv6 literal": (host("[::1"), "421", "foreign-host"),
    "an IPv4 address": (host("127.0.0.1"), "421", "foreign-host"),
    "a NUL": (host(f"{API}\0.a.example"), "400", "unreadable"),
    "a space": (host(f"{API} a.example"), "421", "foreign-host"),
    "a tab": (host(f"{API}\ta.example"), "421", "foreign-host"),
    "a folded line": (host(f"{API}\r\n a.example"), "400", "unreadable"),
    "a letter that folds to ours": (host("api.hubap\N{LATIN SMALL LETTER DOTLESS I}.com"),
                                    "421", "foreign-host"),
    "percent-encoding": (host("api%2ehubapi.com"), "421", "foreign-host"),
}  # fmt: skip

TARGETS: Rows = {
    "absolute, another Host": (head(f"http://{API}/", "Host: a.example"), "421", "foreign-host"),
    "absolute and foreign": (head("http://a.example/", f"Host: {API}"), "421", "foreign-host"),
    "absolute without Host": (head("http://a.example/"), "421", "foreign-host"),
    "absolute with userinfo": (head(f"http://{API}@a.example/", f"Host: {API}"), "400", "Bad HTTP"),
    "absolute, IPv6": (head("http://[::1]/", f"Host: {API}"), "421", "foreign-host"),
    "another scheme": (head(f"ftp://{API}/", f"Host: {API}"), "400", "Bad HTTP request line"),
    "no scheme": (head(f"{API}/", f"Host: {API}"), "400", "Bad HTTP request line"),
    "CONNECT": (head("a.example:443", method="CONNECT"), "400", "CONNECT"),
    "CONNECT to us": (head(f"{API}:443", f"Host: {API}", method="CONNECT"), "400", "CONNECT"),
    "no version": (b"GET /\r\n\r\n", "400", "Bad HTTP request line"),
    "a version of two digits": (b"GET / HTTP/1.10\r\n\r\n", "400", "Bad HTTP request line"),
    "a space in the path": (b"GET /a b HTTP/1.1\r\n\r\n", "400", "Bad HTTP request line"),
}

FRAMING: Rows = {
    "both framings": (
        posted("Content-Length: 5", "Transfer-Encoding: chunked", body=SMUGGLED), "400", "both"
    ),
    "both, the other way round": (
        posted("Transfer-Encoding: chunked", "Content-Length: 5", body=SMUGGLED), "400", "both"
    ),
    "two lengths": (posted("Content-Length: 0", "Content-Length: 5"), "400", "content-length"),
    "two equal lengths": (posted("Content-Length: 5", "Content-Length: 5"), "400", "content-len"),
    "a list of lengths": (posted("Content-Length: 5, 5"), "400", "content-length"),
    "a negative length": (posted("Content-Length: -1"), "400", "content-length"),
    "a signed length": (posted("Content-Length: +5"), "400", "content-length"),
    "a length of 5000 digits": (posted(f"Content-Length: {'9' * 5000}"), "400", ""),
    "two codings": (posted("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "400", "t"),
    "an unknown coding": (posted("Transfer-Encoding: xchunked"), "400", "transfer-encoding"),
    "chunked not last": (posted("Transfer-Encoding: chunked, gzip"), "400", "transfer-encoding"),
    "identity": (posted("Transfer-Encoding: identity", body=SMUGGLED), "400", "transfer-encoding"),
    "chunked in HTTP/1.0": (posted("Transfer-Encoding: chunked", version="1.0"), "400", "transfer"),
    "a space before the colon": (posted("Transfer-Encoding : chunked"), "400", "header"),
    "a name with a line feed": (posted("X\n: chunked"), "400", "Invalid header"),
    "a first line that is folded": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400", "Invalid header"),
    "a chunk that is no number": (
        posted("Transfer-Encoding: chunked", body=b"zz\r\n"), "400", "The body is malformed"
    ),
}  # fmt: skip


@pytest.fixture
def closed(stage: Stage, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    """A proxy in reverse mode; at the end, no byte has arrived anywhere and no secret is logged."""
    caplog.set_level(logging.DEBUG)
    stage.regions("na1", "eu1")
    stage.proxy()
    yield stage
    assert stage.arrivals() == {"na1": 0, "eu1": 0}
    assert stage.get("/", TOKEN).hublet == "eu1"
    assert "crashed" not in caplog.text
    assert "pat-eu1" not in caplog.text


def answered(client: Client, raw: bytes) -> tuple[str, str]:
    """Return the status and the text of the answer, or that the connection was closed."""
    try:
        answer = client.send(raw)
    except ConnectionError:
        return CLOSED, ""
    return str(answer.status), answer.body.decode()


@cases(("raw", "status", "said"), CONTROLS)
def test_control_characters_are_refused_before_anything_is_forwarded(
    closed: Stage, raw: bytes, status: str, said: str
) -> None:
    with closed.client() as client:
        got, text = answered(client, raw)
    assert got == status
    assert f'"reason": "{said}"' in text


@pytest.mark.parametrize("field", ["X-A:\ra", "X-A: a\r", "X-A: \t\fa", "X-A: a\v ", "X-A: \r"])
def test_control_characters_at_the_ends_of_a_value_are_refused(closed: Stage, field: str) -> None:
    """mitmproxy would drop them."""
    with closed.client() as client:
        assert answered(client, head("/", f"Host: {API}", field))[0] == "400"


def test_a_tab_in_a_value_is_no_control_character(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy()
    assert stage.send(head("/", f"Host: {API}", "X-A: a\tb\xe9")).hublet == "eu1"


def assert_refused(closed: Stage, raw: bytes, status: str, said: str) -> None:
    with closed.client() as client:
        got, text = answered(client, raw)
    assert got == status
    assert said in text


@cases(("raw", "status", "said"), HOSTS)
def test_a_host_that_is_not_served_is_refused(
    closed: Stage, raw: bytes, status: str, said: str
) -> None:
    assert_refused(closed, raw, status, said)


@cases(("raw", "status", "said"), TARGETS)
def test_a_target_that_is_not_served_is_refused(
    closed: Stage, raw: bytes, status: str, said: str
) -> None:
    assert_refused(closed, raw, status, said)


@cases(("raw", "status", "said"), FRAMING)
def test_framing_that_could_be_read_in_two_ways_is_refused(
    closed: Stage, raw: bytes, status: str, said: str
) -> None:
    assert_refused(closed, raw, status, said)


@pytest.mark.parametrize("port", ["", ":", ":0", ":80", ":443", ":8443", ":99999", ":00080"])
def test_a_port_of_the_host_makes_no_difference(stage: Stage, port: str) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    with stage.client() as client:
        assert client.send(host(f"{API}{port}")).hublet == "eu1"
        assert client.send(host(f"{API.upper()}.{port}")).hublet == "eu1"
    assert stage.upstreams["eu1"].requests[0] == host(f"{API}{port}")
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


# heads without end


def sent_of(client: Client, raw: bytes, pieces: int) -> int:
    """Send something over and over until the proxy closes the connection; return how often."""
    for count in range(pieces):
        try:
            client.socket.sendall(raw)
        except OSError:  # Python 3.12's ssl says it in words of its own
            return count
    return pieces


FIELD = b"X: " + b"y" * 65000 + b"\r\n"


@pytest.mark.parametrize("secure", [False, True], ids=["HTTP", "HTTPS"])
def test_a_head_without_end_is_cut_off(closed: Stage, *, secure: bool) -> None:
    """200 MB of it; what the sockets on the way hold is a few MB."""
    with closed.client(API if secure else None) as client:
        client.socket.sendall(f"GET / HTTP/1.1\r\nHost: {API}\r\n{TOKEN}\r\n".encode())
        assert sent_of(client, FIELD, 3000) < 300


def test_a_head_of_a_mebibyte_is_cut_off(closed: Stage) -> None:
    raw = head("/", f"Host: {API}").removesuffix(b"\r\n") + FIELD * 16 + b"\r\n"
    with closed.client() as client:
        assert answered(client, raw) == (CLOSED, "")


def test_a_head_that_breaks_off_is_not_logged(
    closed: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with closed.client() as client:
        client.socket.sendall(head("/?hapikey=eu1-0", f"Host: {API}").removesuffix(b"\r\n"))
    wait_for(lambda: "client disconnect" in caplog.text)
    assert "hapikey" not in caplog.text


def test_a_head_that_cannot_be_read_is_not_logged(
    closed: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for raw in (
        b"GET /?hapikey=eu1-0 HTTP/1.1 x\r\n\r\n",
        head("/", f"Host: {API}").replace(b"Authorization:", b"Authorization"),
        posted("Transfer-Encoding: chunked", body=b"hapikey=eu1-0\r\n").replace(
            b"eu1-0000", b"zz9"
        ),
    ):
        with closed.client() as client:
            assert answered(client, raw)[0] in {"400", CLOSED}
    assert "hapikey" not in caplog.text


@pytest.mark.parametrize(
    ("raw", "more"),
    [(head("/", f"Host: {API}"), FIELD), (posted("Transfer-Encoding: chunked"), b"1" * 65000)],
    ids=["behind a request", "the size of a chunk"],
)
def test_what_follows_a_head_without_end_is_cut_off(stage: Stage, raw: bytes, more: bytes) -> None:
    """A client that sends on while its request waits for an answer that never comes."""
    (eu1,) = stage.regions("eu1")
    stage.proxy()

    async def never(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass

    eu1.behaviour = never
    with stage.client() as client:
        client.socket.sendall(raw)
        assert sent_of(client, more, 3000) < 300


# an explicit proxy is no way round: `foreign: refuse`

EXPLICIT: Rows = {
    "absolute, another Host": (head(f"http://{API}/", "Host: a.example"), "421", "foreign-host"),
    "absolute and foreign": (head("http://a.example/", f"Host: {API}"), "421", "foreign-host"),
    "both foreign": (head("http://a.example/", "Host: a.example"), "421", "foreign-host"),
    "absolute with userinfo": (head(f"http://{API}@a.example/"), "400", "Bad HTTP request line"),
    "another scheme": (head(f"ftp://{API}/", f"Host: {API}"), "400", "Bad HTTP request line"),
    "origin form, foreign": (host("a.example"), "421", "foreign-host"),
    "no host at all": (head("/"), "400", "no host header"),
    "a CONNECT without port": (head(API, method="CONNECT"), "400", "Bad HTTP request line"),
}


@pytest.fixture
def explicit(stage: Stage, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    """A proxy in regular mode."""
    caplog.set_level(logging.DEBUG)
    stage.regions("na1", "eu1", certified=[API])
    stage.proxy(mode="regular")
    yield stage
    assert stage.arrivals() == {"na1": 0, "eu1": 0}
    assert "crashed" not in caplog.text
    assert "pat-eu1" not in caplog.text


@cases(("raw", "status", "said"), EXPLICIT)
def test_an_explicit_proxy_refuses_the_same(
    explicit: Stage, raw: bytes, status: str, said: str
) -> None:
    with explicit.client() as client:
        got, text = answered(client, raw)
    assert got == status
    assert said in text


@pytest.mark.parametrize("by", ["URL", "CONNECT"])
def test_an_upstream_cannot_be_reached_by_its_address(explicit: Stage, by: str) -> None:
    """Neither under its own name, nor under ours: the credential decides, and names none."""
    address = f"127.0.0.1:{explicit.upstreams['na1'].port}"
    for name in (address, "localhost"):
        with explicit.client() as client:
            if by == "URL":
                raw = head(f"http://{address}/", f"Host: {name}")
            else:
                raw = head("/", f"Host: {name}")
                client.socket.sendall(f"CONNECT {address} HTTP/1.1\r\n\r\n".encode())
                assert client.receive_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
            assert answered(client, raw)[0] == "421"


@pytest.mark.parametrize(
    ("connect", "inside"),
    [(f"{API}:443", "a.example"), ("a.example:443", API), ("a.example:443", "a.example")],
)
def test_a_connect_to_something_else_than_host_is_refused(
    explicit: Stage, connect: str, inside: str
) -> None:
    with explicit.client() as client:
        client.connect_through(connect, API)
        answer = client.send(host(inside))
    assert answer.problem["reason"] == "foreign-host"


def test_what_is_no_http_inside_a_connect_goes_nowhere(explicit: Stage) -> None:
    with explicit.client() as client:
        client.socket.sendall(f"CONNECT {API}:22 HTTP/1.1\r\n\r\n".encode())
        client.receive_until(b"\r\n\r\n")
        client.socket.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
        assert client.receive_until(b"never") == b""


@pytest.mark.parametrize(
    ("address", "inside", "expected"),
    [(API, "a.example", 421), ("a.example", API, 421), ("a.example", "a.example", 421)],
)
def test_socks_is_no_way_round(stage: Stage, address: str, inside: str, expected: int) -> None:
    stage.regions("na1", "eu1")
    stage.proxy(mode="socks5")
    with stage.client() as client:
        socks(client, address, 80)
        assert answered(client, host(inside))[0] == str(expected)
    assert stage.arrivals() == {"na1": 0, "eu1": 0}


def test_socks_routes_what_is_served(stage: Stage) -> None:
    na1, _ = stage.regions("na1", "eu1")
    stage.proxy(mode="socks5")
    with stage.client() as client:
        socks(client, API, 80)
        assert client.send(host(API)).hublet == "eu1"
    with stage.client() as client:  # by an upstream's address: still where the credential says
        socks(client, "127.0.0.1", na1.port)
        assert client.send(host(API)).hublet == "eu1"
        client.socket.sendall(b"\0")
    assert stage.arrivals() == {"na1": 0, "eu1": 2}


def socks(client: Client, name: str, port: int) -> None:
    """Ask a SOCKS5 proxy for a connection (RFC 1928)."""
    client.socket.sendall(b"\5\1\0")
    assert client.socket.recv(2) == b"\5\0"
    to = b"\3" + bytes([len(name)]) + name.encode()
    if name[0].isdigit():
        to = b"\1" + socket.inet_aton(name)
    client.socket.sendall(b"\5\1\0" + to + port.to_bytes(2))
    assert client.socket.recv(10)[:2] == b"\5\0"


# another region's credential, where a rule cannot read it or does not look

KEY, PAT, ACCESS_KEY = api_key("eu1"), bearer("eu1").rpartition(" ")[2], personal_access_key("eu1")
FORM, JSON_PATH = "/oauth/v1/token", "/localdevauth/v1/auth/refresh"
URLENCODED = "Content-Type: application/x-www-form-urlencoded"
PART = 'Content-Disposition: form-data; name="refresh_token"'
IN_JSON = f'{{"encodedOAuthRefreshToken": "{ACCESS_KEY}"}}'
STANDARD = access_token("eu1", scopes=b"\xff\xfe").replace("-", "+").replace("_", "/")
NO_FIELD_1 = base64url(bytes_field(2, b"\0" * 9) + bytes_field(9, b"eu1"))
BROKEN = base64url(access_token_message("eu1") + b"\x7c")

type Sent = tuple[str, tuple[str, ...], str]


def posted_form(body: str, *fields: str, path: str = FORM) -> Sent:
    return path, fields or (URLENCODED,), body


STRANGE: dict[str, tuple[Sent, int]] = {
    "F4 multipart": (
        posted_form(
            f"--x\r\n{PART}\r\n\r\n{KEY}\r\n--x--\r\n",
            "Content-Type: multipart/form-data; boundary=x",
        ),
        415,
    ),
    "F4 JSON for a form": (
        posted_form(f'{{"refresh_token": "{KEY}"}}', "Content-Type: application/json"),
        415,
    ),
    "F4 junk behind a document": (
        posted_form(f"{IN_JSON} x", "Content-Type: application/json", path=JSON_PATH),
        415,
    ),
    "F6 a coding": (posted_form(f"refresh_token={KEY}", URLENCODED, "Content-Encoding: x"), 415),
    "F6 a long credential": (posted_form(f"refresh_token={KEY}{'y' * 16384}"), 413),
    "F11 a line feed behind it": (posted_form(f"refresh_token={KEY}%0A"), 0),
    "F11 a blank before it": (posted_form(f"refresh_token=%20{KEY}"), 0),
    "F11 a blank in the query": ((f"/x?hapikey=%20{KEY}", (), ""), 0),
    "F11 a line feed in JSON": (
        (
            JSON_PATH,
            ("Content-Type: application/json",),
            f'{{"encodedOAuthRefreshToken": "{ACCESS_KEY}\\n"}}',
        ),
        0,
    ),
    "F12 backslashes": (posted_form(f"refresh_token={KEY}", path="/oauth\\v1\\token"), 0),
    "F12 upper case": (posted_form(f"refresh_token={KEY}", path="/OAUTH/v1/token"), 0),
    "F14 quotes": (("/", (f'Authorization: Bearer "{PAT}"',), ""), 400),
    "F14 a name": (("/", (f'Authorization: Bearer token="{PAT}"',), ""), 400),
    "F14 the scheme twice": (("/", (f"Authorization: Bearer Bearer {PAT}",), ""), 400),
    "F14 a colon": (("/", (f"Authorization: Bearer: {PAT}",), ""), 400),
    "F14 no scheme": (("/", (f"Authorization: {PAT}",), ""), 400),
    "F14 another scheme": (("/", (f"Authorization: Token {PAT}",), ""), 400),
    "F14 another case": (("/", (f"Authorization: Bearer {PAT.upper()}",), ""), 400),
    "F14 a BOM": (("/", (f"Authorization: \xef\xbb\xbfBearer {PAT}",), ""), 400),
    "F14 a list": (("/", (f"Authorization: Basic eDp5, Bearer {PAT}",), ""), 400),
    "F16 an array": ((f"/x?hapikey[]={KEY}", (), ""), 0),
    "F16 an item": ((f"/x?hapikey[0]={KEY}", (), ""), 0),
    "F16 a semicolon": ((f"/x?a=1;hapikey={KEY}", (), ""), 0),
    "F16 upper case": ((f"/x?HAPIKEY={KEY}", (), ""), 0),
    "F18 an escape in a cookie": (("/", (f"Cookie: sid=%65{KEY[1:]}",), ""), 400),
    "F21 the other alphabet": (("/", (f"Authorization: Bearer {STANDARD}",), ""), 0),
    "F21 a line feed": (
        (
            JSON_PATH,
            ("Content-Type: application/json",),
            f'{{"encodedOAuthRefreshToken": "{ACCESS_KEY[:9]}\\n{ACCESS_KEY[9:]}"}}',
        ),
        0,
    ),
    "F21 no field 1": (("/", (f"Authorization: Bearer {NO_FIELD_1}",), ""), 400),
    "F21 the end of no group": (("/", (f"Authorization: Bearer {BROKEN}",), ""), 400),
    "F21 it, in a body": (
        (
            JSON_PATH,
            ("Content-Type: application/json",),
            f'{{"encodedOAuthRefreshToken": "{BROKEN}"}}',
        ),
        400,
    ),
}
"""Each with the status of its refusal, or 0 if the router reads it as eu1's."""

COOKIE_RULE = """\
  - name: cookie
    in: {cookie: sid}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
"""
STRICT = "policy: {legacy: refuse, anonymous: refuse}"


@pytest.mark.parametrize("beside", ["", bearer("na1")], ids=["alone", "beside na1's"])
@cases(("sent", "status"), STRANGE)
def test_another_regions_credential_does_not_arrive(
    stage: Stage, sent: Sent, status: int, beside: str
) -> None:
    stage.upstream("na1")
    stage.upstream("eu1")
    stage.table(stage.table_text(more=STRICT if beside else "") + COOKIE_RULE)
    stage.proxy()
    path, fields, body = sent
    answer = stage.send(
        request("POST", path, *fields, *[beside] * bool(beside), body=body.encode("latin-1"))
    )
    assert stage.arrivals()["na1"] == 0
    if status or beside:
        assert answer.status == answer.problem["status"] == (status or 400)
        assert stage.arrivals()["eu1"] == 0
    else:
        assert answer.hublet == "eu1"


@pytest.mark.parametrize("beside", ["", bearer("na1")], ids=["alone", "beside na1's"])
def test_a_padded_body_does_not_arrive(stage: Stage, beside: str) -> None:
    """Of a body over 64 KiB mitmproxy may send its own answer: it has begun to stream it."""
    stage.upstream("na1")
    stage.table(stage.table_text(more=STRICT if beside else ""))
    stage.proxy()
    body = f"refresh_token={KEY}&x={'y' * 65537}".encode()
    with stage.client() as client:
        raw = request("POST", FORM, URLENCODED, *[beside] * bool(beside), body=body)
        assert answered(client, raw)[0] in {"413", "502", CLOSED}
    assert stage.arrivals() == {"na1": 0}
