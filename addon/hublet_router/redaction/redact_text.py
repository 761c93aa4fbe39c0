"""Requests and answers without their secrets, one piece of text after another.

What is known to be harmless stays, everything else is replaced. Words are known by one list and by
the table; values stay only in headers and under names that are known to hold none but harmless
ones. A name in the table changes how its value is replaced, so that each rule still reads the same.
"""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from ..analysis.harmless import MAX_DIGITS, is_harmless, known_words, shows_value
from ..core.places import Header, Path
from ..core.request import Request, host_name
from ..core.table import Table
from .documents import rewritten
from .pseudonyms import Pseudonymizer

_PLAIN = (
    "accept accept-charset accept-encoding accept-language accept-ranges age allow alt-svc"
    " cache-control connection content-encoding content-language content-length content-range"
    " content-type date expect expires keep-alive last-modified pragma proxy-connection"
    " proxy-status range retry-after server strict-transport-security te trailer"
    " transfer-encoding upgrade upgrade-insecure-requests user-agent vary via warning"
)
PLAIN_HEADERS = frozenset(_PLAIN.split())
"""Headers whose values stay where they are harmless; all others are replaced whole."""

_URL_HEADERS = {"referer", "origin", "location", "content-location"}
_SCHEME = re.compile(r"([!#$%&'*+.^_`|~\w-]+)\s+", re.ASCII)
_TEXT = re.compile(  # every alternative is possessive, so that each character is read once
    r"(?P<date>(?:(?:19|20)[0-9]{2}(?:-[01][0-9]-[0-3][0-9])?[ T])?[0-2][0-9](?::[0-5][0-9]){1,2}"
    r"(?![0-9:])|(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?![0-9-]))"
    r"|(?P<numbers>[0-9]++(?:[ \t:/+,-]{1,2}[0-9]++)++)"
    r"""|[^\s"'<>()\[\]{},;:=&?\#@|\\!*$^`]++"""
)
_RESERVED = re.compile(r"(?:.*\.)?(?:example(?:\.com|\.net|\.org)?|invalid|test|localhost)")
_FIELD = re.compile(r"[A-Za-z][\w.\[\]-]*")
_FORM = re.compile(r"[^\s=&]+=\S*")
_SCHEMES = {"http:", "https:", "ws:", "wss:", ""}
MAX_CACHED, MAX_SHORT = 2048, 256
"""Texts whose redaction is remembered, and how many characters they may have."""


class TextRedactor:
    """Replaces what is not known to be harmless in the pieces of a request or an answer."""

    def __init__(self, table: Table, pseudonyms: Pseudonymizer) -> None:
        self._table = table
        self.secret = pseudonyms.secret
        headers = [place for place in table.places if isinstance(place, Header)]
        self._headers = {place.name for place in headers}
        self._whole = {place.name for place in headers if not place.scheme}
        self._paths = [it.pattern for it in table.places if isinstance(it, Path)]
        self._known = known_words(table)
        self._short = lru_cache(maxsize=MAX_CACHED)(partial(_TEXT.sub, self._word))

    def name(self, text: str) -> str:
        """Replace a name, unless it is harmless."""
        return text if is_harmless(text, self._known) else self.secret(text)

    def text(self, text: str) -> str:
        """Replace each word of a text that is not harmless, and numbers beside each other."""
        return self._short(text) if len(text) <= MAX_SHORT else _TEXT.sub(self._word, text)

    def header(self, name: str, value: str) -> str:
        """Replace the value of a header with that lower-case name, unless it is harmless."""
        if name not in self._headers:  # a rule may read any
            if name == "host":
                return self.host(value)
            if name in _URL_HEADERS:
                return self.url(value)
            if name in {"cookie", "set-cookie"}:
                return self._cookies(value, is_set=name == "set-cookie")
            if name == "content-length" and value.isdecimal():
                return value
            if name in PLAIN_HEADERS:
                return self.text(value)
        scheme = _SCHEME.match(value)
        before = scheme[0] if scheme and is_harmless(scheme[1], self._known) else ""
        seen = before if name in self._whole else ""
        return before + self.secret(value[len(before) :], seen)

    def url(self, text: str) -> str:
        """Replace the secrets of a URL, whole or relative."""
        scheme, slashes, rest = text.partition("//")
        if scheme.lower() not in _SCHEMES:
            return self.target(text)
        host = re.split("[/?#]", rest, maxsplit=1)[0]
        return scheme + slashes + self.host(host) + self.target(rest[len(host) :])

    def target(self, text: str) -> str:
        """Replace the secrets of a path with its query."""
        path, mark, query = text.partition("?")
        path, hash_sign, fragment = path.partition("#")
        return self._path(path) + hash_sign + self.form(fragment) + mark + self.form(query)

    def host(self, text: str) -> str:
        """Replace what stands before an @, and a host that is not the table's."""
        user, at, rest = text.rpartition("@")
        user = ":".join(map(self.secret, user.split(":")))
        name = host_name(rest)
        is_reserved = _RESERVED.fullmatch(name) and is_harmless(name, self._known)
        if name not in self._table.domains and not is_reserved:
            port = rest[len(name) :] if rest.lower().startswith(name) else ""
            port = port if re.fullmatch(r"\.?(?::[0-9]{0,5})?", port) else ""
            label, _, parent = name.partition(".")
            if not self._table.owns(name):  # so that a replay reaches no stranger (RFC 2606)
                label, parent = name, "example"
            rest = (f"{self.secret(label)}.{parent}" if name else "") + port
        return user + at + rest

    def form(self, text: str, *, strict: bool = False) -> str:
        """Replace the secrets of a query or an urlencoded body; all that it says, if `strict`."""
        return "&".join([self._pair(pair, strict) for pair in text.split("&")]) if text else ""

    def body(self, text: str, *, strict: bool = False, is_form: bool = False) -> str:
        """Replace the secrets of JSON, a form or another text; all that it says, if `strict`."""

        def value(path: tuple[str, ...], plain: str) -> str:
            keys = [key for key in path if key]
            shown = not strict and bool(keys) and shows_value(keys[-1])
            return self.text(plain) if shown else self.secret(plain)

        try:
            return rewritten(text, value, self.name)
        except ValueError:
            is_form = is_form or strict or _FORM.fullmatch(text) is not None
            return self.form(text, strict=strict) if is_form else self.text(text)

    def _word(self, found: re.Match[str]) -> str:
        word = found[0]
        if found["numbers"]:
            digits = sum(map(str.isdigit, word))
            return word if digits <= MAX_DIGITS else self.secret(word)
        return word if found["date"] or is_harmless(word, self._known) else self.secret(word)

    def _pair(self, pair: str, strict: bool) -> str:
        name, equals, value = pair.partition("=")
        key = unquote_plus(name)
        if strict and not (equals and _FIELD.fullmatch(key)):
            return _coded(name, self.secret, unquote_plus, quote_plus) + equals + self.secret(value)
        change = self.text if not strict and shows_value(key) else self.secret
        name = _coded(name, self.name, unquote_plus, quote_plus)
        return name + equals + _coded(value, change, unquote_plus, quote_plus)

    def _path(self, raw: str) -> str:
        """Replace the secrets of a path; one that the table knows to hold some as it reads it."""
        path = Request("GET", (), raw).path
        matches = [found for pattern in self._paths if (found := pattern.search(path))]
        spans = sorted(found.span(1) for found in matches if found[1])
        if not spans:
            return "/".join([_coded(it, self.text, unquote, _quoted) for it in raw.split("/")])
        pieces, at = [], 0
        for start, end in spans:
            if start >= at:
                pieces += [self._segments(path[at:start]), self.secret(path[start:end])]
                at = end
        return quote("".join([*pieces, self._segments(path[at:])]), safe="/:@!$&'()*+,=~")

    def _segments(self, path: str) -> str:
        return "/".join(map(self.text, path.split("/")))

    def _cookies(self, text: str, *, is_set: bool) -> str:
        """Replace the value of each cookie; of an answer's, what follows are attributes."""
        parts = text.split(";")
        for at, part in enumerate(parts):
            name, equals, value = part.partition("=")
            if is_set and at:
                parts[at] = self._attribute(part, name.strip().lower(), value)
            elif plain := (value if equals else name).strip(' \t"'):
                head = self.text(name) + equals if equals else ""
                parts[at] = head + (value if equals else name).replace(plain, self.secret(plain), 1)
        return ";".join(parts)

    def _attribute(self, part: str, name: str, value: str) -> str:
        """Replace what is not harmless in an attribute of a cookie (RFC 6265 section 4.1.2)."""
        changes = {"path": self._path, "domain": self.host, "max-age": self.text}
        changes |= {"expires": self.text, "samesite": self.text}
        change = changes.get(name, self.secret)
        head = part[: len(part) - len(value)]
        return self.text(head) + change(value)


def _quoted(text: str) -> str:
    return quote(text, safe="/:@!$&'()*+,=~;")


def _coded(
    raw: str,
    change: Callable[[str], str],
    decode: Callable[[str], str],
    encode: Callable[[str], str],
) -> str:
    """Change what is encoded; what needed no encoding needs none afterwards."""
    plain = decode(raw)
    new = change(plain)
    if new == plain:
        return raw
    return new if plain == raw else encode(new)
