"""The trace that a request belongs to (W3C Trace Context), which passes untouched."""

import re

from mitmproxy import http

# Section 3.2: ff is no version, 00 ends after its flags, a later one may go on; nothing is all 0.
_TRACEPARENT = re.compile(
    rb"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def trace_id(request: http.Request) -> str | None:
    """Return 32 hex digits, or None where the request has no valid `traceparent`, or several."""
    # `headers.get` would take several times as long, for each request.
    values = [value for name, value in request.headers.fields if name.lower() == b"traceparent"]
    match = _TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    return match[1].decode() if match else None
