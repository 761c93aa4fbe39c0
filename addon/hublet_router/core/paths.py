"""Paths in each way that some server reads them."""

import re

from .formats import unquote

MAX_DECODED = 3
"""How often text is decoded: some servers decode what was decoded before."""

MAX_PATH = 20 * 1024
"""Characters of a path that are read; a request with a longer one is refused."""

NORMAL = "/?(?:[A-Za-z0-9_-]++(?:/[A-Za-z0-9_-]++)*+)?"
"""Pattern of a path that is the same to all servers."""

_NORMAL = re.compile(NORMAL)
_PARAMETERS = re.compile(";[^/]*")
_TAIL = re.compile(r"[^/\w.-][^/]*")
_BLANKS = re.compile("/[\\s\0\ufeff]+")
_UNICODE = re.compile("%u(?!d[89a-f])([0-9a-f]{4})", re.IGNORECASE)
_OVERLONG = re.compile("%(?:c|(?:e0|f0%80)%8)([01])%([89ab][0-9a-f])", re.IGNORECASE)
_NOT_ASCII = {byte: f"%{byte:02x}" for byte in range(0x80, 0x100)}
_FULLWIDTH = re.compile("[\uff01-\uff5e]")


def readings(raw: str) -> tuple[str, ...]:
    """Return what a path may be to a server; as one that normalises most would read it, first."""
    if raw == "*" or _NORMAL.fullmatch(raw):
        return (raw,)
    path = raw.partition("#")[0].translate(_NOT_ASCII)
    layers = new = [*dict.fromkeys([_decoded(_PARAMETERS.sub("", path)), path, raw])]
    for _ in range(MAX_DECODED):
        new = [it for it in dict.fromkeys(map(_decoded, new)) if it not in layers]
        layers = layers + new
    trimmed = [_BLANKS.sub("/", text) for text in layers]
    layers += [_TAIL.sub("", text) for text in dict.fromkeys([*layers, *trimmed])]
    layers += [_without_suffix(text) for text in dict.fromkeys(layers)]
    return tuple(dict.fromkeys([*map(_resolved, layers), *layers]))


def _decoded(path: str) -> str:
    """Decode percent and `%u006f` once, and take `\\`, overlong UTF-8 and full width for ASCII."""
    if "%" in path:
        path = unquote(_OVERLONG.sub(_of_overlong, _UNICODE.sub(_of_unicode, path)))
    if not path.isascii():
        path = _FULLWIDTH.sub(lambda it: chr(ord(it[0]) - 0xFEE0), path)
    return path.replace("\\", "/")


def _of_unicode(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)).replace("%", "%25")  # which is decoded with the others


def _of_overlong(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16) << 6 | int(escape[2], 16) & 0x3F)


def _without_suffix(path: str) -> str:
    """Return the path without what follows the first dot of its last segment."""
    parent, slash, name = path.rstrip("/").rpartition("/")
    return parent + slash + name.partition(".")[0]


def _resolved(path: str) -> str:
    """Resolve empty and dot segments (RFC 3986 section 5.2.4); a slash at the end stays."""
    if path[:1] == "/" and "//" not in path and "/." not in path:
        return path
    plain: list[str] = []
    last = ""
    for last in path.split("/"):
        if last == "..":
            del plain[-1:]
        elif last not in {"", "."}:
            plain.append(last)
    if last in {"", ".", ".."}:
        plain.append("")
    return "/" + "/".join(plain)
