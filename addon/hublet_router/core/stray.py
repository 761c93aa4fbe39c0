"""Stray credentials: those of another Hublet, in whatever place some server may look.

Rules know where clients put a credential. A server may read it elsewhere: in a parameter that is an
array, behind another scheme, in a part of a multipart body. No list of such dialects is complete,
so every run of token characters in the request is offered to the readers of the table.
"""

from collections.abc import Container
from typing import NamedTuple
from urllib.parse import unquote_plus

from .lookup import Rule
from .readers import Regex
from .request import Request
from .table import Table

MIN_RUN = 16
"""Characters of the shortest run that is looked at: no credential is shorter."""

MIN_BASE64 = 40
"""The same for text that a reader decodes, and in which `+` and `/` may stand."""

MAX_DECODED = 3
"""How often text is percent-decoded: some servers decode what was decoded before."""

_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"
_BLANKED = bytes(byte if byte in _TOKEN + b"+/" else 32 for byte in range(256))
_PARTED = bytes.maketrans(b"+/", b"  ")


class Stray(NamedTuple):
    """A credential where no rule looks: the rule whose reader read it, and the Hublet it names."""

    rule: Rule
    hublet: str


def find_stray(
    table: Table, request: Request, hublet: str, known: Container[str | None]
) -> Stray | None:
    """Return the first credential of a listed Hublet other than `hublet`.

    `known` are the credentials that rules have read, without padding.
    """
    text = request.head
    if request.body and table.reads_body(request):
        text = f"{text} {request.body.decode('latin-1')}"
    for _ in range(MAX_DECODED + 1):
        for run in _runs(text):
            if run not in known and (stray := _read(table, run, hublet)):
                return stray
        if "%" not in text or (decoded := unquote_plus(text)) == text:
            break
        text = decoded
    return None


def _runs(text: str) -> list[str]:
    """Return each run of token characters, and longer ones with `+` and `/` among them.

    Translating and splitting takes a third of the time of a pattern.
    """
    words = text.encode("latin-1", "replace").translate(_BLANKED).split()
    runs = []
    for word in [word for word in words if len(word) >= MIN_RUN]:
        parts = word.translate(_PARTED).split()
        if len(parts) != 1 and len(word) >= MIN_BASE64:
            runs.append(word.decode())
        runs += [part.decode() for part in parts if len(part) >= MIN_RUN]
    return runs


def _read(table: Table, run: str, hublet: str) -> Stray | None:
    for rule in table.index.by_reader:
        if len(run) >= MIN_BASE64 or isinstance(rule.reader, Regex):
            for name in rule.reader.names(run):
                if name != hublet and name in table.hublets:
                    return Stray(rule, name)
    return None
