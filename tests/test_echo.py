"""What a demo Hublet says about the requests that it received."""

import asyncio
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import h11
import pytest

from hublet_router.core.table import Table
from hublet_router.demo.echo import echo
from hublet_router.demo.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from hublet_router.tablefile import loads

TABLE: Table = loads(b"""\
domains: [api.hubapi.com]
hublets: {eu1: {upstream: "http://127.0.0.1:1"}}
default: eu1
credentials:
  - {name: key, in: {query: hapikey}, hublet: {regex: "^(...)"}}
""")


def document(
    method: str, target: str, headers: dict[str, str], *body: bytes, sni: str | None = None
) -> dict[str, Any]:
    """Return what is answered to a request whose body comes in these parts."""

    async def parts() -> AsyncIterator[bytes]:
        for part in body:
            yield part

    request = h11.Request(method=method, target=target, headers=[*headers.items()])
    fields, answer = asyncio.run(echo("eu1", TABLE, request, parts(), sni))
    assert fields == [("Content-Type", "application/json")]
    seen: dict[str, Any] = json.loads(answer)
    return seen


def test_it_says_what_it_received() -> None:
    fields = {"hOsT": "API.hubapi.com", "X-One": "1", "x-one": "2", "Content-Length": "4"}
    assert document("POST", "/a?b=%2f", fields, b"body", sni="api.hubapi.com") == {
        "hublet": "eu1",
        "request": "POST /a?***=*** HTTP/1.1",
        "host": "API.hubapi.com",
        "sni": "api.hubapi.com",
        "headers": ["hOsT", "X-One", "x-one", "Content-Length"],
        "body": {"bytes": 4, "sha256": sha256(b"body").hexdigest()},
        "signature": "absent",
        "results": [],
    }


@pytest.mark.parametrize(
    ("url", "verdict"),
    [("https://api.hubapi.com/a?b", "valid"), ("https://elsewhere/a?b", "INVALID")],
)
def test_it_verifies_a_signature_over_the_whole_url(url: str, verdict: str) -> None:
    signature = sign("POST", url, b"onetwo", "99")
    fields = {"Host": "api.hubapi.com", TIMESTAMP_HEADER: "99", SIGNATURE_HEADER: signature}
    seen = document("POST", "/a?b", fields, b"one", b"two")
    assert seen["signature"] == verdict
    assert seen["body"]["bytes"] == 6


def test_law_4_it_masks_the_credentials_of_the_url() -> None:
    seen = document("GET", "/a?hapikey=secret&b=c", {"Host": "a"})
    assert seen["request"] == "GET /a?hapikey=***&***=*** HTTP/1.1"
