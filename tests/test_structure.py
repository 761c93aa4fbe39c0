from typing import Any

import pytest

from cases import cases
from hublet_router.tablefile.errors import Faults
from hublet_router.tablefile.structure import Checker, Section, Text, read
from hublet_router.tablefile.yaml_file import compose

TEXT = {"type": "string", "minLength": 1}


def reported(faults: Faults) -> list[str]:
    return [f"{fault.line}:{fault.column}: {fault.text}" for fault in faults.found]


def checked(text: str, part: dict[str, Any]) -> tuple[Any, list[str]]:
    """Check a document against a part of a schema; return its value and its faults."""
    faults = Faults()
    node = compose(faults, text.encode())
    assert node
    return Checker(faults).check(node, part, part.get("title", "'x'")), reported(faults)


def plain(value: Any) -> Any:
    """Return a value without its positions."""
    if isinstance(value, Section):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.value if isinstance(value, Text) else value


RULE = {
    "title": "a rule",
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "in"],
    "properties": {"name": TEXT, "in": TEXT, "paths": {"title": "the paths", **TEXT}},
}
NO_MAPPING = "1:1: a rule must be a mapping of keys to values"


@cases(
    ("text", "keys", "sentences"),
    {
        "required": ("name: a\nin: b", ["name", "in"], []),
        "optional": ("paths: a\nname: a\nin: b", ["paths", "name", "in"], []),
        "one is missing": ("in: b", ["in"], ["1:1: a rule has no 'name'; add it"]),
        "both are missing": (
            "{}",
            [],
            ["1:1: a rule has no 'name'; add it", "1:1: a rule has no 'in'; add it"],
        ),
        "a fault in a value": (
            "name: a\nin: ''",
            ["name", "in"],
            ["2:5: 'in' of a rule is empty; fill it in"],
        ),
        "a value with a title": (
            "name: a\nin: b\npaths: []",
            ["name", "in", "paths"],
            ["3:8: the paths must be text"],
        ),
        "nearly right": (
            "name: a\nin: b\npath: c",
            ["name", "in"],
            ["3:1: unknown key 'path' in a rule; did you mean 'paths'?"],
        ),
        "far off": (
            "name: a\nin: b\ncolour: c",
            ["name", "in"],
            ["3:1: unknown key 'colour' in a rule; known are name, in, paths"],
        ),
        "twice": (
            "name: a\nin: b\nname: c",
            ["name", "in"],
            ["3:1: 'name' is defined twice in a rule; keep one"],
        ),
        "unknown, twice": (
            "name: a\nin: b\nzzz: c\nzzz: c",
            ["name", "in"],
            [
                "3:1: unknown key 'zzz' in a rule; known are name, in, paths",
                "4:1: 'zzz' is defined twice in a rule; keep one",
            ],
        ),
        "a key that is not text": (
            "{name: a, in: b, on: c}",
            ["name", "in"],
            [
                "1:18: a key of a rule must be text, but YAML reads 'on' as a truth value;"
                ' write "on" in quotes'
            ],
        ),
        "a key that is a list": (
            "{name: a, in: b, [c]: d}",
            ["name", "in"],
            ["1:18: a key of a rule must be text"],
        ),
        "a merge key": (
            "{name: a, in: b, <<: {c: d}}",
            ["name", "in"],
            ["1:18: '<<' adds no keys to a table; write them out"],
        ),
        "a list": ("[a]", [], [NO_MAPPING]),
        "text": ("a", [], [NO_MAPPING]),
    },
)
def test_mappings_with_fixed_keys(text: str, keys: list[str], sentences: list[str]) -> None:
    section, faults = checked(text, RULE)

    assert (list(section or ()), faults) == (keys, sentences)


def test_a_section_keeps_positions_and_the_first_of_two_values() -> None:
    section, _ = checked("name: a\nname: b\nin:  c", RULE)

    assert section == {"name": Text("a", (1, 7)), "in": Text("c", (3, 6))}
    assert (section.at, section.key_at) == ((1, 1), {"name": (1, 1), "in": (3, 1)})


def test_a_key_without_a_text_gives_an_empty_one() -> None:
    section = Section()
    section["name"] = Text("x", (1, 1))
    assert (section.text("name"), section.text("else"), section.text("else", "y")) == ("x", "", "y")


def test_a_key_without_a_mapping_gives_an_empty_section() -> None:
    section, _ = checked("{a: {b: c}, d: }", {**ANY, "additionalProperties": ANY})

    assert section.section("a") == {"b": Text("c", (1, 9))}
    assert section.section("d") == section.section("e") == {}


ANY = {
    "title": "entry",
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"type": "string", "pattern": "^[a-z]+$", "description": "letters"},
    "additionalProperties": {"title": "entry", **TEXT},
}
NUMBERED = {**ANY, "propertyNames": {"type": ["integer", "string"]}}


@cases(
    ("text", "part", "values", "sentences"),
    {
        "any keys": ("{a: b, c: d}", ANY, {"a": "b", "c": "d"}, []),
        "none": ("{}", ANY, {}, ["1:1: entry is empty; name at least one"]),
        "pattern": ("{a: b, C: d}", ANY, {"a": "b"}, ["1:8: a key of entry must be letters"]),
        "a value that is nothing": (
            "{a: }",
            ANY,
            {"a": None},
            ["1:4: entry 'a' is empty; fill it in"],
        ),
        "numbers": ("{7: b, 007: c}", NUMBERED, {"7": "b", "007": "c"}, []),
        "a number that is not only digits": (
            "{1_000: b}",
            NUMBERED,
            {},
            [
                "1:2: a key of entry must be text, but YAML reads '1_000' as a number;"
                ' write "1_000" in quotes'
            ],
        ),
    },
)
def test_mappings_with_any_keys(
    text: str, part: dict[str, Any], values: dict[str, Any], sentences: list[str]
) -> None:
    section, faults = checked(text, part)

    assert (plain(section), faults) == (values, sentences)


CHOICE = {
    "title": "a place",
    "type": "object",
    "additionalProperties": False,
    "oneOf": [{"required": ["header"]}, {"required": ["query"]}],
    "dependencies": {"scheme": ["header"]},
    "properties": {"header": TEXT, "query": TEXT, "scheme": TEXT},
}
AT_LEAST = {**CHOICE, "oneOf": [], "anyOf": CHOICE["oneOf"]}
ONE_OF = "1:1: a place must hold exactly one of header, query"


@cases(
    ("text", "part", "is_taken", "sentences"),
    {
        "one": ("{header: a}", CHOICE, True, []),
        "one with what it allows": ("{header: a, scheme: b}", CHOICE, True, []),
        "none": ("{}", CHOICE, False, [ONE_OF]),
        "two": ("{header: a, query: b}", CHOICE, False, [ONE_OF]),
        "only what depends on one": ("{scheme: a}", CHOICE, False, [ONE_OF]),
        "what depends on another": (
            "{query: a, scheme: b}",
            CHOICE,
            True,
            ["1:12: 'scheme' belongs to 'header'; remove it"],
        ),
        "both, where one is needed": ("{header: a, query: b}", AT_LEAST, True, []),
        "none, where one is needed": (
            "{}",
            AT_LEAST,
            False,
            ["1:1: a place must hold at least one of header, query"],
        ),
    },
)
def test_choices_of_keys(
    text: str, part: dict[str, Any], is_taken: bool, sentences: list[str]
) -> None:
    section, faults = checked(text, part)

    assert (section is not None, faults) == (is_taken, sentences)


LIST = {"type": "array", "minItems": 1, "items": TEXT}
ONE_OR_MORE = {"anyOf": [TEXT, LIST]}


@cases(
    ("text", "part", "value", "sentences"),
    {
        "list": ("[a, b]", LIST, ["a", "b"], []),
        "list where one would do": ("[a, b]", ONE_OR_MORE, ["a", "b"], []),
        "one": ("a", ONE_OR_MORE, ["a"], []),
        "one, empty": ("''", ONE_OR_MORE, None, ["1:1: 'x' is empty; fill it in"]),
        "not a list": ("a", LIST, None, ["1:1: 'x' must be a list"]),
        "a mapping": ("{a: b}", LIST, None, ["1:1: 'x' must be a list"]),
        "nor is it one": ("{a: b}", ONE_OR_MORE, None, ["1:1: 'x' must be a list"]),
        "empty": ("[]", LIST, [], ["1:1: 'x' is an empty list; name at least one"]),
        "an item with a fault": ("[a, [b]]", LIST, ["a"], ["1:5: 'x' must be text"]),
        "items with a title": (
            "[[b]]",
            {**LIST, "items": {"title": "an item", **TEXT}},
            [],
            ["1:2: an item must be text"],
        ),
    },
)
def test_lists(text: str, part: dict[str, Any], value: Any, sentences: list[str]) -> None:
    found, faults = checked(text, part)

    assert (plain(found), faults) == (value, sentences)


def misread(value: str, kind: str) -> list[str]:
    fix = f'write "{value}" in quotes' if value else "write it in quotes"
    return [f"1:1: 'x' must be text, but YAML reads '{value}' as {kind}; {fix}"]


@pytest.mark.parametrize(
    ("text", "value", "sentences"),
    [
        ("eu1", "eu1", []),
        ('"no"', "no", []),
        ("'010'", "010", []),
        ("!!str 9", "9", []),
        ("y", "y", []),
        ("1e1", "1e1", []),
        ("no", None, misread("no", "a truth value")),
        ("on", None, misread("on", "a truth value")),
        ("Yes", None, misread("Yes", "a truth value")),
        ("false", None, misread("false", "a truth value")),
        ("010", None, misread("010", "a number")),
        ("0x1f", None, misread("0x1f", "a number")),
        ("1_000", None, misread("1_000", "a number")),
        ("22:22", None, misread("22:22", "a number")),
        ("1.5", None, misread("1.5", "a number")),
        (".inf", None, misread(".inf", "a number")),
        ("~", None, misread("~", "nothing")),
        ("null", None, misread("null", "nothing")),
        ("!!null ''", None, ["1:1: 'x' is empty; fill it in"]),
        ("2026-11-23", None, misread("2026-11-23", "a date")),
        ("=", None, misread("=", "a tag:yaml.org,2002:value")),
        ("!region eu1", None, misread("eu1", "a !region")),
        ('""', None, ["1:1: 'x' is empty; fill it in"]),
        ("[a]", None, ["1:1: 'x' must be text"]),
        ("{a: b}", None, ["1:1: 'x' must be text"]),
    ],
)
def test_text(text: str, value: str | None, sentences: list[str]) -> None:
    found, faults = checked(text, TEXT)

    assert (plain(found), faults) == (value, sentences)


@pytest.mark.parametrize(
    ("text", "value", "sentences"),
    [
        ("default", "default", []),
        ("refuse", "refuse", []),
        ("refused", None, ["1:1: 'x' is 'refused'; write default or refuse"]),
        ("REFUSE", None, ["1:1: 'x' is 'REFUSE'; write default or refuse"]),
        ("off", None, misread("off", "a truth value")),
        ("[refuse]", None, ["1:1: 'x' must be text"]),
    ],
)
def test_words(text: str, value: str | None, sentences: list[str]) -> None:
    found, faults = checked(text, {"type": "string", "enum": ["default", "refuse"]})

    assert (plain(found), faults) == (value, sentences)


@pytest.mark.parametrize(
    ("text", "value"), [("ab", "ab"), ("aB", None), ("'ab\\n'", None), ('"ab\\n"', None)]
)
def test_a_pattern_ends_at_the_end_of_the_text(text: str, value: str | None) -> None:
    part = {"type": "string", "pattern": "^[a-z]+$", "description": "letters"}

    expected = [] if value else ["1:1: 'x' must be letters"]
    found, faults = checked(text, part)
    assert (plain(found), faults) == (value, expected)


NUMBER = {
    "description": "a number from 1 to 20",
    "type": ["integer", "string"],
    "minimum": 1,
    "maximum": 20,
    "pattern": "^[1-9][0-9]*$",
}


@pytest.mark.parametrize("text", ["1", "20", "'9'"])
def test_numbers(text: str) -> None:
    found, faults = checked(text, NUMBER)

    assert (plain(found), faults) == (text.strip("'"), [])


@pytest.mark.parametrize("text", ["0", "011", "21", "'21'", "-9", "9.0", "nine", "~", "no", "0x9"])
def test_numbers_are_read_as_they_are_written(text: str) -> None:
    assert checked(text, NUMBER) == (None, ["1:1: 'x' must be a number from 1 to 20"])


@pytest.mark.parametrize(
    ("text", "fault"), [("[9]", "must be a number from 1 to 20"), ("''", "is empty; fill it in")]
)
def test_what_is_not_a_number_at_all(text: str, fault: str) -> None:
    assert checked(text, NUMBER) == (None, [f"1:1: 'x' {fault}"])


def test_read_checks_against_the_schema_of_the_table() -> None:
    faults = Faults()

    assert plain(read(faults, b"default: a")) == {"default": "a"}
    assert reported(faults) == [
        f"1:1: the table has no '{key}'; add it" for key in ("domains", "hublets", "credentials")
    ]


@pytest.mark.parametrize("text", [b"", b"[a]"])
def test_read_returns_nothing_where_there_is_no_mapping(text: bytes) -> None:
    faults = Faults()

    assert read(faults, text) is None
    assert len(faults.found) == 1


def test_a_truth_value_is_true_or_false() -> None:
    faults = Faults()
    hublets = plain(read(faults, b"hublets: {a: {http2: true}, b: {http2: off}}"))["hublets"]

    assert hublets == {"a": {"http2": "true"}, "b": {"http2": None}}
    assert "1:40: 'http2' of Hublet 'b' must be true or false" in reported(faults)
