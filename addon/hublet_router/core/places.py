"""Places: where in a request a credential can be."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from .json_documents import fold_key, strings_at
from .parameters import Parameters, decode_value, fold_name
from .request import Request

# Text without what servers part a value at: the token68 of RFC 9110 section 11.2, and `:` or `@`
# as in `fra:…` and in URLs.
_UNDIVIDED = r"""[^\x00-\x20"'(),;<=>\\\x7f-\xff]++=*+"""
_CODED = re.compile(r"""[%"\\]""")


class Place(Protocol):
    """Where a rule of the table looks. Equal places hold the same values."""

    in_body: ClassVar[bool]

    def values(self, request: Request) -> Collection[str] | None:
        """Return each credential that stands there, in order, none of them empty.

        None if something stands there that cannot be read: that is not "no credential".
        """


@dataclass(frozen=True, slots=True)
class Header:
    """A header field; with a `scheme`, the credentials that follow it (RFC 9110 section 11.4)."""

    name: str
    scheme: str | None = None
    in_body: ClassVar[bool] = False
    _pattern: re.Pattern[str] | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Compile what stands in a field with a scheme: that alone, or one group behind it."""
        if self.scheme:
            pattern = rf"(?i:{re.escape(self.scheme)})(?:[ \t]\s*({_UNDIVIDED}))?"
            object.__setattr__(self, "_pattern", re.compile(pattern))

    def values(self, request: Request) -> Collection[str] | None:
        """Return the value of each such field, in order; like many servers, part at white space.

        With a scheme, it must be one undivided text: some servers read `"…"` or `token=…`.
        """
        key, scheme, pattern = self.name, self.scheme, self._pattern
        values = [
            text for name, value in request.headers if name == key and (text := value.strip())
        ]
        if not (scheme and pattern):
            return values
        found: list[str] = []
        for value in values:
            if match := pattern.fullmatch(value):
                if text := match[1]:
                    found.append(text)
            elif value[: len(scheme)].lower() == scheme:
                return None  # some servers read `Bearer: …` and `Bearerpat-…`, too
        return found


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query."""

    name: str
    in_body: ClassVar[bool] = False
    _piece: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Keep the longest piece of the name that is in each of its spellings."""
        object.__setattr__(self, "_piece", max(fold_name(self.name).split("_"), key=len))

    def values(self, request: Request) -> Collection[str] | None:
        """Return each value of that parameter, decoded, in order; None if escapes are left."""
        if "?" not in request.target or not request.may_name(self._piece):
            return ()  # the usual answer, for much less work
        return _named(request.query, self.name)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie (RFC 6265 section 4.2)."""

    name: str
    in_body: ClassVar[bool] = False

    def values(self, request: Request) -> Collection[str] | None:
        """Return each value of that cookie, without its quotes, in order.

        None if it holds an escape, which some servers decode and others do not.
        """
        found: list[str] = []
        key = fold_name(self.name)
        for text in request.header("cookie"):
            for pair in text.split(";"):
                name, _, value = pair.partition("=")
                if fold_name(name) == key and (plain := value.strip(' \t"')):
                    if _CODED.search(plain):
                        return None
                    found.append(plain)
        return found


@dataclass(frozen=True, slots=True)
class Form:
    """A parameter of an urlencoded body."""

    name: str
    in_body: ClassVar[bool] = True

    def values(self, request: Request) -> Collection[str] | None:
        """Return each value of that parameter, decoded, in order.

        None for another kind of body, or if escapes are left.
        """
        return None if request.form is None else _named(request.form, self.name)


@dataclass(frozen=True, slots=True)
class Json:
    """A text or number at a dotted path of a JSON body."""

    path: str
    in_body: ClassVar[bool] = True

    def values(self, request: Request) -> Collection[str] | None:
        """Return what stands at that path, several for a duplicate key; None if it is not JSON."""
        objects = request.json_objects
        if objects is None:
            return None
        path = fold_key(self.path)
        if request.json_keys.isdisjoint({path, path.partition(".")[0]}):
            return ()  # the usual answer for all but one rule, for much less work
        return [*strings_at(objects, path)]


@dataclass(frozen=True, slots=True)
class Path:
    """The one group of a pattern on the path, which begins with `prefix` wherever it matches.

    The prefix is in lower case, and the pattern does not look at case either.
    """

    pattern: re.Pattern[str]
    prefix: str = field(default="", compare=False)
    in_body: ClassVar[bool] = False

    def values(self, request: Request) -> Collection[str]:
        """Return the group's text, wherever the pattern matches a reading of the path."""
        return dict.fromkeys(
            text
            for path in request.paths
            if (path.lower().startswith(self.prefix) or not path.isascii())
            and (found := self.pattern.search(path))
            and (text := found[1] and found[1].strip())
        )


@dataclass(frozen=True, slots=True)
class Host:
    """The one group of a pattern on the host that the request names, in lower case.

    It is the same for `Host` and `:authority`, and without port and trailing dot.
    """

    pattern: re.Pattern[str]
    in_body: ClassVar[bool] = False

    def values(self, request: Request) -> Collection[str]:
        """Return the group's text, if the pattern matches."""
        found = self.pattern.search(request.host or "")
        return (found[1],) if found and found[1] else ()


def _named(parameters: Parameters, name: str) -> list[str] | None:
    """Return the values of a parameter; None if one holds escapes that only some servers decode.

    Those are `%2565` (decoded twice), `%u0065`, and UTF-8 that is none (`%C1%A5`).
    """
    values = [*filter(None, map(decode_value, parameters.get(fold_name(name), ())))]
    return None if any("%" in value or "\ufffd" in value for value in values) else values
