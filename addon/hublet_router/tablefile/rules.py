"""The credential rules of a table: where each looks, and how it names its Hublet."""

import re
import warnings
from collections.abc import Callable, Iterable

from ..core.lookup import Rule
from ..core.places import Cookie, Form, Header, Host, Json, Path, Place, Query
from ..core.readers import Base64, Jwt, Protobuf, Reader, Regex
from ..core.request import fold_field
from ..regex_bounds.cost import slow
from ..regex_bounds.graph import literal_start
from ..regex_bounds.portable import ambiguous
from .errors import Faults
from .structure import Section, Text

_NO_HOST = (
    "HTTP/2 has no header 'host', so this would miss some requests; write host: PATTERN instead of"
    " header: host, which sees the host whatever the protocol"
)
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")  # "\\b" in double quotes is a backspace


def parse_rules(faults: Faults, sections: Iterable[Section]) -> tuple[Rule, ...]:
    """Return the rules of a list, in order."""
    rules: dict[str, Rule] = {}
    for section in sections:
        reader = parse_reader(faults, section.section("hublet"))
        name: Text | None = section.get("name")
        if name and name.value in rules:
            faults.add(name.at, f"rule '{name.value}' is defined twice; rename one")
        label = section.text("name")
        rule = parse_rule(faults, label, section, section.section("in"), reader)
        if rule and label:
            rules[label] = rule
    return tuple(rules.values())


def parse_rule(
    faults: Faults, name: str, section: Section, where: Section, reader: Reader | None
) -> Rule | None:
    """Return the rule that looks at the places that `where` names, on the paths of a section."""
    places = _places(faults, where)
    paths = parse_pattern(faults, section.get("paths"), "'paths'")
    if "paths" not in section and any(place.in_body for place in places):
        faults.add(where.at, "a rule that reads a body needs 'paths'; say which have one")
    if not (places and reader):
        return None
    prefix = literal_start(paths).lower() if paths else ""
    return Rule(name, places, reader, paths and any_case(paths), prefix, section.at)


def _places(faults: Faults, where: Section) -> tuple[Place, ...]:
    if path := parse_pattern(faults, where.get("path"), "'path'", groups=1):
        return (Path(any_case(path), literal_start(path).lower()),)
    if host := parse_pattern(faults, where.get("host"), "'host'", groups=1):
        return (Host(host),)
    scheme = where.text("scheme").lower() or None
    named: dict[str, Callable[[str], Place]] = {
        "header": lambda name: Header(fold_field(name), scheme),
        "query": Query,
        "cookie": Cookie,
        "form": Form,
        "json": Json,
    }
    places: list[Place] = []
    for kind, place_of in named.items():
        for name in where.get(kind) or ():
            if kind == "header" and name.value.lower() == "host":
                faults.add(name.at, _NO_HOST)
            place = place_of(name.value)
            if place in places:
                faults.add(name.at, f"'{name.value}' is named twice; keep one")
            places.append(place)
    return tuple(places)


def parse_reader(faults: Faults, how: Section) -> Reader | None:
    """Return the reader that a mapping has."""
    if field := how.text("protobuf"):
        return Protobuf(int(field))
    if claim := how.text("jwt"):
        return Jwt(claim)
    if regex := parse_pattern(faults, how.get("regex"), "'regex'", groups=1):
        return Regex(regex)
    of = parse_pattern(faults, how.get("of"), "'of'", groups=1)
    base64 = parse_pattern(faults, how.get("base64"), "'base64'", groups=1)
    return Base64(base64, of) if base64 else None


def any_case(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """Return a pattern on the path for any case: some servers route `/OAUTH/` as `/oauth/`."""
    return re.compile(pattern.pattern, pattern.flags | re.IGNORECASE)


def parse_pattern(
    faults: Faults, text: Text | None, what: str, groups: int | None = None
) -> re.Pattern[str] | None:
    """Return a regular expression of bounded work; with `groups`, one that has just so many."""
    if text is None:
        return None
    if fault := _fault(text.value, groups):
        faults.add(text.at, f"{what} {fault}")
        return None
    return re.compile(text.value)


def _fault(pattern: str, groups: int | None) -> str | None:
    if found := _CONTROL.search(pattern):
        return (
            f"holds {found[0]!a}, a control character, which no request has in a credential;"
            " in double quotes write \\\\ for each \\, or use single quotes"
        )
    try:
        with warnings.catch_warnings(action="error", category=FutureWarning):
            count = re.compile(pattern).groups  # a set in a set will mean something else one day
        reason, doubt = slow(pattern), ambiguous(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning) as error:
        return f"is not a regular expression: {error}"
    if groups is not None and count != groups:
        return (
            f"must have exactly one group, not {count}: put ( ) around the part that is wanted,"
            " and write (?: ) for every other group"
        )
    if reason:
        return f"can take a very long time on hostile text: {reason}"
    return doubt and f"does not mean the same to every engine: {doubt}"
