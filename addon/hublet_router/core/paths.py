"""Paths in each way that some server reads them."""

import re
from urllib.parse import unquote

MAX_DECODED = 3
"""How often text is decoded: some servers decode what was decoded before."""

MAX_PATH = 20 * 1024
"""Characters of a path that are read; a request with a longer one is refused."""

_ODD = re.compile("[^/A-Za-z0-9_-]|//")
_PARAMETERS = re.compile(";[^/]*")
_TAIL = re.compile(r"[^/\w.-][^/]*")


def readings(raw: str) -> tuple[str, ...]:
    """Return what a path may be to a server; as one that normalises most would read it, first."""
    if raw == "*" or not _ODD.search(raw):
        return (raw,)
    path = raw.partition("#")[0]
    layers = [_decoded(_PARAMETERS.sub("", path)), path, raw]
    for _ in range(MAX_DECODED):
        layers = [*dict.fromkeys([*layers, *map(_decoded, layers)])]
    layers += [_TAIL.sub("", text) for text in layers]
    layers += [_without_suffix(text) for text in dict.fromkeys(layers)]
    return tuple(dict.fromkeys([*map(_resolved, layers), *layers]))


def _decoded(path: str) -> str:
    """Decode percent and `%u006f` once, and take `\\` for `/`."""
    if "%" in path:
        path = unquote(path.replace("%u00", "%").replace("%U00", "%"))
    return path.replace("\\", "/")


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
    if plain and last in {"", ".", ".."}:
        plain.append("")
    return "/" + "/".join(plain)
