"""The structure of a table: a YAML file checked against `hublets.schema.json`.

The schema is the only list of keys, kinds, words and patterns; editors read it too. A fault names a
part by its `title`, or by its key, and says what must be there by its `description`. This module
knows the keywords of JSON Schema that the schema uses, and no key of a table.
"""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from .errors import Faults, Position
from .yaml_file import compose

type Part = dict[str, Any]
"""A part of the schema."""

SCHEMA_FILE = Path(__file__).with_name("hublets.schema.json")
SCHEMA: Part = json.loads(SCHEMA_FILE.read_text("utf-8"))
_STRING = "tag:yaml.org,2002:str"
_BOOLEAN = "tag:yaml.org,2002:bool"
_MERGE = "tag:yaml.org,2002:merge"
_READ_AS = {
    "bool": "a truth value",
    "int": "a number",
    "float": "a number",
    "null": "nothing",
    "timestamp": "a date",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A text or number of the file, as it is written."""

    value: str
    at: Position


class Section(dict[str, Any]):
    """A mapping of the file: `Text`, a list or another `Section` for each key.

    A value that has a fault is None. A list lacks the items that have one.
    """

    def __init__(self, at: Position = (1, 1)) -> None:
        super().__init__()
        self.at = at
        self.key_at: dict[str, Position] = {}

    def section(self, key: str) -> "Section":
        """Return the mapping under that key, or an empty one."""
        return self.get(key) or Section()

    def text(self, key: str, default: str = "") -> str:
        """Return the text under that key; none is empty."""
        found: Text | None = self.get(key)
        return found.value if found else default


def read(faults: Faults, text: bytes) -> Section | None:
    """Return the table that a file holds, None if it holds no mapping."""
    node = compose(faults, text)
    table = Checker(faults).check(node, SCHEMA, SCHEMA["title"]) if node else None
    return cast(Section | None, table)


def _resolved(part: Part) -> Part:
    """Return the definition that a part refers to; draft-07 ignores what stands beside `$ref`."""
    while "$ref" in part:
        part = SCHEMA["definitions"][part["$ref"].rpartition("/")[2]]
    return part


def _position(node: yaml.Node) -> Position:
    """Return the line and column where a node begins, as people count them."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"


class Checker:
    """Checks nodes against parts of the schema; `what` names a node in its faults."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults

    def check(self, node: yaml.Node, part: Part, what: str) -> Any:
        """Return what a node holds, None if it has a fault."""
        part = _resolved(part)
        if "type" not in part:  # one value, or a list of such
            one, several = part["anyOf"]
            if not isinstance(node, yaml.ScalarNode):
                return self.check(node, several, what)
            value = self.check(node, one, what)
            return [value] if value else None
        match part["type"]:
            case "object":
                return self._mapping(node, part, what)
            case "array":
                return self._list(node, part, what)
            case "boolean":
                return self._boolean(node, what)
            case _:
                return self._text(node, part, what)

    def _mapping(self, node: yaml.Node, part: Part, what: str) -> Section | None:
        if not isinstance(node, yaml.MappingNode):
            self._add(node, f"{what} must be a mapping of keys to values")
            return None
        section = Section(_position(node))
        known, others = part.get("properties", {}), part["additionalProperties"]
        names = part.get("propertyNames", {"type": "string"})
        for key_node, value in node.value:
            key = self._text(key_node, names, f"a key of {what}")
            if key is None:
                continue
            name = key.value
            if name in section.key_at:
                self._add(key_node, f"'{name}' is defined twice in {what}; keep one")
                continue
            section.key_at[name] = key.at
            if name in known:
                title = _resolved(known[name]).get("title", f"'{name}' of {what}")
                section[name] = self.check(value, known[name], title)
            elif others:
                title = _resolved(others)["title"]
                section[name] = self.check(value, others, f"{title} '{name}'")
            else:
                self._add(key_node, f"unknown key '{name}' in {what}; {_near(name, known)}")
        return section if self._is_complete(section, node, part, what) else None

    def _is_complete(self, section: Section, node: yaml.Node, part: Part, what: str) -> bool:
        """Report missing keys; return False where a choice of keys leaves open what is meant."""
        for key in part.get("required", ()):
            if key not in section:
                self._add(node, f"{what} has no '{key}'; add it")
        if len(node.value) < part.get("minProperties", 0):
            self._add(node, f"{what} is empty; name at least one")
        for keyword, number in (("oneOf", "exactly one"), ("anyOf", "at least one")):
            choices = [choice["required"][0] for choice in part.get(keyword, ())]
            given = [key for key in choices if key in section]
            if choices and (not given or (keyword == "oneOf" and len(given) > 1)):
                self._add(node, f"{what} must hold {number} of {', '.join(choices)}")
                return False
        for key, (needed,) in part.get("dependencies", {}).items():
            if key in section and needed not in section:
                self.faults.add(section.key_at[key], f"'{key}' belongs to '{needed}'; remove it")
        return True

    def _list(self, node: yaml.Node, part: Part, what: str) -> list[Any] | None:
        if not isinstance(node, yaml.SequenceNode):
            self._add(node, f"{what} must be a list")
            return None
        if not node.value:
            self._add(node, f"{what} is an empty list; name at least one")
        title = _resolved(part["items"]).get("title", what)
        items = [self.check(item, part["items"], title) for item in node.value]
        return [item for item in items if item is not None]

    def _text(self, node: yaml.Node, part: Part, what: str) -> Text | None:
        """Read a text, or a number as it is written: YAML would take 011 for 9."""
        part = _resolved(part)
        is_number = "integer" in part["type"]
        if not isinstance(node, yaml.ScalarNode):
            self._add(node, f"{what} must be {part['description'] if is_number else 'text'}")
        elif not node.value:
            self._add(node, f"{what} is empty; fill it in")
        elif node.tag == _MERGE:
            self._add(node, f"'{node.value}' adds no keys to a table; write them out")
        elif node.tag != _STRING and not (
            is_number and ("pattern" in part or node.value.isdecimal())
        ):
            self._add(node, f"{what} must be text, but YAML reads {_misread(node)}")
        elif node.value not in part.get("enum", [node.value]):
            self._add(node, f"{what} is '{node.value}'; write {' or '.join(part['enum'])}")
        elif not _fits(node.value, part):
            self._add(node, f"{what} must be {part['description']}")
        else:
            return Text(str(node.value), _position(node))
        return None

    def _boolean(self, node: yaml.Node, what: str) -> Text | None:
        """Read true or false; `no` and `off` are truth values to some readers of YAML only."""
        if node.tag == _BOOLEAN and node.value in {"true", "false"}:
            return Text(str(node.value), _position(node))
        self._add(node, f"{what} must be true or false")
        return None

    def _add(self, node: yaml.Node, text: str) -> None:
        self.faults.add(_position(node), text)


def _misread(node: yaml.ScalarNode) -> str:
    kind = _READ_AS.get(node.tag.rpartition(":")[2], f"a {node.tag}")
    return f"'{node.value}' as {kind}; write \"{node.value}\" in quotes"


def _fits(text: str, part: Part) -> bool:
    """Return whether a text matches the pattern of a part, and a number is in its range."""
    # Python's $ also matches before a newline at the end; that of JSON Schema does not.
    pattern = re.sub(r"\$$", r"\\Z", part.get("pattern", ""))
    if not re.search(pattern, text):
        return False
    return "maximum" not in part or part["minimum"] <= int(text) <= part["maximum"]
