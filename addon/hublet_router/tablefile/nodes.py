"""YAML nodes with their positions: the ground that `parse` stands on.

PyYAML's nodes keep the line and column of each value, and keep `no`, `on` and `010` as they were
written, so that a fault can point at the file and say what YAML would have made of it.
"""

import difflib
import re
import warnings
from collections.abc import Iterable, Iterator

import yaml

from ..regex_bounds.cost import slow
from .errors import Fault

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_STRING = "tag:yaml.org,2002:str"
_READ_AS = {
    "bool": "a truth value",
    "int": "a number",
    "float": "a number",
    "null": "nothing",
    "timestamp": "a date",
}


def position(node: yaml.Node) -> tuple[int, int]:
    """Return the line and column where a node begins, as people count them."""
    return node.start_mark.line + 1, node.start_mark.column + 1


class Faults:
    """Collects what is wrong with a document, so that all of it is told at once.

    Each reader returns None (or nothing) where it told a fault, or where there is no node because
    an optional key is absent or a missing one was told already; its caller carries on.
    """

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def tell(self, node: yaml.Node | None, text: str) -> None:
        """Remember a fault at a node's position."""
        if node is not None:
            plain = text.encode(errors="backslashreplace").decode()  # YAML can hold lone surrogates
            self.found.append(Fault(*position(node), plain))

    def root(self, text: bytes) -> yaml.Node | None:
        """Return the document of a file."""
        try:
            # Not CSafeLoader: it ends the process (SIGSEGV) on a file that is nested too deep.
            document = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self.found.append(Fault(line, column, f"not YAML: {error.problem or error.context}"))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            sentence = " ".join(str(error).split()) or type(error).__name__
            self.found.append(Fault(1, 1, f"not YAML: {sentence}; save the file as UTF-8 text"))
        else:
            if document is not None:
                return document
            self.found.append(Fault(1, 1, "the file is empty; it must hold a table"))
        return None

    def mapping(
        self,
        node: yaml.Node | None,
        what: str,
        required: Iterable[str] = (),
        optional: Iterable[str] = (),
    ) -> dict[str, yaml.Node]:
        """Return the values of a mapping that has these keys and no other, none of them twice."""
        allowed = [*required, *optional]
        values: dict[str, yaml.Node] = {}
        for key, value, key_node in self.pairs(node, what):
            if key in allowed:
                values[key] = value
            else:
                near = difflib.get_close_matches(key, allowed, 1)
                mend = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(allowed)}"
                self.tell(key_node, f"unknown key '{key}' in {what}; {mend}")
        if isinstance(node, yaml.MappingNode):
            for key in required:
                if key not in values:
                    self.tell(node, f"{what} has no '{key}'; add it")
        return values

    def pairs(
        self, node: yaml.Node | None, what: str
    ) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """Yield (key, value, key's node) of a mapping whose keys are text, none of them twice."""
        if not isinstance(node, yaml.MappingNode):
            self.tell(node, f"{what} must be a mapping of keys to values")
            return
        seen: set[str] = set()
        for key_node, value in node.value:
            key = self.text(key_node, f"a key of {what}")
            if key is None:
                continue
            if key in seen:
                self.tell(key_node, f"'{key}' is defined twice in {what}; keep one")
                continue
            seen.add(key)
            yield key, value, key_node

    def items(self, node: yaml.Node | None, what: str, *, one: bool = False) -> list[yaml.Node]:
        """Return the items of a list that is not empty; with `one`, a lone value is a list too."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            if one and isinstance(node, yaml.ScalarNode):
                return [node]
            self.tell(node, f"{what} must be a list")
            return []
        if not node.value:
            self.tell(node, f"{what} is an empty list; name at least one")
        return list(node.value)

    def text(self, node: yaml.Node | None, what: str) -> str | None:
        """Return a text that YAML reads as text, and that is not empty."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            self.tell(node, f"{what} must be text")
        elif node.tag != _STRING:
            kind = _READ_AS.get(node.tag.rpartition(":")[2], f"a {node.tag}")
            mend = f'; write "{node.value}" in quotes' if node.value else "; write it in quotes"
            self.tell(node, f"{what} must be text, but YAML reads '{node.value}' as {kind}{mend}")
        elif not node.value:
            self.tell(node, f"{what} is empty; fill it in")
        else:
            return str(node.value)
        return None

    def name(self, node: yaml.Node | None, what: str) -> str | None:
        """Return a name of the table."""
        text = self.text(node, what)
        if text is not None and not _NAME.fullmatch(text):
            self.tell(node, f"{what} '{text}' may hold letters, digits, '-', '_' and '.' only")
            return None
        return text

    def choice[T: str](self, node: yaml.Node | None, what: str, choices: tuple[T, ...]) -> T | None:
        """Return one of some words."""
        text = self.text(node, what)
        for choice in choices:
            if text == choice:
                return choice
        if text is not None:
            self.tell(node, f"{what} is '{text}'; write {' or '.join(choices)}")
        return None

    def pattern(
        self, node: yaml.Node | None, what: str, groups: int | None = None
    ) -> re.Pattern[str] | None:
        """Return a regular expression of bounded work; with `groups`, one that has just so many."""
        text = self.text(node, what)
        if text is None:
            return None
        try:
            with warnings.catch_warnings(action="error", category=FutureWarning):
                pattern = re.compile(text)  # a set in a set will mean something else one day
            reason = slow(text)
        except (re.error, RecursionError, OverflowError, FutureWarning) as error:
            self.tell(node, f"{what} is not a regular expression: {error}")
            return None
        if groups is not None and pattern.groups != groups:
            self.tell(
                node,
                f"{what} must have exactly one group, not {pattern.groups}: put ( ) around the part"
                " that is wanted, and write (?: ) for every other group",
            )
            return None
        if reason:
            self.tell(node, f"{what} can take a very long time on hostile text: {reason}")
            return None
        return pattern
