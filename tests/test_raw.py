"""A request as it stands on the wire."""

import pytest

from hublet_router.core.request import Request
from hublet_router.flows.raw import RequestError, read_request

SECRET = "c0ffee5ec2e7"
HEAD = b"POST /x?y=z HTTP/1.1\r\nHost: api.hubapi.com\r\nX-Key:  a \r\n"


def test_a_head_and_a_body() -> None:
    assert read_request(HEAD + b"\r\na\r\n\r\nb") == Request(
        "POST",
        ("api.hubapi.com",),
        "/x?y=z",
        (("host", "api.hubapi.com"), ("x-key", "a")),
        b"a\r\n\r\nb",
    )


@pytest.mark.parametrize(
    ("raw", "hosts", "target", "body"),
    [
        (HEAD.replace(b"\r", b"") + b"\na=b", ("api.hubapi.com",), "/x?y=z", b"a=b"),
        (b"\r\n" + HEAD, ("api.hubapi.com",), "/x?y=z", b""),
        (HEAD + b"Content-Length: 3\r\n\r\na=b\n", ("api.hubapi.com",), "/x?y=z", b"a=b"),
        (HEAD + b"Content-Length: 0\r\n\r\n\n", ("api.hubapi.com",), "/x?y=z", b""),
        (b"GET /x HTTP/2\nhost: a.b\n\n", ("a.b",), "/x", b""),
        (b"GET http://a.b:80/x HTTP/1.1\nHost: c.d\n\n", ("c.d", "a.b:80"), "/x", b""),
        (b"GET / HTTP/1.0", (), "/", b""),
        (HEAD + b"Content-Encoding: gzip\r\n\r\nabc", ("api.hubapi.com",), "/x?y=z", b"abc"),
        (HEAD + b"\r\n" + b"x" * 65537, ("api.hubapi.com",), "/x?y=z", None),
    ],
    ids=["LF", "a blank line first", "a length", "none", "HTTP/2", "whole URL", "no host",
         "compressed", "long"],
)  # fmt: skip
def test_what_it_is_read_as(
    raw: bytes, hosts: tuple[str, ...], target: str, body: bytes | None
) -> None:
    request = read_request(raw)
    assert (request.hosts, request.target, request.body) == (hosts, target, body)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\n\n", SECRET.encode(), f"GET /{SECRET} x HTTP/1.1\n\n".encode(),
        f"GET / HTTP/1.1\nAuthorization {SECRET}\n\n".encode(),
        f"GET / HTTP/1.1\n: {SECRET}\n\n".encode(),
        f"GET / HTTP/1.1\nContent-Length: {SECRET}\n\n".encode(),
        f"GET http://me:{SECRET}@/ HTTP/1.1\n\n".encode(),
    ],
)  # fmt: skip
def test_law_4_what_is_no_request_is_reported_and_not_quoted(raw: bytes) -> None:
    with pytest.raises(RequestError, match=r"^not an HTTP request: the first line must") as caught:
        read_request(raw)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_chunked_body() -> None:
    with pytest.raises(RequestError, match="a chunked body is not read; give it whole"):
        read_request(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
