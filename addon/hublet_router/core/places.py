"""Places: where in a request a credential can be."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from .formats import json_strings
from .request import Request


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
