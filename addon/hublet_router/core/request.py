"""The request as a decision sees it: a read-only view, with nothing of an engine in it."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, unquote_plus

MAX_BODY = 64 * 1024
"""Bytes of a body that are read for a credential; a longer one is not read at all."""

_CONTROL = re.compile(r"[\0-\x08\n-\x1f\x7f]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@/\[\]]+)(?::[0-9]*)?")


@dataclass(frozen=True, repr=False)
class Request:
    """A request as its client sent it; text of the wire is ISO 8859-1, one character a byte.

    `hosts` is every name that it gives for its host (Host fields, `:authority`, an absolute URL),
    `target` the path with its query as sent, `headers` in order with lower-case names. `body` is
    None if it cannot be read.
    """

    method: str
    hosts: tuple[str, ...]
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = b""

    def __repr__(self) -> str:
        """Show no path, header, body or userinfo: each can hold a credential."""
        hosts = ", ".join(host.rpartition("@")[2] for host in self.hosts)
        return f"<Request {self.method} {hosts}>"

    @cached_property
    def host(self) -> str | None:
        """The one host that the request names, in lower case, without port and trailing dot."""
        names = {host_name(host) for host in self.hosts}
        return names.pop() if len(names) == 1 else None

    @cached_property
    def path(self) -> str:
        """The path without its query, as a server that normalises would read it.

        `/%6Fauth//x/../v1;a=b/token` is `/oauth/v1/token` to some servers, so it is for patterns.
        """
        raw = self.target.partition("?")[0]
        if "#" in raw:
            raw = raw.partition("#")[0]
        if not ("%" in raw or "//" in raw or "/." in raw or ";" in raw):
            return raw
        segments = (segment.partition(";")[0] for segment in raw.split("/"))
        return "/" + "/".join(_plain_segments(unquote("/".join(segments)).split("/")))

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query's decoded pairs, in order."""
        return _pairs(self.target.partition("?")[2])

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        """The pairs of an urlencoded body, whatever its Content-Type says: a server may not ask."""
        return _pairs((self.body or b"").decode("latin-1"))

    @property
    def has_control_characters(self) -> bool:
        """Whether the target or a field value holds one other than a tab (RFC 9110 section 5.5).

        Some servers end a line at a bare CR, and read a field, or a second request, behind it.
        """
        text = "".join([self.target, *[value for _, value in self.headers]])
        return not text.isprintable() and _CONTROL.search(text) is not None

    def header(self, name: str) -> list[str]:
        """Return the value of each field with that lower-case name."""
        return [value for field, value in self.headers if field == name]


def host_name(host: str) -> str:
    """Return the name in `Host` or `:authority`; text that is no host[:port] stays as it is."""
    match = _HOST.fullmatch(host)
    return match[1].removesuffix(".").lower() if match else host


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, without brackets, or None if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the decoded pairs of an urlencoded text; faster than `urllib.parse.parse_qsl`."""
    pairs = [pair.partition("=") for pair in text.split("&") if pair]
    if "%" in text or "+" in text:
        return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
    return [(name, value) for name, _, value in pairs]


def _plain_segments(segments: Iterable[str]) -> list[str]:
    """Resolve empty and dot segments (RFC 3986 section 5.2.4); a slash at the end stays."""
    plain: list[str] = []
    last = ""
    for last in segments:
        if last == "..":
            del plain[-1:]
        elif last not in {"", "."}:
            plain.append(last)
    return [*plain, ""] if plain and last in {"", ".", ".."} else plain
