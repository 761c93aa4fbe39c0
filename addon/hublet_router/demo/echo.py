"""What a demo Hublet answers: what it received, with the credentials masked."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import h11

from ..analysis.harmless import known_words
from ..analysis.masking import mask_method, mask_target
from ..core.request import Request
from ..core.table import Table
from .signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Signature


async def echo(
    name: str, table: Table, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer each request of a connection with what it was; raise h11.RemoteProtocolError."""
    sni = getattr(writer.get_extra_info("ssl_object"), "sni", None)
    http = h11.Connection(h11.SERVER)
    while isinstance(request := await next_event(http, reader), h11.Request):
        fields = dict(request.headers)
        host = fields.get(b"host", b"").decode("latin-1")
        target = request.target.decode("latin-1")
        method = request.method.decode("latin-1")
        signature = Signature(method, f"https://{host}{target}")
        digest, length = hashlib.sha256(), 0
        async for data in _body(http, reader, writer):
            digest.update(data)
            signature.update(data)
            length += len(data)
        shown = mask_target(Request(method, (host,), target), known_words(table))
        received = {
            "hublet": name,
            "request": f"{mask_method(method)} {shown} HTTP/{request.http_version.decode()}",
            "host": host,
            "sni": sni,
            "headers": [field.decode("latin-1") for field, _ in request.headers.raw_items()],
            "body": {"bytes": length, "sha256": digest.hexdigest()},
            "signature": _verdict(signature, fields),
            "results": [],  # typed clients take the document for a list, or for an object
        }
        answer = json.dumps(received, indent=1).encode() + b"\n"
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))]
        head = http.send(h11.Response(status_code=200, reason=b"OK", headers=headers))
        body = http.send(h11.Data(data=answer)) if method != "HEAD" else b""
        writer.write((head or b"") + (body or b"") + (http.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        if http.our_state is not h11.DONE:
            return
        http.start_next_cycle()


async def next_event(http: h11.Connection, reader: asyncio.StreamReader) -> object:
    """Return the next event of a connection, and read as much as that takes."""
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(65536))
    return event


async def _body(
    http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[bytes]:
    if http.they_are_waiting_for_100_continue:
        go_ahead = http.send(h11.InformationalResponse(status_code=100, headers=[]))
        writer.write(go_ahead or b"")
    while isinstance(event := await next_event(http, reader), h11.Data):
        yield bytes(event.data)


def _verdict(signature: Signature, fields: dict[bytes, bytes]) -> str:
    given = fields.get(SIGNATURE_HEADER.lower().encode())
    if given is None:
        return "absent"
    wanted = signature.value(fields.get(TIMESTAMP_HEADER.lower().encode(), b"").decode("latin-1"))
    return "valid" if hmac.compare_digest(wanted.encode(), given) else "INVALID"
