"""Whether a pattern means the same wherever its table is used."""

import re
from typing import Any

from .tree import parse, parts


def ambiguous(pattern: str) -> str | None:
    """Return what engines disagree on in a pattern that compiles, and what to change, or None.

    CPython is among them. `(?a:(\\S))\\b` finds another text by `search` than by `match`, which
    forgets the scope of `(?a:`; a group in a repeat can end in `SystemError: The span of capturing
    group is wrong`. (Both with 3.13.0.)
    """
    return _ambiguous(parse(pattern), is_repeated=False)


def _ambiguous(items: Any, is_repeated: bool) -> str | None:
    for op, value in items:
        name = str(op)
        if name == "SUBPATTERN":
            group, more, _, _ = value
            if group and is_repeated:
                return "a repeat holds a group; write (?: ) in it, or put the repeat in the group"
            if more & (re.ASCII | re.UNICODE):
                return "(?a: ) and (?u: ) hold for a part of it; begin it with (?a) instead"
        again = is_repeated or (name.endswith("REPEAT") and value[1] > 1)
        for part in parts(name, value):
            if doubt := _ambiguous(part, again):
                return doubt
    return None
