"""A request as HTTP/1 bytes, and the exchange with a server."""

import socket
import ssl
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import NamedTuple

from ..core.request import Request

_FRAMING = {"content-length", "transfer-encoding", "connection", "expect", "upgrade"}

SECONDS = 20
"""That one exchange may take."""

MAX_ANSWER = 64 * 1024
"""Bytes of an answer's body that are read."""


class Answer(NamedTuple):
    """The answer to a request; names of fields are in lower case, repeated ones are joined."""

    status: int
    fields: Mapping[str, str]
    body: bytes


def request_bytes(request: Request, *, in_chunks: bool = False) -> bytes:
    """Write a request as HTTP/1.1, framed by its body, on a connection of its own.

    The body is one chunk of a chunked one, if that is asked for. All other fields are the
    request's own, in their order; it gets a Host where it has none.
    """
    body = request.body or b""
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    if not request.header("host"):
        lines += [f"host: {host}" for host in request.hosts]
    lines += [f"{name}: {value}" for name, value in request.headers if name not in _FRAMING]
    if in_chunks:
        lines.append("transfer-encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif body or request.method not in {"GET", "HEAD", "OPTIONS", "DELETE"}:
        lines.append(f"content-length: {len(body)}")
    lines += ["connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def exchange(
    address: tuple[str, int], raw: bytes, method: str, tls: ssl.SSLContext | None, name: str
) -> Answer:
    """Send a request and read its answer; raise OSError, or ValueError for what is no HTTP.

    `name` is what TLS is asked for, and what the certificate must hold.
    """
    with socket.create_connection(address, SECONDS) as plain:
        connection = tls.wrap_socket(plain, server_hostname=name) if tls else plain
        with connection:
            connection.sendall(raw)
            try:
                with HTTPResponse(connection, method=method) as response:
                    response.begin()
                    fields: dict[str, str] = {}
                    for field, value in response.getheaders():
                        before = fields.get(field.lower())
                        fields[field.lower()] = f"{before}, {value}" if before else value
                    return Answer(response.status, fields, response.read(MAX_ANSWER))
            except HTTPException as error:
                raise ValueError(f"no answer in HTTP ({type(error).__name__})") from error
