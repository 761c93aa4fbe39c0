"""The request as a decision sees it: a read-only view, with nothing of an engine in it."""

import ipaddress
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

from .json_documents import JsonObject, fold_key, objects_in, parse_json
from .parameters import Parameters, parameters_of
from .paths import readings

MAX_BODY = 64 * 1024
"""Bytes of a body that are read for a credential; a longer one is not read at all."""

_CONTROLS = bytes({*range(32), 127} - {ord("\t")})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:@/\[\]]+)(?::[0-9]*)?")
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_FORM_TYPES = {"application/x-www-form-urlencoded"}
_JSON_TYPES = {"application/json", "text/json"}
_CHARSET = re.compile(r"""charset *= *"?(?:utf-?8|us-ascii|iso-8859-1)"?""")
_PLAIN_CODINGS = {"", "identity", "chunked"}


@dataclass(frozen=True, repr=False)
class Request:
    """A request as its client sent it; text of the wire is ISO 8859-1, one character a byte.

    `hosts` is every name that it gives for its host (Host fields, `:authority`, an absolute URL),
    `target` the path with its query as sent, `headers` in order, with names as of `fold_field`.
    `body` is None if it is too long to be read. `sni` is the server name of the client's TLS.
    `names` are those of the headers as sent, where they were kept for whoever sends them on.
    """

    method: str
    hosts: tuple[str, ...]
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = b""
    sni: str | None = None
    names: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(
        cls,
        method: str,
        url: str,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str = b"",
    ) -> Self:
        """Return the request that a client sends to a URL; header names may be in any case.

        Text is sent as UTF-8. A Host among the headers takes the place of the URL's. Raise
        ValueError, which repeats nothing of the URL, where it is not a whole one.
        """
        try:
            scheme, netloc, *_ = urlsplit(url)
        except ValueError:
            scheme = netloc = ""
        if scheme not in {"http", "https"} or not netloc:
            raise ValueError("not a whole URL; write it like https://api.hubapi.com/crm/v3")
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        fields = [(name, _wire(value)) for name, value in pairs]
        hosts = tuple(value for name, value in fields if name.lower() == "host")
        target = url.partition("//")[2][len(netloc) :].partition("#")[0]
        sent = body.encode(errors="replace") if isinstance(body, str) else body
        return cls(
            method,
            hosts or (netloc,),
            _wire(target if target.startswith("/") else f"/{target}"),
            body=sent if len(sent) <= MAX_BODY else None,  # as the proxy hands it over
        ).with_fields(fields)

    def with_fields(self, fields: Iterable[tuple[str, str]]) -> Self:
        """Return the request with other fields, whose names are kept as they are given."""
        given = [*fields]
        headers = tuple([(fold_field(name), value) for name, value in given])
        return replace(self, headers=headers, names=tuple([name for name, _ in given]))

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The headers with their names as sent, where those were kept."""
        if [*map(fold_field, self.names)] != [name for name, _ in self.headers]:
            return [*self.headers]
        return [(name, value) for name, (_, value) in zip(self.names, self.headers, strict=True)]

    def __repr__(self) -> str:
        """Show no method, path, header, body or userinfo: each can hold a credential."""
        hosts = ", ".join(host.rpartition("@")[2] for host in self.hosts)
        return f"<Request {hosts}>"

    @cached_property
    def host(self) -> str | None:
        """The one host that the request names, in lower case, without port and trailing dot."""
        if len(self.hosts) == 1:
            return host_name(self.hosts[0])
        names = {host_name(host) for host in self.hosts}
        return names.pop() if len(names) == 1 else None

    @property
    def has_control_characters(self) -> bool:
        """Whether the target or a field value holds one other than a tab (RFC 9110 section 5.5).

        Some servers end a line at a bare CR, and read a field, or a second request, behind it.
        """
        return has_control_characters("".join([self.target, *[value for _, value in self.headers]]))

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The path without its query, in each way that a server may read it; mostly just one.

        `/%6Fauth//x/../v1;a=b/token` is `/oauth/v1/token` to some servers, and so are
        `\\oauth\\v1\\token`, `/oauth/v1/token.json` and `/oauth/v1/token::$DATA`; others decode
        twice, or take parameters and dot segments as they stand.
        """
        return readings(self.target.partition("?")[0])

    @property
    def path(self) -> str:
        """The path as a server that normalises most would read it."""
        return self.paths[0]

    def may_name(self, piece: str) -> bool:
        """Return whether a parameter's name in the query may hold a piece, without reading it."""
        return piece in self.target.lower() or "%" in self.target

    @cached_property
    def query(self) -> Parameters:
        """The parameters of the query."""
        return parameters_of(self.target.partition("?")[2])

    @cached_property
    def form(self) -> Parameters | None:
        """The parameters of an urlencoded body; None if it is anything else."""
        body = (self.body or b"").decode("latin-1")
        if not self._has_body_of(_FORM_TYPES) or _BAD_ESCAPE.search(body):
            return None
        return parameters_of(body)

    @cached_property
    def json(self) -> Any:
        """The document of a JSON body, an empty one if there is no body; None for anything else."""
        if not self._has_body_of(_JSON_TYPES, "+json"):
            return None
        is_empty = not self.body or self._document is False
        return JsonObject() if is_empty else self._document

    @cached_property
    def is_mistyped(self) -> bool:
        """Whether the body is JSON and says that it is something else: a server may not ask."""
        return isinstance(self._document, list) and self.json is None

    @cached_property
    def _document(self) -> Any:
        """The document that a body is, of whatever type; None if it is none."""
        try:
            document = parse_json(self.body or b"")
        except ValueError:
            return None
        return False if document is None else document  # `null` and `false` hold nothing

    @cached_property
    def json_objects(self) -> list[JsonObject] | None:
        """The objects of a JSON body that are in no other; None for anything else."""
        return None if self.json is None else objects_in(self.json)

    @cached_property
    def json_keys(self) -> set[str]:
        """The keys of those objects, each in the one spelling of `fold_key`."""
        return {*map(fold_key, {key for it in self.json_objects or () for key, _ in it})}

    def _has_body_of(self, media_types: Container[str], suffix: str = " ") -> bool:
        """Return whether the body says that it is of one of the types, or says nothing at all.

        A compressed one is not: to look into it would let its sender choose how much memory that
        takes. An empty body is of any type.
        """
        if not self.body:
            return True
        for name, value in self.headers:
            if name == "content-type":
                essence, *parameters = [part.strip() for part in value.lower().split(";")]
                if not (essence in media_types or essence.endswith(suffix)):
                    return False
                if any("charset" in it and not _CHARSET.fullmatch(it) for it in parameters):
                    return False
            elif name in {"content-encoding", "transfer-encoding"} and not (
                {coding.strip().lower() for coding in value.split(",")} <= _PLAIN_CODINGS
            ):
                return False
        return True

    def header(self, name: str) -> list[str]:
        """Return the value of each field with that name."""
        return [value for field, value in self.headers if field == name]


def has_control_characters(text: str) -> bool:
    """Return whether text of the wire holds one other than a tab."""
    data = text.encode("latin-1", "replace")
    return len(data.translate(None, _CONTROLS)) < len(data)


def fold_field(name: str) -> str:
    """Return one spelling of a field's name: to CGI, WSGI and Rack, `_` is another `-`."""
    return name.lower().replace("_", "-")


@lru_cache(128)
def host_name(host: str) -> str:
    """Return the name in `Host` or `:authority`; text that is no host[:port] stays as it is.

    An IPv6 address has its brackets, and one spelling.
    """
    match = _HOST.fullmatch(host)
    if not match:
        return host
    if address := host.startswith("[") and ip_address(match[1][1:-1]):
        return f"[{address}]"
    return match[1].removesuffix(".").lower()


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, without brackets, or None if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _wire(text: str) -> str:
    """Return text as the wire has it: its UTF-8, one character a byte."""
    return text.encode(errors="replace").decode("latin-1")
