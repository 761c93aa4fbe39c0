"""The credential rules of a table: where each looks, and how it names its Hublet."""

import re
from collections.abc import Callable

import yaml

from ..core.lookup import Rule
from ..core.places import Cookie, Form, Header, Json, Path, Place, Query
from ..core.readers import Base64, Jwt, Protobuf, Reader, Regex
from ..regex_bounds.graph import literal_start
from .nodes import Faults, position

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 section 5.6.2
_NAMED_PLACES: dict[str, Callable[[str], Place]] = {
    "query": Query,
    "cookie": Cookie,
    "form": Form,
    "json": Json,
}
_PLACES = ("header", *_NAMED_PLACES, "path")
_READERS = ("regex", "protobuf", "jwt", "base64")


def parse_rules(faults: Faults, node: yaml.Node | None) -> tuple[Rule, ...]:
    """Return the rules of a list, in order."""
    rules: dict[str, Rule] = {}
    for item in faults.items(node, "'credentials'"):
        keys = faults.mapping(
            item, "a credential rule", required=("name", "in", "hublet"), optional=("paths",)
        )
        name = faults.name(keys.get("name"), "the name of a rule")
        places = _places(faults, keys.get("in"))
        reader = _reader(faults, keys.get("hublet"))
        paths = faults.pattern(keys.get("paths"), "'paths'")
        if "paths" not in keys and any(place.in_body for place in places):
            faults.tell(keys["in"], "a rule that reads a body needs 'paths'; say which have one")
        if name in rules:
            faults.tell(keys["name"], f"rule '{name}' is defined twice; rename one")
        if name and places and reader:
            prefix = literal_start(paths).lower() if paths else ""
            paths = any_case(paths) if paths else None
            rules[name] = Rule(name, places, reader, paths, prefix, position(item))
    return tuple(rules.values())


def _places(faults: Faults, node: yaml.Node | None) -> tuple[Place, ...]:
    keys = faults.mapping(node, "'in'", optional=(*_PLACES, "scheme"))
    given = [kind for kind in _PLACES if kind in keys]
    if node is None or len(given) != 1:
        faults.tell(node, f"'in' must hold exactly one of {', '.join(_PLACES)}")
        return ()
    (kind,) = given
    scheme = faults.text(keys.get("scheme"), "'scheme'")
    if scheme and kind != "header":
        faults.tell(keys["scheme"], f"'scheme' belongs to a header, not to a {kind}; take it out")
    elif scheme and not _TOKEN.fullmatch(scheme):
        faults.tell(keys["scheme"], f"no header can have the scheme '{scheme}'; mend it")
    if kind == "path":
        path = parse_path(faults, keys[kind])
        return (path,) if path else ()
    places: list[Place] = []
    for item in faults.items(keys[kind], f"'{kind}'", one=True):
        name = faults.text(item, f"'{kind}'")
        if name is None:
            continue
        if kind == "header":
            tell_header(faults, item, name)
        place = (
            Header(name.lower(), scheme.lower() if scheme else None)
            if kind == "header"
            else _NAMED_PLACES[kind](name)
        )
        if place in places:
            faults.tell(item, f"'{name}' stands there twice; keep one")
        places.append(place)
    return tuple(places)


def tell_header(faults: Faults, node: yaml.Node | None, name: str) -> None:
    """Tell a name that no header can have (RFC 9110 section 5.1)."""
    if not _TOKEN.fullmatch(name):
        faults.tell(node, f"no header can have the name '{name}'; mend it")


def parse_path(faults: Faults, node: yaml.Node | None) -> Path | None:
    """Return the place that a pattern on the path finds."""
    pattern = faults.pattern(node, "'path'", groups=1)
    return Path(any_case(pattern), literal_start(pattern).lower()) if pattern else None


def any_case(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """Return a pattern on the path for any case: some servers route `/OAUTH/` as `/oauth/`."""
    return re.compile(pattern.pattern, pattern.flags | re.IGNORECASE)


def _reader(faults: Faults, node: yaml.Node | None) -> Reader | None:
    keys = faults.mapping(node, "'hublet'", optional=(*_READERS, "of"))
    of = faults.pattern(keys.get("of"), "'of'", groups=1)
    given = {kind: value for kind, value in keys.items() if kind in _READERS}
    if node is None or len(given) != 1:
        faults.tell(node, f"'hublet' must hold exactly one of {', '.join(_READERS)}")
        return None
    ((kind, value),) = given.items()
    if "of" in keys and kind != "base64":
        faults.tell(keys["of"], f"'of' belongs to base64, not to {kind}; take it out")
    match kind:
        case "protobuf":
            return parse_field(faults, value)
        case "jwt":
            claim = faults.text(value, "'jwt'")
            return Jwt(claim) if claim else None
        case _:
            pattern = faults.pattern(value, f"'{kind}'", groups=1)
            if pattern is None:
                return None
            return Regex(pattern) if kind == "regex" else Base64(pattern, of)


def parse_field(faults: Faults, node: yaml.Node | None) -> Protobuf | None:
    """Return the reader of a protobuf field."""
    # YAML would read 011 as 9, so the digits themselves are looked at.
    if isinstance(node, yaml.ScalarNode) and re.fullmatch("[1-9][0-9]{0,8}", node.value):
        number = int(node.value)
        if number < 1 << 29:
            return Protobuf(number)
    faults.tell(node, "'protobuf' must be the number of a field, like 9")
    return None
