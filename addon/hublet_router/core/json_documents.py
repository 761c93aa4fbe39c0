"""JSON: every key and value that some server could take, read in linear time."""

import json
import re
from collections.abc import Iterator
from typing import Any

from .formats import unescape

MAX_NESTING = 1000
"""Levels of a JSON document that are read. It bounds the parser's recursion, so that no result
depends on how deep the caller stands; a deeper document names nothing, as to most servers."""

_WORD = re.compile("[A-Za-z0-9_.-]+")
_QUOTES = re.compile("[\"'`]")
_BLANK = b" \t\r\n\xef\xbb\xbf\xfe\xff"
_BEGINNINGS = b"{", b"[", b"/"  # the last one of a comment

MAX_WHOLE = 2**53
"""Numbers of JSON from which on one spelling is not another's: `1e308` has 309 digits."""


class JsonObject(list[tuple[str, Any]]):
    """A JSON object that keeps duplicate keys: a server may take another one than we would."""


class JsonNumber(str):
    """A number of JSON, in the one spelling of its value: `4.2e1` and `42.0` are `42`.

    It is text, since some servers take a number where they want text. Whole numbers stay as they
    are written: one of 5,000 digits is valid, but int() raises on it.
    """

    __slots__ = ()


def _number(text: str) -> JsonNumber:
    value = float(text)
    is_short = abs(value) < MAX_WHOLE and value.is_integer()
    return JsonNumber(int(value) if is_short else text)


def parse_json(document: bytes) -> Any:
    """Parse a whole document as RFC 8259 has it, in UTF-8; raise ValueError on anything else."""
    if _nesting(document) > MAX_NESTING:
        raise ValueError("nested too deeply")
    try:
        return _STRICT.decode(document.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(
    object_pairs_hook=JsonObject,
    parse_int=JsonNumber,
    parse_float=_number,
    parse_constant=_refuse_constant,
)


def json_strings(document: bytes, path: str) -> Iterator[str]:
    """Yield each text or number at a dotted path; nothing if the document is not JSON."""
    try:
        tree = parse_json(document)
    except ValueError:
        return
    yield from strings_at(tree, path)


def lenient_strings(document: bytes, path: str) -> Iterator[str]:
    """Yield what stands at a dotted path; of a document that is no JSON, each word that may.

    Parsers take comments, single quotes, `NaN`, junk behind the end and much more, and UTF-16.
    """
    document = document.replace(b"\0", b"")
    if not document.lstrip(_BLANK).startswith(_BEGINNINGS):
        return
    try:
        yield from strings_at(parse_json(document), path)
    except ValueError:
        text = unescape(document).decode(errors="replace")
        yield from _WORD.findall(text)
        yield from _QUOTES.split(text)


def objects_in(tree: Any) -> list[JsonObject]:
    """Return the objects of a parsed document that are in no other: a list is each of its items."""
    found: list[JsonObject] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, JsonObject):
            found.append(node)
        elif isinstance(node, list):
            todo.extend([it for it in reversed(node) if it and isinstance(it, list)])
    return found


def strings_at(tree: Any, path: str) -> Iterator[str]:
    """Yield each text, if it is not empty, and each number at a dotted path of a parsed document.

    A key may hold dots itself (`https://example.com/region`): the whole rest of the path is tried
    as one key before it is split. A list on the way stands for each of its items. Case does not
    count, nor does `_` in the place of `-`: to some servers, it does not either.
    """
    todo: list[tuple[Any, str | None]] = [(tree, fold_key(path))]
    while todo:
        node, rest = todo.pop()
        if isinstance(node, JsonObject):
            todo.extend(reversed([*_below(node, rest)]))
        elif isinstance(node, list):
            items = node if rest is None else [it for it in node if isinstance(it, list)]
            todo.extend([(it, rest) for it in reversed(items)])
        elif isinstance(node, str) and rest is None and (text := node.strip()):
            yield text


def _nesting(document: bytes) -> int:
    """Return how deep a JSON document is nested at most; exact if that is more than is read."""
    bound = document.count(b"[") + document.count(b"{")
    if bound <= MAX_NESTING:
        return bound
    # Without escapes, every other piece between quotes is outside of a string. One string that does
    # not end takes the rest of the text with it, so the work grows with the text alone.
    plain = document.replace(b"\\\\", b"").replace(b'\\"', b"")
    depth = deepest = 0
    for byte in b"".join(plain.split(b'"')[::2]):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _below(node: JsonObject, path: str | None) -> Iterator[tuple[Any, str | None]]:
    """Yield what a path leads to, with what is left of the path."""
    if path is None:
        return
    head, _, rest = path.partition(".")
    for name, value in node:
        key = fold_key(name)
        if key == path:
            yield value, None
        elif key == head:
            yield value, rest


def fold_key(name: str) -> str:
    """Return one spelling of a key of JSON for all that some server takes for the same.

    Go takes `\u017f` for an `s`, and the sign of the kelvin for a `k`, which `lower` does too.
    """
    return name.lower().replace("-", "_").replace("\u017f", "s")
