"""Stray credentials: those of another Hublet, in whatever place some server may look.

Rules know where clients put a credential. A server may read it elsewhere: in a parameter that is an
array, behind another scheme, in a part of a multipart body. No list of such dialects is complete,
so every run of token characters in the request is offered to the readers of the table.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

from .findings import Finding
from .formats import all_strings, decode_base64
from .lookup import Rule
from .request import Request
from .table import Table

MIN_RUN = 16
"""Characters of the shortest run that is looked at: no credential is shorter."""

MIN_BASE64 = 40
"""The same for a run with `+` or `/`: a shorter one is a media type or a piece of a path."""

MAX_DECODED = 3
"""How often text is decoded: some servers decode what was decoded before."""

_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"
_BLANKED = bytes(byte if byte in _TOKEN + b"+/" else 32 for byte in range(256))
_PARTED = bytes.maketrans(b"+/", b"  ")
_ESCAPE = re.compile(r"(?:%|(?<!\\)\\++)u([0-9A-Fa-f]{4})|(?<!\\)\\++(?:x([0-9A-Fa-f]{2})|/)")
_BASE64_ESCAPE = re.compile("%2([BbFf])")
# No server takes a URL's host for a credential: `Referer: https://eu1-app.example.com/`.
_URL_HOST = re.compile(r"(?<=://)(?:[\w-]++\.)++[A-Za-z]{2,}+(?=[\s:/?#]|\Z)", re.ASCII)


class Stray(NamedTuple):
    """A credential where no rule looks: the rule whose reader read it, and the Hublet it names."""

    rule: Rule
    hublet: str


def find_stray(
    table: Table, request: Request, hublet: str, found: Sequence[Finding]
) -> Stray | None:
    """Return the first credential of a listed Hublet other than `hublet`.

    It is none of the findings that name a Hublet: those were judged.
    """
    text = request.head
    if request.body and table.reads_body(request):
        text = " ".join([text, request.body.decode("latin-1"), *all_strings(request.json)])
    seen = {it.credential.rstrip("=") for it in found if it.credential and it.hublets}
    for _ in range(MAX_DECODED + 1):
        inner = []
        for run in _runs(text):
            if run not in seen:
                seen.add(run)
                if (stray := _read(table, run, hublet)) and run.lower() != request.host:
                    return stray
                inner += _decode_run(run)
        if not inner and "%" not in text and "\\" not in text:
            break
        if "%2" in text:  # an escaped `/` divides no credential in a path
            pieces = [(it, _in_base64url(it)) for it in text.split()]
            inner += [_unescape(plain) for it, plain in pieces if plain != it]
        text = " ".join([_unescape(text), *inner])
    return None


def _runs(text: str) -> list[str]:
    """Return each run of token characters, and longer ones with `+` and `/` among them.

    Translating and splitting takes a third of the time of a pattern.
    """
    if "://" in text:
        text = _URL_HOST.sub("", text)
    words = text.encode("latin-1", "replace").translate(_BLANKED).split()
    runs = []
    for word in [word for word in words if len(word) >= MIN_RUN]:
        parts = word.translate(_PARTED).split()
        if len(parts) != 1 and len(word) >= MIN_BASE64:
            parts += [word, word.strip(b"/")]
            if b"+" in word:  # the other one stands beside the credential
                parts += [*word.split(b"/"), *word.split(b"+")]
        runs += [part.decode() for part in parts if len(part) >= MIN_RUN]
    return runs


def _read(table: Table, run: str, hublet: str) -> Stray | None:
    for text in (run,) if run.islower() else (run, run.lower()):  # some servers fold the case
        for reader, rule in table.index.strays:
            for name in reader.names(text):
                if name != hublet and name in table.hublets:
                    return Stray(rule, name)
    return None


def _decode_run(run: str) -> list[str]:
    """Return the text that a run is the base64 of, as in `Authorization: Basic`, or nothing."""
    try:
        plain = decode_base64(run)
    except ValueError:
        return []
    return [plain.decode()] if plain.isascii() else []


def _unescape(text: str) -> str:
    """Decode percent, `%u0065` and the escapes of JSON once, by however many `\\`."""
    if "\\" in text or "%u" in text:
        text = _ESCAPE.sub(lambda it: chr(int(it[1] or it[2] or "2F", 16)), text)
    return unquote(text) if "%" in text else text


def _in_base64url(text: str) -> str:
    return _BASE64_ESCAPE.sub(lambda it: "-" if it[1] in "Bb" else "_", text)
