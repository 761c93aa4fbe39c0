"""The trace that a request belongs to (W3C Trace Context), which passes untouched."""

import re

from ..core.request import Request

# Section 3.2: ff is no version, 00 ends after its flags, a later one may go on; nothing is all 0.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


def trace_id(request: Request) -> str | None:
    """Return 32 hex digits, or None where the request has no valid `traceparent`, or several."""
    values = request.header("traceparent")
    match = _TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    return match[1] if match else None
