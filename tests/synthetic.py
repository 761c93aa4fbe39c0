"""Credentials of every kind that the table knows, made here: no real one is ever needed.

The layouts are those of published samples; every value in them is invented.
"""

import base64
import json
from collections.abc import Mapping

UUID = "00000000-0000-0000-0000-000000000000"
_UUID_TAIL = "0000-0000-0000-0000-000000000000"


def private_app_token(hublet: str) -> str:
    """Return `pat-<hublet>-<uuid>`."""
    return f"pat-{hublet}-{UUID}"


def api_key(hublet: str | None) -> str:
    """Return an API key, a refresh token or an authorization code; a plain UUID without Hublet."""
    return f"{hublet}-{_UUID_TAIL}" if hublet else UUID


def access_token(
    hublet: str | None,
    *,
    scopes: bytes = bytes(range(4)),
    signature: bytes = b"synthetic-signature.",
    expiry: bytes | None = None,
) -> str:
    """Return an OAuth access token; without Hublet it is one from before 2021.

    The length of `scopes` shifts what follows through the three alignments of base64.
    """
    return base64url(access_token_message(hublet, scopes, signature, expiry))


def access_token_message(
    hublet: str | None,
    scopes: bytes = bytes(range(4)),
    signature: bytes = b"synthetic-signature.",
    expiry: bytes | None = None,
) -> bytes:
    """Return the protobuf message of an access token, its fields in the published order."""
    return b"".join(
        (
            varint_field(1, 1767225600000) if expiry is None else expiry,
            bytes_field(2, scopes),
            varint_field(3, 62515),
            varint_field(4, 12345),
            varint_field(5, 54321),
            bytes_field(6, signature),
            bytes_field(7, b"\0"),
            bytes_field(8, b"\0"),
            bytes_field(9, hublet.encode()) if hublet else b"",
            bytes_field(10, b"Z\0"),
            bytes_field(11, b""),
            varint_field(12, 0),
            varint_field(13, 0),
            varint_field(14, 3),
        )
    )


def personal_access_key(hublet: str) -> str:
    """Return the command line tool's key: field 1 looks like a refresh token, so it begins CiR."""
    return base64url(
        bytes_field(1, api_key(hublet).encode())
        + bytes_field(2, b"\1\1")
        + varint_field(3, 62515)
        + bytes_field(9, hublet.encode())
    )


def jwt(payload: Mapping[str, object] | str | bytes) -> str:
    """Return a JSON Web Token that no one signed; text is taken as the payload's JSON."""
    if isinstance(payload, Mapping):
        payload = json.dumps(payload)
    if isinstance(payload, str):
        payload = payload.encode()
    return f"{base64url(b'{"alg":"none"}')}.{base64url(payload)}.c2lnbmF0dXJl"


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def varint(value: int) -> bytes:
    """Return protobuf's variable-length integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint_field(number: int, value: int) -> bytes:
    """Return a field of wire type 0."""
    return varint(number << 3) + varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    """Return a field of wire type 2."""
    return varint(number << 3 | 2) + varint(len(value)) + value
