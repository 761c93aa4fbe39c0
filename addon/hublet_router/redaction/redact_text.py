"""Requests and answers without their secrets, one piece of text after another.

What is known to be a secret by its place or its name is replaced whole. In the rest, that is
replaced which looks like one: long words with digits in them, numbers of five digits and more,
addresses of people, what follows a name like `token=`, and secrets that stood elsewhere.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from ..core.places import Header, Path, Query
from ..core.request import Request, host_name
from ..core.table import Table
from .documents import rewritten
from .pseudonyms import Pseudonymizer

_PLAIN = (
    "accept accept-charset accept-encoding accept-language accept-ranges age allow alt-svc"
    " cache-control connection content-encoding content-language content-length content-range"
    " content-type date expect expires host keep-alive last-modified pragma proxy-connection"
    " proxy-status range retry-after server strict-transport-security te trailer"
    " transfer-encoding upgrade upgrade-insecure-requests user-agent vary via warning"
)
PLAIN_HEADERS = frozenset(_PLAIN.split())
"""Headers whose values stay, but for what looks like a secret; all others are replaced whole."""

_URL_HEADERS = {"referer", "origin", "location", "content-location"}
_NAMES = (
    "key|token|secret|passw|pwd|passphrase|passcode|code|session|auth|sig|cred|jwt|bearer|otp|pin"
    "|nonce|state|assertion|ticket|cookie|csrf|xsrf|hmac|hash|digest|salt|sid|private|login|user"
    "|mail|phone|card|cvv|iban|ssn"
)
_NAME = re.compile(_NAMES, re.IGNORECASE)
_SCHEMES = "bearer|basic|digest|negotiate|ntlm|token|apikey|hmac|signature|aws4-hmac-sha256"
_DELIMITERS = r"""\s/?\#&=,;:"'<>()"""
_PLAIN_WORD = r"(?:[a-z]+[0-9]?|v[0-9]{1,3}|20[0-9]{2}|[0-9]{1,2})"
_LOOKS_SECRET = re.compile(  # each run of characters is tried from its start alone: linear
    rf"""
    (?P<mark>
      (?:{_NAMES})[\w-]{{0,40}}["'\\\]]{{0,4}}(?:\s*[:=>]+\s*|\r\n\r\n)["'\\]*(?:(?:{_SCHEMES})\s+)?
      | \b(?:{_SCHEMES})\s+(?=[^\s"'<>&,;]{{0,64}}[0-9=]) )
      (?P<value>[^\s"'<>&,;\\]+)
    | (?<![^{_DELIMITERS}])(?P<address>[^{_DELIMITERS}]{{1,256}}(?::[^\s/@]{{0,64}})?@[\w.-]+)
    | (?<![\w-])(?P<jwt>eyJ[\w-]+\.[\w-]+\.[\w-]*)
    | (?<![\w+-])(?!{_PLAIN_WORD}(?:[-_]{_PLAIN_WORD})*(?![\w+-]))
      (?P<word>(?=[\w+-]{{0,255}}[0-9])[\w+-]{{16,}}=*)
    | (?P<number>[0-9]{{5,}})
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_RESERVED = re.compile(r"(?:.*\.)?(?:example(?:\.com|\.net|\.org)?|invalid|test|localhost)")
_SET_COOKIE = {"expires", "max-age", "path", "domain", "secure", "httponly", "samesite"}
_FIELD = re.compile(r"[A-Za-z][\w.\[\]-]*")
_FORM = re.compile(r"[^\s=&]+=\S*")
MIN_SEEN, MAX_SEEN = 6, 100
"""Characters of a secret that is looked for in the rest of its flow, and how many of them are."""


class TextRedactor:
    """Replaces what is secret in the pieces of a request or an answer."""

    def __init__(self, table: Table, disguise: Pseudonymizer) -> None:
        self._table = table
        self._disguise = disguise
        self._seen: dict[str, None] = {}
        accounts = table.accounts.places if table.accounts else ()
        self._accounts = {place.name for place in accounts if isinstance(place, Query)}
        self._headers = {place.name for place in table.places if isinstance(place, Header)}
        texts = {
            getattr(place, "name", getattr(place, "path", "")).lower() for place in table.places
        }
        self._names = (texts | {text.rpartition(".")[2] for text in texts}) - {""}
        self._paths: list[tuple[re.Pattern[str], Callable[[str], str]]]
        self._paths = [(it.pattern, self.secret) for it in table.places if isinstance(it, Path)]
        self._paths += [(it.pattern, disguise.account) for it in accounts if isinstance(it, Path)]
        schemes = {place.scheme for place in table.places if isinstance(place, Header)}
        words = [re.escape(scheme) for scheme in schemes if scheme]
        self._scheme = re.compile("|".join([_SCHEMES, *words]).join(["(?:", r")\s+"]), re.I)

    def begin(self, credentials: Iterable[str]) -> None:
        """Begin with another flow, in which these credentials were found."""
        self._seen.clear()
        for credential in credentials:
            self.secret(credential)

    def secret(self, text: str, before: str = "") -> str:
        """Replace a whole secret, and remember it for the rest of the flow."""
        if len(text) >= MIN_SEEN and len(self._seen) < MAX_SEEN and text.lower() not in self._names:
            self._seen[text] = None
        return self._disguise.secret(text, before)

    def text(self, text: str) -> str:
        """Replace what looks like a secret in a text that may hold any."""
        for known in self._seen:
            if known in text:
                parts = re.split(rf"(?<![A-Za-z0-9]){re.escape(known)}(?![A-Za-z0-9])", text)
                if len(parts) > 1:
                    return self._disguise.secret(known).join(map(self.text, parts))
        return _LOOKS_SECRET.sub(self._found, text)

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
        scheme = self._scheme.match(value)
        before = scheme[0] if scheme else ""
        return before + self.secret(value[len(before) :], before)

    def url(self, text: str) -> str:
        """Replace the secrets of a URL, whole or relative."""
        scheme, slashes, rest = text.partition("//")
        if not slashes or not re.fullmatch("(?:[A-Za-z][A-Za-z0-9+.-]*:)?", scheme):
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
        if at:
            user = ":".join(map(self.secret, user.split(":")))
        name = host_name(rest)
        if name not in self._table.domains and not _RESERVED.fullmatch(name):
            port = rest[len(name) :] if rest.lower().startswith(name) else ""
            label, _, parent = name.partition(".")
            rest = f"{self.secret(label)}.{parent}" if self._table.owns(name) else self._far(name)
            rest += port
        return user + at + rest

    def form(self, text: str, *, strict: bool = False) -> str:
        """Replace the secrets of a query or an urlencoded body; all that it says, if `strict`."""
        return "&".join(self._pair(pair, strict) for pair in text.split("&"))

    def body(self, text: str, *, strict: bool = False) -> str:
        """Replace the secrets of JSON, a form or another text; all that it says, if `strict`."""

        def value(path: tuple[str, ...], plain: str) -> str:
            if any(map(self._is_secret, path)):
                return self.secret(plain)
            return self._disguise.secret(plain) if strict else self.text(plain)

        try:
            return rewritten(text, value, self.text)
        except ValueError:
            is_form = strict or _FORM.fullmatch(text)
            return self.form(text, strict=strict) if is_form else self.text(text)

    def _found(self, found: re.Match[str]) -> str:
        if found["mark"]:
            return found["mark"] + self.secret(found["value"])
        return self._disguise.secret(found[0])  # it looks like one wherever it stands

    def _is_secret(self, name: str) -> bool:
        return name.lower() in self._names or _NAME.search(name) is not None

    def _pair(self, pair: str, strict: bool) -> str:
        name, equals, value = pair.partition("=")
        key = unquote_plus(name)
        if strict and not (equals and _FIELD.fullmatch(key)):
            return _coded(name, self.secret, unquote_plus, quote_plus) + equals + self.secret(value)
        change: Callable[[str], str] = self._disguise.secret if strict else self.text
        if key in self._accounts:
            change = self._disguise.account
        elif self._is_secret(key):
            change = self.secret
        name = _coded(name, self.text, unquote_plus, quote_plus)
        return name + equals + _coded(value, change, unquote_plus, quote_plus)

    def _path(self, raw: str) -> str:
        """Replace the secrets of a path; one that the table knows to hold some as it reads it."""
        path = Request("GET", (), raw).path
        spans = [
            (*found.span(1), change)
            for pattern, change in self._paths
            if (found := pattern.search(path)) and found[1]
        ]
        if not spans:
            return _coded(raw, self.text, unquote, quote)
        pieces, at = [], 0
        for start, end, change in sorted(spans, key=lambda span: span[:2]):
            if start >= at:
                pieces += [self.text(path[at:start]), change(path[start:end])]
                at = end
        return quote("".join([*pieces, self.text(path[at:])]), safe="/:@!$&'()*+,=~")

    def _cookies(self, text: str, *, is_set: bool) -> str:
        """Replace the value of each cookie; of an answer's, what follows are attributes."""
        parts = text.split(";")
        for at, part in enumerate(parts):
            name, equals, value = part.partition("=")
            if is_set and at and name.strip().lower() in _SET_COOKIE:
                parts[at] = self.text(part)
            elif plain := (value if equals else name).strip(' \t"'):
                head = self.text(name) + equals if equals else ""
                parts[at] = head + (value if equals else name).replace(plain, self.secret(plain), 1)
        return ";".join(parts)

    def _far(self, name: str) -> str:
        """Return a host that nobody has, so that a replay reaches no stranger (RFC 2606)."""
        return f"{self.secret(name)}.example" if name else name


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
