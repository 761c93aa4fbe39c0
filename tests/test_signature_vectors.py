"""Published requests with their signatures arrive byte for byte, whatever the client speaks.

tests/sigv4.json has the signed requests of the SigV4 test suite of Amazon Web Services, as botocore
ships them (Apache License 2.0). Those of RFC 9421 are in its appendices B.2.5 and B.2.6.
"""

import base64
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness import API, Stage, Upstream
from http2_client import Http2Client

SIGV4: dict[str, str] = json.loads((Path(__file__).parent / "sigv4.json").read_text("utf-8"))
NO_HTTP = {"get-space", "get-header-value-multiline"}  # a blank in a target, a folded field

MESSAGE = """POST /foo?param=Value&Pet=dog HTTP/1.1
Host: example.com
Date: Tue, 20 Apr 2021 02:07:55 GMT
Content-Type: application/json
Content-Digest: sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyeal\
dVLvRwEmTHWXvJwew==:
Content-Length: 18
Signature-Input: {name}={parameters}
Signature: {name}=:{signature}:

{{"hello": "world"}}"""

SHARED = base64.b64decode(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
)
ED25519 = Ed25519PublicKey.from_public_bytes(
    base64.b64decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")[-32:]
)
RFC9421 = {
    "sig-b25": (
        '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
    ),
    "sig-b26": (
        '("date" "@method" "@path" "@authority" "content-type" "content-length")'
        ';created=1618884473;keyid="test-key-ed25519"',
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    ),
}

type Head = tuple[str, list[tuple[str, str]], bytes]
"""A request line, fields, and a body."""


def parsed(text: str) -> Head:
    head, _, body = text.partition("\n\n")
    first, *rest = head.encode().decode("latin-1").split("\n")
    fields = [(name, value.strip()) for name, _, value in (it.partition(":") for it in rest)]
    if body and "content-length" not in {name.lower() for name, _ in fields}:
        fields.append(("Content-Length", str(len(body))))
    return first, fields, body.encode()


def written(it: Head) -> bytes:
    first, fields, body = it
    lines = [first, *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("vectors")) as stage:
        hosts = ["example.amazonaws.com", "example.com", API]
        stage.upstream("eu1", *hosts)
        stage.table(stage.table_text(domains=f"[{', '.join(hosts)}]"))
        stage.proxy()
        yield stage


def send(shared: Stage, text: str, front: str) -> int:
    """Send a request, as raw bytes or over HTTP/2; return the status of its answer."""
    first, fields, body = parsed(text)
    if front != "HTTP/2":
        raw = written((first, fields, body))
        if first.startswith("POST") and not body:
            raw = raw.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
        with shared.client(API if front == "TLS" else None) as client:
            return client.send(raw).status
    method, path = first.removesuffix(" HTTP/1.1").split(" ", 1)
    named = dict(fields)
    rest = [(name.lower(), value) for name, value in fields if name != "Host"]
    path = path.encode("latin-1").decode()
    with Http2Client(shared.port) as client2:
        stream = client2.start(method, path, *rest, end=not body, authority=named["Host"])
        if body:
            client2.data(stream, body, end=True)
        return int(client2.answer(stream)[0])


def as_sent(text: str, front: str) -> bytes:
    """Return what has to arrive: over HTTP/2 the host comes first, and names are in lower case."""
    first, fields, body = parsed(text)
    if front == "HTTP/2":
        host = [it for it in fields if it[0] == "Host"]
        fields = host + [(name.lower(), value) for name, value in fields if name != "Host"]
    elif first.startswith("POST") and not body:
        fields = [*fields, ("Content-Length", "0")]
    return written((first, fields, body))


@pytest.mark.parametrize("front", ["clear", "TLS", "HTTP/2"])
@pytest.mark.parametrize("name", SIGV4)
def test_a_request_of_the_sigv4_suite_arrives_as_it_was_signed(
    shared: Stage, eu1: Upstream, name: str, front: str
) -> None:
    text = SIGV4[name]
    if name in NO_HTTP:
        with shared.client() as client:
            assert client.send(text.replace("\n", "\r\n").encode() + b"\r\n\r\n").status == 400
        assert eu1.requests == []
    else:
        assert send(shared, text, front) == 200
        assert eu1.only == as_sent(text, front)


@pytest.mark.parametrize("front", ["clear", "TLS", "HTTP/2"])
@pytest.mark.parametrize("name", RFC9421)
def test_a_signature_of_rfc_9421_verifies_where_it_arrives(
    shared: Stage, eu1: Upstream, name: str, front: str
) -> None:
    parameters, signature = RFC9421[name]
    text = MESSAGE.format(name=name, parameters=parameters, signature=signature)
    assert send(shared, text, front) == 200
    assert eu1.only == as_sent(text, front)
    verify(parsed(eu1.only.decode().replace("\r\n", "\n")), name)


def verify(it: Head, name: str) -> None:
    """Build the signature base (RFC 9421 section 2.5) of what arrived, and verify it."""
    first, fields, _ = it
    named = {name.lower(): value for name, value in fields}
    method, target, _ = first.split(" ")
    derived = {"@method": method, "@path": target.partition("?")[0], "@authority": named["host"]}
    parameters = named["signature-input"].removeprefix(f"{name}=")
    covered = parameters[1 : parameters.index(")")].replace('"', "").split(" ")
    lines = [f'"{part}": {(derived | named)[part]}' for part in covered]
    base = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
    signature = base64.b64decode(named["signature"].removeprefix(f"{name}=:").removesuffix(":"))
    if name == "sig-b25":
        assert hmac.digest(SHARED, base, "sha256") == signature
    else:
        ED25519.verify(signature, base)
