"""What HAProxy asks, as the core's request; and what it is answered, as actions."""

from collections.abc import Mapping
from functools import lru_cache

from ..core.request import MAX_BODY, Request, fold_field
from .spop import Value, set_variable

WITH_BODY = "decide-body"
"""The message that carries a body; any other one carries but a head."""

READS_BODY = set_variable("reason", "reads-body")
"""The answer where a rule has to read the body: HAProxy waits for it, and asks again."""

_LINE = 16  # bytes beside its text that a field may need in HAProxy's buffer (HTX: 8, and padding)
_START = 512  # the same for the first line, and what HAProxy may not have parsed yet


def head_of(asked: Mapping[str, Value]) -> Request:
    """Return the head of a request; raise ValueError where HAProxy did not give it whole.

    Each field comes as a line `name: value`, and no value holds the end of a line: HAProxy ends
    HTTP/1 fields there, and refuses such values of HTTP/2.
    """
    method, url, text, sni = asked["method"], asked["url"], asked["fields"], asked["sni"]
    if not (isinstance(method, str) and isinstance(url, str) and isinstance(text, str)):
        raise ValueError("HAProxy gave no head")
    if not (sni is None or isinstance(sni, str)):
        raise ValueError("HAProxy gave a server name that is no text")
    headers = []
    hosts = []
    for line in text.split("\r\n"):
        if line:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError("HAProxy gave a field without a colon")
            name, value = fold_field(name), value.removeprefix(" ")
            headers.append((name, value))
            if name == "host":
                hosts.append(value.strip(" \t"))
    target = url
    if not url.startswith("/") and url != "*":
        scheme, _, rest = url.partition("://")
        at = min((it for it in map(rest.find, "/?#") if it >= 0), default=len(rest))
        # An absolute URL (RFC 9112 section 3.2.2) names a host; whatever else it is names none.
        hosts.append(rest[:at] if scheme.lower() in {"http", "https"} else "")
        target = rest[at:] if rest[at : at + 1] == "/" else "/" + rest[at:]
    return Request(method, tuple(hosts), target, tuple(headers), sni=sni or None)


def has_long_body(request: Request) -> bool:
    """Return whether a head announces a body that no rule reads, since it is too long."""
    return any(it.isdecimal() and int(it) > MAX_BODY for it in request.header("content-length"))


def body_of(asked: Mapping[str, Value], request: Request) -> bytes | None:
    """Return the body, or None where it is too long or HAProxy may have seen but its beginning.

    HAProxy waits for a body until its buffer is full. So one without a length is whole only where
    head and body surely leave some of the `room` that the buffer has for them.
    """
    body, room = asked["body"], asked["room"]
    if isinstance(body, str):
        body = body.encode("latin-1")
    body = body or b""
    assert isinstance(body, bytes)
    if len(body) > MAX_BODY:
        return None
    if lengths := request.header("content-length"):
        return body if {*lengths} == {str(len(body))} else None
    used = len(request.target) + _START + len(body)
    used += sum([len(name) + len(value) + _LINE for name, value in request.headers])
    return body if isinstance(room, int) and used < room else None


@lru_cache(maxsize=1024)
def actions(
    reason: str,
    hublet: str | None = None,
    sni: str | None = None,
    proxy_status: str | None = None,
    answer: str | None = None,
) -> bytes:
    """Return what a decision sets. Without a Hublet, HAProxy refuses the request.

    `sni` is the name for TLS to the upstream where its backend names none, `proxy_status` what a
    forwarded response says, `answer` the name of a refusal's problem document.
    """
    values = {
        "reason": reason, "hublet": hublet, "sni": sni, "proxy_status": proxy_status,
        "answer": answer,
    }  # fmt: skip
    return b"".join(set_variable(name, value) for name, value in values.items() if value)
