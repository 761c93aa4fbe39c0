"""What may be shown of a request that holds credentials."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

from ..core.places import Cookie, Form, Header, Json, Path, Place, Query
from ..core.request import Request

_CLASSES = {"A-Z": "[A-Z]", "a-z": "[a-z]", "0-9": "[0-9]"}
_SYMBOLS = "-_.:=/+~"
PREFIX = re.compile(r"[A-Za-z0-9]{1,5}[-_.:](?=.{16})")

KEY_LIKE = re.compile(
    r"(?!sec-|idempotency)(?:.*[-_.])?(?:key|sid|sig)"
    r"|.*(?:token|secret|apikey|auth(?!or)|jwt|session|passw|credential|signature|dsn).*",
    re.IGNORECASE,
)
"""Names under which credentials usually stand that no rule may have thought of."""

MASK = "***"
"""What is shown instead of a credential."""


def mask_target(request: Request, places: Iterable[Place]) -> str:
    """Return the path with its query, in which `***` stands for each credential.

    That is what a place finds, and what stands under a name like one.
    """
    _, mark, query = request.target.partition("?")
    keys = {place.name for place in places if isinstance(place, Query)}

    def is_secret(key: str) -> bool:
        return key in keys or KEY_LIKE.fullmatch(key) is not None

    pairs = [
        f"{key}={MASK}" if equals and is_secret(unquote_plus(key)) else f"{key}{equals}{value}"
        for key, equals, value in (pair.partition("=") for pair in query.split("&"))
    ]
    return mask_path(request, places) + mark + "&".join(pairs)


def mask_path(request: Request, places: Iterable[Place]) -> str:
    """Return the path alone, without its query.

    One that holds a credential is shown as `Request.path` has it: that is where it was found. An
    encoded slash may be one of the credential's own, and then the rest belongs to it, too.
    """
    path, seen = request.target.partition("?")[0], request.path
    is_coded = "%" in path
    is_open = is_coded and "%2f" in path.lower()
    hidden = [
        (found.start(1), len(seen) if is_open else found.end(1))
        for place in places
        if isinstance(place, Path)
        and seen.startswith(place.prefix)
        and (found := place.pattern.search(seen))
        and found[1]
    ]
    plain = unquote(path) if is_coded else path
    if hidden or ".." in plain or ";" in plain:  # what these take away may be one, too
        path = seen
        for start, end in hidden:  # of one length, so that the next span still fits
            path = path[:start] + "\0" * (end - start) + path[end:]
        path = re.sub("\0+", MASK, path)
    return path


def mask_url(scheme: str, request: Request, places: Iterable[Place]) -> str:
    """Return the URL that a request asks for, `masked`; its host as sent, without userinfo."""
    return f"{_origin(scheme, request)}{mask_target(request, places)}"


def mask_foreign_url(scheme: str, request: Request) -> str:
    """Return the URL of a request to a foreign host: no rule says where it holds secrets."""
    return f"{_origin(scheme, request)}/{MASK}"


def _origin(scheme: str, request: Request) -> str:
    host = request.hosts[0].rpartition("@")[2] if request.hosts else ""
    return f"{scheme}://{host}"


def printable(text: str) -> str:
    """Return text of the wire for a terminal, on which control characters would act."""
    return re.sub("[^ -~]", lambda found: f"\\x{ord(found[0]):02x}", text)


def counted(count: int, what: str) -> str:
    """Return a number of things: `1 request`, `1,000 requests`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def describe_shape(credential: str) -> str:
    """Return what a credential looks like, and nothing that it would be good for.

    Its length to a power of two, its alphabet, and a short prefix where a longer text follows it:
    a vendor's mark like `pat-`, or a Hublet.
    """
    low = 1 << len(credential).bit_length() - 1
    length = f"{low} to {2 * low - 1} characters" if low > 1 else "1 character"
    alphabet = [name for name, kind in _CLASSES.items() if re.search(kind, credential)]
    alphabet += [symbol for symbol in _SYMBOLS if symbol in credential]
    others = " and others" if re.search(rf"[^A-Za-z0-9{re.escape(_SYMBOLS)}]", credential) else ""
    prefix = found[0] + "…, " if (found := PREFIX.match(credential)) else ""
    return f"{prefix}{length} of {' '.join(alphabet)}{others}"


def place_name(place: Place) -> str:
    """Return a place as the table writes it: `header authorization bearer`, `query hapikey`."""
    words = [type(place).__name__.lower()]
    match place:
        case Header(name, scheme):
            words += [name, scheme] if scheme else [name]
        case Query(name) | Cookie(name) | Form(name) | Json(name):
            words += [name]
    return " ".join(words)
