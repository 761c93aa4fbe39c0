"""A request that its client signed verifies at its Hublet, from the bytes that arrived there.

Each signature covers the name that the client asked for, so one changed Host breaks it. SigV4a is
not here: botocore cannot sign it without awscrt, a native library.
"""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)
from hubspot.utils.signature import Signature

from cases import cases
from harness import Stage, bearer, request

KEY = "eu1-0000-0000-0000-0000-000000000000"
SECRET = b"synthetic-client-secret"
TIMESTAMP = "1693657560000"


@dataclass
class Message:
    """A request to https://api.hubapi.com, before it is written or after it was read."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def arrived(cls, raw: bytes) -> "Message":
        """Read a request as the Hublet would: the URL is its Host and its target."""
        head, _, body = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = dict(field.split(": ", 1) for field in fields)
        return cls(method, f"https://{headers['Host']}{target}", headers, body)

    def written(self) -> bytes:
        target = self.url.removeprefix("https://api.hubapi.com")
        fields = [f"{name}: {value}" for name, value in self.headers.items()]
        return request(self.method, target, *fields, body=self.body)


# RFC 9421, as http-message-signatures does it; the Hublet has the public key only

PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = MappingKeyResolver(
    private_keys={"client": PRIVATE_KEY}, public_keys={"client": PRIVATE_KEY.public_key()}
)
COVERED = ("@method", "@authority", "@target-uri", "content-type", "content-digest")


def sign_rfc9421(message: Message) -> None:
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=KEYS)
    signer.sign(message, key_id="client", covered_component_ids=COVERED[:-1], body=message.body)


def verifies_rfc9421(message: Message) -> bool:
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=KEYS)
    try:
        (result,) = verifier.verify(message, require_components=COVERED, body=message.body)
    except InvalidSignature:
        return False
    return result.body == message.body


# SigV4, as botocore does it; it takes Authorization, so the credential is elsewhere

AWS = SigV4Auth(Credentials("synthetic-id", "synthetic-secret"), "execute-api", "eu-west-1")


def sign_sigv4(message: Message) -> None:
    signed = AWSRequest(message.method, message.url, message.headers, message.body)
    AWS.add_auth(signed)
    message.headers = dict(signed.headers.items())


def verifies_sigv4(message: Message) -> bool:
    parts = message.headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    given = dict(part.split("=", 1) for part in parts)
    names = given["SignedHeaders"].split(";")
    assert names == ["content-type", "host", "x-amz-date"]
    headers = {name: text for name, text in message.headers.items() if name.lower() in names}
    arrived = AWSRequest(message.method, message.url, headers, message.body)
    arrived.context["timestamp"] = headers["X-Amz-Date"]
    text = AWS.string_to_sign(arrived, AWS.canonical_request(arrived))
    return bool(given["Signature"] == AWS.signature(text, arrived))


# HubSpot's v3: signed by our own lines, verified by its client


def hubspot_v3(method: str, url: str, body: bytes, timestamp: str, secret: bytes) -> str:
    text = f"{method}{url}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.digest(secret, text, "sha256")).decode()


def sign_hubspot_v3(message: Message) -> None:
    message.headers["X-HubSpot-Request-Timestamp"] = TIMESTAMP
    message.headers["X-HubSpot-Signature-v3"] = hubspot_v3(
        message.method, message.url, message.body, TIMESTAMP, SECRET
    )


def verifies_hubspot_v3(message: Message) -> bool:
    # Not its `is_valid`, which also asks the clock.
    expected = Signature.get_signature(
        SECRET.decode(),
        message.body.decode(),
        "v3",
        message.url,
        message.method,
        message.headers["X-HubSpot-Request-Timestamp"],
    )
    return bool(message.headers["X-HubSpot-Signature-v3"] == expected)


@dataclass(frozen=True)
class Scheme:
    """One way of signing: `sign` adds its fields to a message, `verifies` reads them again."""

    sign: Callable[[Message], None]
    verifies: Callable[[Message], bool]


RFC9421 = Scheme(sign_rfc9421, verifies_rfc9421)
SIGV4 = Scheme(sign_sigv4, verifies_sigv4)
HUBSPOT_V3 = Scheme(sign_hubspot_v3, verifies_hubspot_v3)


def with_key_in_query() -> Message:
    # A target that no library would write again as it is: escapes that need none, in both cases,
    # a space in both ways, a name twice, without a value and without a name.
    return Message(
        "POST",
        f"https://api.hubapi.com/crm/v3/objects/a%2Db%2fc?q=caf%c3%a9%20+%7E&hapikey={KEY}&&q&=",
        {"Content-Type": "application/json"},
        '{"city":  "Zürich"}\r\n'.encode(),
    )


def with_token_in_form() -> Message:
    # The decision waits for this body.
    return Message(
        "POST",
        "https://api.hubapi.com/oauth/v1/token",
        {"Content-Type": "application/x-www-form-urlencoded"},
        f"grant_type=refresh%5Ftoken&&refresh_token={KEY}&a=%ff".encode(),
    )


def with_token_in_header() -> Message:
    # The decision waits for no body here, and this one is so long that it is streamed.
    name, _, value = bearer("eu1").partition(": ")
    return Message(
        "PUT",
        "https://api.hubapi.com/files/v3/files/1",
        {name: value, "Content-Type": "application/octet-stream"},
        b"0123456789" * 10_000,
    )


@pytest.mark.parametrize("front", [None, "api.hubapi.com"], ids=["http", "https"])
@cases(
    ("scheme", "make"),
    {
        "RFC 9421, query": (RFC9421, with_key_in_query),
        "RFC 9421, form": (RFC9421, with_token_in_form),
        "RFC 9421, header": (RFC9421, with_token_in_header),
        "SigV4, query": (SIGV4, with_key_in_query),
        "SigV4, form": (SIGV4, with_token_in_form),
        "HubSpot v3, query": (HUBSPOT_V3, with_key_in_query),
        "HubSpot v3, form": (HUBSPOT_V3, with_token_in_form),
        "HubSpot v3, header": (HUBSPOT_V3, with_token_in_header),
    },
)
def test_a_signature_verifies_at_the_hublet(
    stage: Stage, scheme: Scheme, make: Callable[[], Message], front: str | None
) -> None:
    stage.upstream("na1", "api.hubapi.com")
    eu1 = stage.upstream("eu1", "api.hubapi.com")
    stage.table()
    stage.proxy()
    message = make()
    scheme.sign(message)
    with stage.client(front) as client:
        assert client.send(message.written()).hublet == "eu1"
    assert scheme.verifies(Message.arrived(eu1.only))
    assert eu1.server_names == ["api.hubapi.com"]
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


@pytest.mark.parametrize("scheme", [RFC9421, SIGV4, HUBSPOT_V3], ids=["RFC 9421", "SigV4", "v3"])
@cases(
    ("sent", "rewritten"),
    {
        "Host": (b"Host: api.hubapi.com", b"Host: api-eu1.hubapi.com"),
        "target": (b"caf%c3%a9", b"caf%C3%A9"),
        "body": (b'":  "', b'": "'),
    },
)
def test_a_signature_does_not_verify_after_a_rewrite(
    scheme: Scheme, sent: bytes, rewritten: bytes
) -> None:
    message = with_key_in_query()
    scheme.sign(message)
    raw = message.written()
    assert scheme.verifies(Message.arrived(raw))
    assert raw.count(sent) == 1
    assert not scheme.verifies(Message.arrived(raw.replace(sent, rewritten)))


def test_hubspot_v3_gives_the_signature_that_hubspot_published() -> None:
    signature = hubspot_v3(
        method="POST",
        url="https://www.example.com/webhook_uri",
        body=b"{'example_field':'example_value'}",
        timestamp="1693657560000",
        secret=b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
    )
    assert signature == "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
