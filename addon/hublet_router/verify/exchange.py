"""A request as HTTP/1 bytes, and the exchange with a server."""

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple

from ..core.request import Request

SECONDS = 20
"""That one exchange may take."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer's body that are read."""

_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
_TARGET = re.compile(r"[^\x00-\x20\x7f]+")
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS", "DELETE"}
_OF_THE_CONNECTION = {
    "connection", "content-length", "expect", "te", "transfer-encoding", "upgrade",
}  # fmt: skip


class Answer(NamedTuple):
    """The answer to a request; names of fields are in lower case, repeated ones are joined."""

    status: int
    fields: Mapping[str, str]
    body: bytes


def sendable(request: Request, *, in_chunks: bool = False) -> Request | None:
    """Return a request as HTTP/1.1 can carry it on a connection of its own, None if it cannot.

    Its fields are those of the request in their order and spelling, with a Host where it has none,
    but for what belongs to a connection: the body is framed by its length, or as one chunk.
    """
    fields = [it for it in request.fields if it[0].lower() not in _OF_THE_CONNECTION]
    if not request.header("host"):
        fields = [("host", host) for host in request.hosts] + fields
    words = [request.method, *[name for name, _ in fields]]
    if (
        request.body is None
        or request.has_control_characters
        or not all(map(_TOKEN.fullmatch, words))
        or not _TARGET.fullmatch(request.target)
        or any("\n" in host or "\r" in host for host in request.hosts)
    ):
        return None
    if in_chunks:
        fields.append(("transfer-encoding", "chunked"))
    elif request.body or request.method not in _WITHOUT_BODY:
        fields.append(("content-length", str(len(request.body))))
    whole = request.with_fields([*fields, ("connection", "close")])
    return replace(whole, hosts=tuple(whole.header("host")))


def as_bytes(request: Request) -> bytes:
    """Write a request that is sendable."""
    body, fields = request.body or b"", request.fields
    if ("transfer-encoding", "chunked") in fields:
        body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def exchange(
    address: tuple[str, int], request: Request, tls: ssl.SSLContext | None, name: str
) -> Answer:
    """Send a request that is sendable, and read its answer.

    `name` is what TLS is asked for, and what the certificate must hold. Raises OSError, and
    ValueError for an answer that is no HTTP.
    """
    with socket.create_connection(address, SECONDS) as plain:
        connection = tls.wrap_socket(plain, server_hostname=name) if tls else plain
        with connection:
            connection.sendall(as_bytes(request))
            try:
                with HTTPResponse(connection, method=request.method) as response:
                    response.begin()
                    fields: dict[str, str] = {}
                    for field, value in response.getheaders():
                        before = fields.get(field.lower())
                        fields[field.lower()] = value if before is None else f"{before}, {value}"
                    return Answer(response.status, fields, response.read(MAX_ANSWER))
            except HTTPException as error:
                raise ValueError(f"no answer in HTTP ({type(error).__name__})") from error
