"""Samples: texts that a reader reads, and requests in which one stands where a rule looks.

They are made up from the table alone, so that they may be shown; few, and the same at each run.
"""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from random import Random
from typing import Any
from urllib.parse import quote

from ..core.findings import MAX_CREDENTIAL
from ..core.lookup import Rule
from ..core.places import Cookie, Form, Header, Json, Path, Place, Query
from ..core.readers import Base64, Jwt, Protobuf, Reader, Regex
from ..core.request import Request
from ..regex_bounds.tree import parse, reads

_TURNS = 24  # texts of a pattern: one that is plain, the others at random
_MORE = (0, 1, 2, 5, 64)  # rounds of a repeat that it does not need
_VARIED = 64  # rounds of a repeat that differ
_TAILS = ("", "0000", "-xx0")  # what may follow what a pattern asks for, where it does not end
_AROUND = 4  # texts around a part that is read alone
_HEAD = "xx "  # what may stand before it
_PLAIN = (*range(97, 123), *range(48, 58), *range(33, 127))
_LIKE_A_HUBLET = "xx0"
_FIELD = re.compile(r"[\t -~\x80-\xff]*")  # RFC 9110 section 5.5


def texts(pattern: re.Pattern[str], group: str | None = None) -> Iterator[str]:
    """Yield texts to try a pattern on, with `group` where its one group is.

    A look ahead is not followed, so that some may not match.
    """
    tree = _tree(pattern.pattern)
    for turn in range(_TURNS):
        roll = Random(turn).random if turn else float  # noqa: S311  # nothing secret is made
        yield _text(tree, tree.state.flags, roll, group)


_tree = lru_cache(parse)


def _text(items: Any, flags: int, roll: Callable[[], float], group: str | None) -> str:
    text = part = ""
    for op, value in items:
        match str(op):
            case "LITERAL":
                text += chr(value)
            case "BRANCH":
                text += _text(_pick(value[1], roll), flags, roll, group)
            case "SUBPATTERN" if value[0] == 1 and group is not None:
                text += group
            case "SUBPATTERN" | "ATOMIC_GROUP":
                _, more, less, inner = value if str(op) == "SUBPATTERN" else (None, 0, 0, value)
                text += _text(inner, (flags | more) & ~less, roll, group)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                low, high, inner = value
                for turn in range(low + min(high - low, _pick(_MORE, roll))):
                    if len(text) > 2 * MAX_CREDENTIAL:  # it is not read in any case
                        break
                    part = _text(inner, flags, roll, group) if turn < _VARIED else part
                    text += part
            case name if read := reads(name, value, flags, first=False):
                text += _pick(_characters(read), roll)
    return text


def _pick(options: Any, roll: Callable[[], float]) -> Any:
    return options[int(roll() * len(options))]


@lru_cache
def _characters(read: int) -> list[str]:
    """Return the plain characters of a set, or where there are none, the others of Latin-1."""
    codes = [code for code in dict.fromkeys(_PLAIN) if read >> code & 1]
    return [chr(code) for code in codes or range(256) if read >> code & 1] or [""]


def samples(reader: Reader, name: str | None) -> Iterator[str]:
    """Yield credentials that a reader reads; with a name, those that hold it where they can."""
    seen: set[str] = set()
    for text in candidates(reader, name):
        if text not in seen and reader.names(text):
            seen.add(text)
            yield text


def candidates(reader: Reader, name: str | None) -> Iterator[str]:
    """Yield texts to try a reader on; none for a reader that is not known here."""
    named = name or _LIKE_A_HUBLET
    match reader:
        case Regex(pattern):
            yield from (text + tail for text in texts(pattern, name) for tail in _TAILS)
            yield from (_HEAD + text for text in texts(pattern, name))
        case Base64(pattern, of):
            for text in candidates(Regex(pattern), name):
                part = _base64url(text.encode("latin-1", "replace"))
                yield from islice(texts(of, part), _AROUND) if of else (part,)
        case Protobuf(field):
            message = _varint(field << 3 | 2) + _varint(len(named.encode())) + named.encode()
            for shift in range(3):  # through the three alignments of base64
                yield _base64url(b"\x08\x01" * (1 + shift) + message)
        case Jwt(claim):
            parts = (json.dumps(part) for part in ({"alg": "none"}, {claim: named}, {}))
            yield ".".join(_base64url(part.encode()) for part in parts)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _varint(number: int) -> bytes:
    rest = _varint(number >> 7) if number > 0x7F else b""
    return bytes([number & 0x7F | 0x80 * bool(rest)]) + rest


def standing(rule: Rule, place: Place, credential: str, host: str) -> Request | None:
    """Return a request in which a rule finds that credential there; None where none was found."""
    if len(credential) > MAX_CREDENTIAL:
        return None
    for target in _targets(rule, place, credential):
        request = _request(place, credential, target, host)
        if (
            all(_FIELD.fullmatch(value) for _, value in request.headers)
            and rule.applies_to(request.paths)
            and credential in (place.values(request) or ())
        ):
            return request
    return None


def _targets(rule: Rule, place: Place, credential: str) -> Iterator[str]:
    starts = paths(rule.paths) if rule.paths else ("/",)
    if not isinstance(place, Path):
        yield from starts
        return
    yield from _rooted(texts(place.pattern, _quoted(credential)))
    yield from (f"{start.rstrip('/')}/{_quoted(credential)}" for start in starts)


@lru_cache
def paths(pattern: re.Pattern[str]) -> tuple[str, ...]:
    """Return some paths that a pattern matches as a request has them."""
    found = (path for path in _rooted(texts(pattern)) if pattern.search(Request("", (), path).path))
    return tuple(dict.fromkeys(found))


def _rooted(tried: Iterable[str]) -> Iterator[str]:
    for text in tried:
        yield from (text,) if text.startswith("/") else (f"/{text}", f"/{text[1:]}")


def _request(place: Place, credential: str, target: str, host: str) -> Request:
    headers: tuple[tuple[str, str], ...] = ()
    body = b""
    match place:
        case Header(name, scheme):
            headers = ((name, f"{scheme} {credential}" if scheme else credential),)
        case Cookie(name):
            headers = (("cookie", f"{name}={credential}"),)
        case Query(name):
            target = f"{target}?{_quoted(name)}={_quoted(credential)}"
        case Form(name):
            body = f"{_quoted(name)}={_quoted(credential)}".encode()
        case Json(path):
            body = json.dumps({path: credential}).encode()
    return Request("POST" if body else "GET", (host,), target, headers, body)


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")
