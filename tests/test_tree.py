"""The parse tree of the standard library, and what its nodes read."""

import re
import sys
from typing import Any

import pytest

from hublet_router.regex_bounds import tree as parse_tree
from hublet_router.regex_bounds.tree import (
    ANY,
    REST,
    SPACES,
    START,
    character_class,
    parse,
    parts,
    reads,
)


# The parser is private to the standard library. Where this fails, Python has changed it: look at
# what `regex_bounds` makes of the new tree before anything else.
@pytest.mark.parametrize(
    ("pattern", "tree"),
    [
        ("a[^b]", "[(LITERAL, 97), (NOT_LITERAL, 98)]"),
        (r"[^b-d\d]", "[(IN, [(NEGATE, None), (RANGE, (98, 100)), (CATEGORY, CATEGORY_DIGIT)])]"),
        (r"\W", "[(IN, [(CATEGORY, CATEGORY_NOT_WORD)])]"),
        ("(?s).", "[(ANY, None)]"),
        (r"(?m)^\A$", "[(AT, AT_BEGINNING), (AT, AT_BEGINNING_STRING), (AT, AT_END)]"),
        ("a*", "[(MAX_REPEAT, (0, MAXREPEAT, [(LITERAL, 97)]))]"),
        ("a{2,3}?", "[(MIN_REPEAT, (2, 3, [(LITERAL, 97)]))]"),
        ("a++", "[(POSSESSIVE_REPEAT, (1, MAXREPEAT, [(LITERAL, 97)]))]"),
        ("(?i:a)", f"[(SUBPATTERN, (None, {int(re.I)}, 0, [(LITERAL, 97)]))]"),
        ("(?>a)", "[(ATOMIC_GROUP, [(LITERAL, 97)])]"),
        ("ab|c", "[(BRANCH, (None, [[(LITERAL, 97), (LITERAL, 98)], [(LITERAL, 99)]]))]"),
        ("(?=a)", "[(ASSERT, (1, [(LITERAL, 97)]))]"),
        ("(?<!a)", "[(ASSERT_NOT, (-1, [(LITERAL, 97)]))]"),
        (r"(a)\1", "[(SUBPATTERN, (1, 0, 0, [(LITERAL, 97)])), (GROUPREF, 1)]"),
    ],
)
def test_the_parser_of_this_python_gives_the_trees_that_are_known(pattern: str, tree: str) -> None:
    assert repr(parse(pattern)) == tree


LATIN_1 = [*map(chr, range(256))]
OTHERS = [*map(chr, range(256, sys.maxunicode + 1))]
OTHER_SPACES = "".join(filter(str.isspace, OTHERS))
OTHERS_BUT_SPACES = "".join([it for it in OTHERS if not it.isspace()])


@pytest.mark.parametrize("flags", ["", "(?i)", "(?a)", "(?ai)", "(?s)"])
@pytest.mark.parametrize(
    "one",
    [
        *["a", "k", "S", "i", "I", "-", "[^k]", "[a-z]", "[^a-z]", "[A-Z-]", "[0-9_]", "[^0-9]"],
        *[r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"[^\W\d]", r"[\s-]", r"[^\s]", "."],
        *[
            "é",
            "µ",
            "å",
            "ß",
            "ÿ",
            "[à-ÿ]",
            "\u212a",
            "\u017f",
            "\u0131",
            "\u0100",
            "[ÿ-\u0130]",
            "[^\u0130]",
        ],
        *[r"[\]\\^-]", "[^]]", r"\n"],
    ],
)
def test_a_set_is_never_too_small(flags: str, one: str) -> None:
    tree = parse(flags + one)
    ((op, value),) = tree
    read = reads(str(op), value, tree.state.flags, first=False) or 0

    found = re.findall(flags + one, "".join(LATIN_1))
    assert found == [it for it in LATIN_1 if read >> ord(it) & 1]
    assert read & SPACES or not re.search(flags + one, OTHER_SPACES)
    assert read & REST or not re.search(flags + one, OTHERS_BUT_SPACES)


NEWLINE = 1 << ord("\n")


@pytest.mark.parametrize(
    ("op", "value", "flags", "first", "read"),
    [
        ("ANY", None, 0, False, ANY - NEWLINE),
        ("ANY", None, re.DOTALL, False, ANY),
        ("END", None, 0, False, 0),
        ("AT", "AT_BEGINNING", 0, True, START),
        ("AT", "AT_BEGINNING", re.MULTILINE, True, START + NEWLINE),
        ("AT", "AT_BEGINNING_STRING", re.MULTILINE, True, START),
        ("AT", "AT_BEGINNING", 0, False, None),
        ("BRANCH", None, 0, False, None),
    ],
)
def test_nodes_that_are_no_class(
    op: str, value: str | None, flags: int, first: bool, read: int | None
) -> None:
    assert reads(op, value, flags, first) == read


@pytest.mark.parametrize(
    "pattern", ["(a)", "(?>a)", "(?=a)", "(?<!a)", "a*", "a+?", "a?+", "(?:a|a)", "(?:(?:(?>a)+)?)"]
)
def test_the_parts_of_a_node_are_found_down_to_its_literals(pattern: str) -> None:
    def literals(items: Any) -> set[str]:
        inner = [part for op, value in items for part in parts(str(op), value)]
        return {str(op) for op, _ in items if str(op) == "LITERAL"}.union(*map(literals, inner))

    assert literals(parse(pattern)) == {"LITERAL"}
    assert parts("LITERAL", 97) == []


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        (".", "."), ("a", r"[\U00000061-\U00000061]"), ("[^b]", r"[^\U00000062-\U00000062]"),
        (r"[\dx]", r"[\d\U00000078-\U00000078]"), ("^", None), ("(?:ab)?", None),
    ],
)  # fmt: skip
def test_a_class_is_written_anew(pattern: str, source: str | None) -> None:
    ((op, value),) = parse(pattern)
    assert character_class(str(op), value) == source


def test_characters_that_are_latin_1_in_another_case_are_all_known() -> None:
    outside = "".join(map(chr, range(0x100, sys.maxunicode + 1)))
    known = re.findall("(?i)[\0-\xff]", outside)
    assert known == list(parse_tree._LATIN_1_IN_ANOTHER_CASE)
