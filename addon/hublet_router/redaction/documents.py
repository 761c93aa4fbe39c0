"""JSON texts, changed value by value and else left as they were written."""

import json
import re
from collections.abc import Callable

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*+")(\s*:)?|-?[0-9]+(?:\.[0-9]+)?([eE][+-]?[0-9]+)?|[\[\]{}]')
_LEADING_ZERO = re.compile("^(-?)0(?=[0-9])")


def rewritten(
    document: str,
    value: Callable[[tuple[str, ...], str], str],
    name: Callable[[str], str] = str,
) -> str:
    """Return a JSON text in which each string and number is what `value` makes of it.

    It is also given the keys above it. What it makes of a number may have other digits in the
    place of the old ones; duplicate keys and white space stay. Raise ValueError for what is no
    JSON.
    """
    try:
        json.loads(document, parse_int=float)  # int() raises on a number of 5,000 digits
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    path = [""]

    def token(found: re.Match[str]) -> str:
        text, string, is_key, exponent = found[0], found[1], found[2], found[3]
        if text in {"{", "["}:
            path.append("")
        elif text in {"}", "]"}:
            path.pop()
        elif string is None:
            new = value(tuple(path), text)
            return text if new == text else "0" if exponent else as_number(new)
        else:
            plain = json.loads(string)
            new = name(plain) if is_key else value(tuple(path), plain)
            if is_key:
                path[-1] = plain
            return text if new == plain else json.dumps(new) + (is_key or "")
        return text

    return _TOKEN.sub(token, document)


def as_number(digits: str) -> str:
    """Return a number without the leading zero that JSON forbids."""
    return _LEADING_ZERO.sub(r"\g<1>1", digits)
