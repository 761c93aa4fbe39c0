"""Runs: each stretch of a text that may be a credential, in each way that a server may spell it.

Nothing says where a credential begins and ends: `x:pat-…`, `a/b+c` and `<token>.<signature>` are
one text to some servers and several to others. So a text is parted at each set of marks, and what
stands behind escapes and base64 is parted again.
"""

import re
from collections.abc import Container, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from .formats import decode_leniently, decode_words, unescape, unquote_bytes, unquote_pairs
from .paths import MAX_DECODED
from .readers import Coded

MIN_RUN = 16
"""Characters of the shortest run that is looked at: no credential is shorter."""

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SPACED = _PLAIN + b" "
_SLASH, _PLUS, _COLON, _PERCENT, _BACKSLASH = b"/+:%\\"  # an int is found far faster than a byte
_MARKS = b":@!$*"
_KEPT = _PLAIN + b"+/.~" + _MARKS
_BLANKED = bytes(byte if byte in _KEPT else 32 for byte in range(256))
_PARTED_AT_ALL = bytes(byte if byte in _PLAIN else 32 for byte in range(256))
# The same for what may hold escapes: \3 ends a word, and is no blank that ends the host of a URL.
_ENDED = bytes(
    byte if byte in _KEPT + b"%\\\0" else 32 if byte in b" \t\n\r\v\f?#" else 3
    for byte in range(256)
)
_NO_MARKS, _NO_SLASH, _NO_PLUS, _NO_DOTS = [
    bytes.maketrans(marks, b" " * len(marks)) for marks in (_MARKS, b"/", b"+", b".~")
]
# A slash and a plus that were there before escapes were decoded, and what becomes of them.
_HELD = bytes.maketrans(b"/+", b"\1\2")
_GIVEN_BACK, _PARTED, _PARTED_TWICE = [
    bytes.maketrans(b"\1\2", marks) for marks in (b"/+", b" +", b"  ")
]
# No server takes a URL's host for a credential: `Referer: https://eu1-app.example.com/`.
_URL_HOST = re.compile(rb"://(?:[0-9A-Za-z_-]++\.)++[A-Za-z]{2,}+(?=[\s:/?#]|\Z)")
_PERCENT_CODE = re.compile(rb"%[0-9A-Fa-f]{2}")


class Runs(NamedTuple):
    """The runs of a text, and what those decode to that are base64."""

    texts: list[str]
    plains: list[Coded]


def runs_of(text: str, judged: Iterable[str] = ()) -> Iterator[Runs]:
    """Yield the runs of a text as it stands, then those behind one layer of escapes, and so on.

    Those that were `judged` are left out, with their parts.
    """
    seen = {it.rstrip("=").encode("latin-1", "replace") for it in judged}
    decoded: set[bytes] = set()
    data = text.encode("latin-1", "replace")
    for _ in range(MAX_DECODED + 1):
        layers: list[bytes] = []
        if words := _long(_blanked(data), seen):
            runs, coded = _parted(words, seen)
            seen |= runs
            joined = b" ".join(coded)
            layers = decode_words(joined)
            yield Runs(_in_both_cases(runs), [*zip(joined.decode().split(), layers, strict=True)])
        if _PERCENT in data or _BACKSLASH in data:
            layers += _behind_escapes(data, decoded)
        if not layers:
            return
        data = b" ".join(layers)


def run_alone(text: str) -> Runs:
    """Return a text as the one run that it is, and what it is parted at however short."""
    data = text.encode("latin-1", "replace")
    texts, plains = [text], [(text, decode_leniently(data))]
    if data.translate(None, _PLAIN):
        parts = [*data.translate(_BLANKED).split(), *data.translate(_PARTED_AT_ALL).split()]
        parts = [it for it in dict.fromkeys(parts) if it != data]
        texts += [*map(bytes.decode, parts)]
        plains += [(it.decode(), decode_leniently(it)) for it in parts]
    return Runs([*texts, *map(str.lower, texts)], plains)


def _blanked(data: bytes) -> bytes:
    """Return the text with a blank for all that is in no run."""
    if data.find(b"://") >= 0:
        data = _URL_HOST.sub(b"://", data)
    return data.translate(_BLANKED, b"\0")  # without its NULs, UTF-16 is ASCII


def _behind_escapes(data: bytes, decoded: set[bytes]) -> set[bytes]:
    """Return what the words that hold an escape become behind one layer of them.

    Those that were `decoded` in an earlier layer, which the new ones join, are not decoded again.
    """
    words = {it for it in _words(data) if _PERCENT in it or _BACKSLASH in it}
    decoded |= words
    escaped = b" ".join(words)
    ways = [_words(way) for way in _unescaped(escaped) if way != escaped]
    return {*chain.from_iterable(ways)} - decoded  # most words are in each way


def _words(data: bytes) -> list[bytes]:
    """Part what may hold escapes into words, each with a mark where no blank ends it.

    Those that are too short go: they get shorter with each escape, and none is joined to another.
    """
    words = data.translate(_ENDED).replace(b"\3", b"\3 ").split()
    return [it for it in words if len(it) >= MIN_RUN]


def _parted(words: list[bytes], known: Container[bytes]) -> tuple[set[bytes], set[bytes]]:
    """Return the runs of words, and those of them that are of the alphabets of base64 alone."""
    text = b" ".join(words)
    if text.find(b"eyJ") >= 0:  # JSON in base64 begins so, whatever stands before it: `base64-eyJ…`
        words += _long(text.replace(b"eyJ", b" eyJ"), known)
    marks = text.translate(None, _SPACED)
    whole = {*words}
    if _SLASH in marks:
        divided = [it for it in whole if _SLASH in it]
        whole.update(_long(b" ".join([it.strip(b"/") for it in divided]), known))
        whole.update(_split(divided, _NO_SLASH, known))
    if _PLUS in marks:
        whole.update(_split([it for it in whole if _PLUS in it], _NO_PLUS, known))
    if _COLON in marks:  # of a user and a password
        behind = [it.partition(b":")[2] for it in whole if _COLON in it]
        whole.update(_long(b" ".join(behind), known))
    if not marks.translate(None, b"/+"):
        return whole, whole
    tokens = {*_split(whole, _NO_MARKS, known)}
    coded = {*_split(tokens, _NO_DOTS, known)}
    return whole | tokens | coded, coded


def _split(words: Iterable[bytes], blanked: bytes, known: Container[bytes]) -> list[bytes]:
    return _long(b" ".join(words).translate(blanked), known)


def _long(data: bytes, known: Container[bytes]) -> list[bytes]:
    words = [it for it in data.split() if len(it) >= MIN_RUN]
    return [it for it in words if it not in known] if known else words


def _in_both_cases(words: set[bytes]) -> list[str]:
    """Return the words as they are and in lower case, to which some servers fold them."""
    text = b" ".join(words).decode()
    lower = text.lower()
    return text.split() if lower == text else [*text.split(), *lower.split()]


def _unescaped(data: bytes) -> Iterator[bytes]:
    """Decode percent, `%u0065`, and the escapes of JSON and of quotes once, by however many `\\`.

    What parts a path or a query as it stands does not part what is escaped: `/x/a%2Fb%2Bc`.
    """
    if b"\\" in data:
        while b"\\\\" in data:
            data = data.replace(b"\\\\", b"\\")
        yield unquote_pairs(data)
    if b"\\" in data or b"%u" in data:
        data = unescape(data)
    if not _PERCENT_CODE.search(data):
        yield data
        return
    is_parted = b"%2" in data
    data = unquote_bytes(data.translate(_HELD) if is_parted else data)
    yield data.translate(_GIVEN_BACK)
    if is_parted:
        yield data.translate(_PARTED)
        yield data.translate(_PARTED_TWICE)
