"""What may be shown of a request that holds credentials.

Of a URL, that is its host, and the segments and the names of parameters that are harmless. No rule
is asked what it found: text is shown because it is known, and what is unknown is masked.
"""

import re
from collections.abc import Container, Sequence
from functools import reduce
from operator import or_
from urllib.parse import unquote_plus

from ..core.places import Cookie, Form, Header, Json, Place, Query
from ..core.request import Request, host_name, ip_address
from ..core.runs import MIN_RUN
from ..core.table import Table
from .harmless import is_harmless, known_words, shows_value

_LIKE_A_HUBLET = re.compile(r"[a-z]{2,4}[0-9]{0,3}")
_CLASSES = {"A-Z": "[A-Z]", "a-z": "[a-z]", "0-9": "[0-9]"}
_SYMBOLS = "-_.:=/+~"
_PREFIX = re.compile(r"([A-Za-z0-9]{1,5})[-_.:](?=.{16})")
# Nothing that parts a name from a value (`&`, `;`, `=`, `#`, an escape): a pin is but a number.
# A longer text is masked unread: credentials are long, and words are not.
_UNDIVIDED = re.compile(r"[\w.~*,\[\]-]{0,64}", re.ASCII)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.*-]+)(?::[0-9]*)?", re.ASCII)

MASK = "***"
"""What is shown instead of a text that is not known to be harmless."""

MAX_SHOWN = 1000
"""Characters of a host, a path or a query that are shown at most; `…` stands for the rest."""


def mask_target(request: Request, known: Container[str] = ()) -> str:
    """Return the path with its query, `***` for each piece that is not harmless.

    `known` are the words of the table. The value of a parameter needs a name that allows it, too.
    """
    _, mark, query = request.target.partition("?")
    query, rest = _cut(query, "&")
    pairs = [_mask_pair(pair, known) for pair in query.split("&")]
    return mask_path(request, known) + mark + "&".join(pairs) + rest


def mask_path(request: Request, known: Container[str] = ()) -> str:
    """Return the path alone, without its query, `***` for each segment that is not harmless."""
    path, rest = _cut(request.target.partition("?")[0], "/")
    return "/".join([mask(segment, known) for segment in path.split("/")]) + rest


def mask_url(request: Request, scheme: str, *tables: Table) -> str:
    """Return the URL that a request asks for, masked; its host as sent, without userinfo.

    Of a host that is foreign to all tables, nothing else is shown.
    """
    known = reduce(or_, map(known_words, tables))
    host = mask_host(request.hosts[0], known) if request.hosts else ""
    target = f"/{MASK}"
    if request.host and any(table.owns(request.host) for table in tables):
        target = mask_target(request, known)
    return f"{mask(scheme)}://{host}{target}"


def mask_request(table: Table, request: Request, scheme: str) -> str:
    """Return the method and the masked URL, as a terminal may show them: `GET https://…`."""
    return printable(f"{mask_method(request.method)} {mask_url(request, scheme, table)}")


def mask_method(method: str) -> str:
    """Return a method, or `***` if it is no known one: a client may write anything there."""
    return mask(method)


def mask_host(host: str, known: Container[str] = ()) -> str:
    """Return a host without userinfo, or `***` if it is none; a long label has to be harmless."""
    name = host.rpartition("@")[2]
    if not _HOST.fullmatch(name):
        return MASK if name else ""
    if not name.startswith("["):
        labels = name[:MAX_SHOWN].split(".")
        shown = ".".join([it if len(it) < MIN_RUN else mask(it, known) for it in labels])
        return shown if len(name) <= MAX_SHOWN else shown + "…"
    return name if ip_address(host_name(name)[1:-1]) else MASK


def mask(text: str, known: Container[str] = ()) -> str:
    """Return a text that is harmless, and `***` for any other; `known` are more of its words."""
    return text if _UNDIVIDED.fullmatch(text) and is_harmless(text, known) else MASK


def _mask_pair(pair: str, known: Container[str]) -> str:
    name, equals, value = pair.partition("=")
    name = unquote_plus(name)
    shown = mask(value, known) if shows_value(name) else MASK
    return mask(name, known) + equals + (shown if value else "")


def _cut(text: str, separator: str) -> tuple[str, str]:
    """Return the whole pieces of a text that are shown, and what stands for the others."""
    if len(text) <= MAX_SHOWN:
        return text, ""
    shown, mark, _ = text[:MAX_SHOWN].rpartition(separator)
    return shown, mark + "…"


def is_like_a_hublet(name: str) -> bool:
    """Return whether a name that a credential gave is shown: it is too short for a secret."""
    return _LIKE_A_HUBLET.fullmatch(name) is not None


def printable(text: str) -> str:
    """Return text of the wire for a terminal, on which control characters would act."""
    return re.sub("[^ -~…]", lambda found: f"\\x{ord(found[0]):02x}", text)


def counted(count: int, what: str) -> str:
    """Return a number of things: `1 request`, `1,000 requests`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row, in which each column begins at one place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def describe_shape(credential: str, table: Table) -> str:
    """Return what a credential looks like, and nothing that it would be good for.

    Its length to a power of two, its alphabet, and a short prefix that the table has itself: a
    Hublet, or how a rule's pattern begins (`pat-`).
    """
    low = 1 << len(credential).bit_length() - 1
    length = f"{low} to {2 * low - 1} characters" if low > 1 else "1 character"
    alphabet = [name for name, kind in _CLASSES.items() if re.search(kind, credential)]
    alphabet += [symbol for symbol in _SYMBOLS if symbol in credential]
    others = " and others" if re.search(rf"[^A-Za-z0-9{re.escape(_SYMBOLS)}]", credential) else ""
    return f"{_known_prefix(credential, table)}{length} of {' '.join(alphabet)}{others}"


def _known_prefix(credential: str, table: Table) -> str:
    found = _PREFIX.match(credential)
    if not found:
        return ""
    begins = f"^{found[0]}", f"^{re.escape(found[0])}"
    readers = [rule.reader for rule in table.rules]
    patterns = [getattr(it, name, None) for it in readers for name in ("pattern", "of")]
    is_known = any(it and it.pattern.startswith(begins) for it in patterns)
    return f"{found[0]}…, " if is_known or table.hublet_named(found[1]) else ""


def place_name(place: Place) -> str:
    """Return a place as the table writes it: `header authorization bearer`, `query hapikey`."""
    words = [type(place).__name__.lower()]
    match place:
        case Header(name, scheme):
            words += [name, scheme] if scheme else [name]
        case Query(name) | Cookie(name) | Form(name) | Json(name):
            words += [name]
    return " ".join(words)
