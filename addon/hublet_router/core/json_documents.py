"""JSON: every key and value that some server could take, read in linear time."""

import json
from collections.abc import Iterator
from typing import Any

MAX_NESTING = 1000
"""Levels of a JSON document that are read. It bounds the parser's recursion, so that no result
depends on how deep the caller stands; a deeper document names nothing, as to most servers."""

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
        return json.loads(
            document.decode("utf-8-sig"),  # of bytes, it would take UTF-16 as well
            object_pairs_hook=JsonObject,
            parse_int=JsonNumber,
            parse_float=_number,
            parse_constant=_refuse_constant,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_json_leniently(document: bytes) -> Any:
    """Parse the JSON with which a text begins, as Jackson and Python do; else raise ValueError.

    They read no further than its end, or take `NaN` for a number, or UTF-16 and UTF-32 for text.
    """
    document = document.replace(b"\0", b"").lstrip(b"\xfe\xff")
    if _nesting(document) > MAX_NESTING:
        raise ValueError("nested too deeply")
    return _LENIENT.raw_decode(document.decode("utf-8-sig", "replace").lstrip())[0]


_LENIENT = json.JSONDecoder(object_pairs_hook=JsonObject, parse_int=JsonNumber, parse_float=_number)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def json_strings(document: bytes, path: str) -> Iterator[str]:
    """Yield each text or number at a dotted path; nothing if the document is not JSON."""
    try:
        tree = parse_json(document)
    except ValueError:
        return
    yield from strings_at(tree, path)


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
            for item in reversed(items):
                if isinstance(item, JsonObject):
                    todo.extend(reversed([*_below(item, rest)]))
                else:
                    todo.append((item, rest))
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
    head, dot, rest = path.partition(".")
    for name, value in node:
        key = fold_key(name)
        if key == path:
            yield value, None
        elif dot and key == head:
            yield value, rest


def fold_key(name: str) -> str:
    """Return one spelling of a key of JSON for all that some server takes for the same."""
    return name.lower().replace("-", "_")
