"""Places: where a credential can stand in a request, and the read-only view that they look at."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol
from urllib.parse import unquote, unquote_plus

from .readers import json_strings

MAX_BODY = 64 * 1024
"""Bytes of a body that are read for a credential; a longer one is not read at all."""

_CONTROL = re.compile(r"[\0-\x08\n-\x1f\x7f]")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@/\[\]]+)(?::[0-9]*)?")


@dataclass(frozen=True, repr=False)
class Request:
    """What a decision may look at: a request as its client sent it.

    `hosts` is every name that it gives for its host (Host fields, `:authority`, an absolute URL),
    `target` the path with its query as sent, `headers` in order with lower-case names. `body` is
    None when it is too long to be read. Text of the wire is ISO 8859-1, one character a byte.
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

    @property
    def path(self) -> str:
        """The path without its query, as a server that normalises would read it.

        `/%6Fauth//x/../v1;a=b/token` is `/oauth/v1/token` to some, so it is for our patterns.
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

    @cached_property
    def has_control_characters(self) -> bool:
        """Whether the target or a field value has one but a tab (RFC 9110 section 5.5).

        Some servers end a line at a bare CR, and read a field, or a second request, behind it.
        """
        text = self.target + "".join([value for _, value in self.headers])
        return not text.isprintable() and _CONTROL.search(text) is not None

    def header(self, name: str) -> list[str]:
        """Return the value of each field with that lower-case name."""
        return [value for field, value in self.headers if field == name]


def _pairs(text: str) -> list[tuple[str, str]]:
    """Return the decoded pairs of an urlencoded text; `urllib`'s `parse_qsl`, but faster."""
    pairs = [pair.partition("=") for pair in text.split("&") if pair]
    if "%" in text or "+" in text:
        return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]
    return [(name, value) for name, _, value in pairs]


def host_name(host: str) -> str:
    """Reduce `Host` or `:authority` to its name; what is not host[:port] stays as it is."""
    match = _HOST.fullmatch(host)
    return match[1].removesuffix(".").lower() if match else host


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, None where it is a name; brackets are none of it."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


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


class Place(Protocol):
    """Where a rule of the table looks. Equal places hold the same values."""

    in_body: ClassVar[bool]

    def values(self, request: Request) -> Iterable[str]:
        """Return each credential that stands there, in order, none of them empty."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header field; with a `scheme`, the credentials that follow it (RFC 9110 section 11.4)."""

    name: str
    scheme: str | None = None
    in_body: ClassVar[bool] = False

    def values(self, request: Request) -> Iterable[str]:
        """Return the value of each such field, in order; like many servers, part at white space."""
        key, scheme = self.name, self.scheme
        found: list[str] = []
        for name, value in request.headers:
            if name == key:
                parts = value.split(None, 1) if scheme else ["", value]
                if len(parts) == 2 and (not scheme or parts[0].lower() == scheme):
                    found.append(parts[1].strip())
        return [text for text in found if text] if "" in found else found


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query."""

    name: str
    in_body: ClassVar[bool] = False

    def values(self, request: Request) -> Iterable[str]:
        """Return each value of that parameter, decoded, in order."""
        target = request.target
        if self.name not in target and "%" not in target and "+" not in target:
            return ()  # the usual answer, for much less work
        return [value for name, value in request.query if name == self.name and value]


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie (RFC 6265 section 4.2)."""

    name: str
    in_body: ClassVar[bool] = False

    def values(self, request: Request) -> Iterable[str]:
        """Return each value of that cookie, without its quotes, in order."""
        for text in request.header("cookie"):
            for pair in text.split(";"):
                name, _, value = pair.partition("=")
                if name.strip() == self.name and (plain := value.strip(' \t"')):
                    yield plain


@dataclass(frozen=True, slots=True)
class Form:
    """A parameter of an urlencoded body."""

    name: str
    in_body: ClassVar[bool] = True

    def values(self, request: Request) -> Iterable[str]:
        """Return each value of that parameter, decoded, in order."""
        return [value for name, value in request.form if name == self.name and value]


@dataclass(frozen=True, slots=True)
class Json:
    """A string at a dotted path of a JSON body."""

    path: str
    in_body: ClassVar[bool] = True

    def values(self, request: Request) -> Iterable[str]:
        """Return each string at that path; a duplicate key gives more than one."""
        return json_strings(request.body or b"", self.path)


@dataclass(frozen=True, slots=True)
class Path:
    """The one group of a pattern on the path, which begins with `prefix` wherever it matches."""

    pattern: re.Pattern[str]
    prefix: str = field(default="", compare=False)
    in_body: ClassVar[bool] = False

    def values(self, request: Request) -> Iterable[str]:
        """Return the group's text, where the pattern matches."""
        path = request.path
        found = self.pattern.search(path) if path.startswith(self.prefix) else None
        return (found[1],) if found and found[1] else ()
