"""What a demo Hublet answers: what it received, with the credentials masked."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import h11

from ..analysis.harmless import known_words
from ..analysis.masking import mask_method, mask_target
from ..core.request import Request
from ..core.table import Table
from .http_server import Content
from .signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, Signature


async def echo(
    name: str, table: Table, request: h11.Request, body: AsyncIterator[bytes], sni: str | None
) -> Content:
    """Return what a request was, as JSON."""
    fields = dict(request.headers)
    host = fields.get(b"host", b"").decode("latin-1")
    target = request.target.decode("latin-1")
    method = request.method.decode("latin-1")
    signature = Signature(method, f"https://{host}{target}")
    digest, length = hashlib.sha256(), 0
    async for data in body:
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
    return [("Content-Type", "application/json")], json.dumps(received, indent=1).encode() + b"\n"


def _verdict(signature: Signature, fields: dict[bytes, bytes]) -> str:
    given = fields.get(SIGNATURE_HEADER.lower().encode())
    if given is None:
        return "absent"
    wanted = signature.value(fields.get(TIMESTAMP_HEADER.lower().encode(), b"").decode("latin-1"))
    return "valid" if hmac.compare_digest(wanted.encode(), given) else "INVALID"
