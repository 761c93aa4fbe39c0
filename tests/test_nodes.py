import subprocess
import sys
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hublet_router.tablefile.nodes import Faults


def told(faults: Faults) -> list[str]:
    return [f"{fault.line}:{fault.column}: {fault.text}" for fault in faults.found]


def read[T](text: str | bytes, how: Callable[[Faults, yaml.Node | None], T]) -> tuple[T, list[str]]:
    """Read a document in one of the ways of `Faults`, and return what was told about it."""
    faults = Faults()
    root = faults.root(text.encode() if isinstance(text, str) else text)
    return how(faults, root), told(faults)


# The sentences after `not YAML:` are PyYAML's, and differ a little with and without libyaml.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"", "1:1: the file is empty; it must hold a table", id="empty"),
        pytest.param(b"\n# x\n", "1:1: the file is empty; it must hold a table", id="comments"),
        pytest.param(b"a: b: c", "1:5: not YAML: mapping values are not allowed", id="two colons"),
        pytest.param(b"a: 1\nb: *x", "2:4: not YAML: found undefined alias", id="alias"),
        pytest.param(b"\tx: 1", "1:1: not YAML: found character", id="tab"),
        pytest.param(b"a: @x", "1:4: not YAML: found character", id="reserved character"),
        pytest.param(b'a: "x', "1:6: not YAML: found unexpected end of stream", id="open quote"),
        pytest.param(b"a: {b: 1\nc: 2", "2:2: not YAML: ", id="open brace"),
        pytest.param(b"a: [b\nc: {}", "2:2: not YAML: ", id="open bracket"),
        pytest.param(b"a:\n  - b\n c: d", "3:2: not YAML: ", id="indentation"),
        pytest.param(b"- a\nb: c", "2:1: not YAML: ", id="a list and a mapping"),
        pytest.param(b"a: &x 1\nb: &x 2", "2:4: not YAML: second occurrence", id="anchor"),
        pytest.param(b"a: 1\n---\nb: 2", "2:1: not YAML: but found another", id="two documents"),
        pytest.param(b"%YAML 3.0\n---\na: 1", "1:1: not YAML: found incompatible", id="version"),
    ],
)
def test_root_tells_what_is_no_yaml(text: bytes, expected: str) -> None:
    root, sentences = read(text, lambda _, node: node)

    assert root is None
    assert len(sentences) == 1
    assert sentences[0].startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"a: caf\xe9", id="Latin-1"),
        pytest.param(b"\xff\xfe\xfa", id="half of UTF-16"),
        pytest.param(b"a: \x00", id="a zero byte"),
        pytest.param(b"a: \x07", id="a control character"),
    ],
)
def test_root_tells_what_is_no_text(text: bytes) -> None:
    root, (sentence,) = read(text, lambda _, node: node)

    assert root is None
    assert sentence.startswith("1:1: not YAML: unacceptable character #x")
    assert sentence.endswith("; save the file as UTF-8 text")
    assert "\n" not in sentence


@pytest.mark.parametrize("text", ["a: b", "[a]", "a", "\ufeffa: b", "é: ü", "a: &x [*x]"])
def test_root_returns_what_is_yaml(text: str) -> None:
    root, sentences = read(text, lambda _, node: node)

    assert isinstance(root, yaml.Node)
    assert sentences == []


def test_a_file_that_is_nested_too_deep_does_not_end_the_process() -> None:
    # In a process of its own: where it fails, it takes the whole process with it.
    script = (
        "from hublet_router.tablefile.nodes import Faults\n"
        "faults = Faults()\n"
        "faults.root(b'[' * 100_000 + b']' * 100_000)\n"
        "print(len(faults.found))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout.strip()) == (0, "1")


def test_nothing_is_told_where_there_is_no_node() -> None:
    faults = Faults()
    faults.tell(None, "nobody can look it up")

    assert faults.mapping(None, "'x'", required=("a",)) == {}
    assert list(faults.pairs(None, "'x'")) == []
    assert faults.items(None, "'x'") == []
    assert faults.text(None, "'x'") is None
    assert faults.name(None, "'x'") is None
    assert faults.choice(None, "'x'", ("a", "b")) is None
    assert faults.pattern(None, "'x'", groups=1) is None
    assert faults.found == []


def mapping(faults: Faults, node: yaml.Node | None) -> list[str]:
    return list(faults.mapping(node, "'x'", required=("name", "in"), optional=("paths",)))


@pytest.mark.parametrize(
    ("text", "keys", "sentences"),
    [
        pytest.param("name: a\nin: b", ["name", "in"], [], id="required"),
        pytest.param("paths: a\nname: a\nin: b", ["paths", "name", "in"], [], id="optional"),
        pytest.param("name:\nin: ~", ["name", "in"], [], id="values are not looked at"),
        pytest.param("in: b", ["in"], ["1:1: 'x' has no 'name'; add it"], id="one is missing"),
        pytest.param(
            "{}",
            [],
            ["1:1: 'x' has no 'name'; add it", "1:1: 'x' has no 'in'; add it"],
            id="both are missing",
        ),
        pytest.param(
            "name: a\nin: b\npath: c",
            ["name", "in"],
            ["3:1: unknown key 'path' in 'x'; did you mean 'paths'?"],
            id="nearly right",
        ),
        pytest.param(
            "name: a\nin: b\ncolour: c",
            ["name", "in"],
            ["3:1: unknown key 'colour' in 'x'; known are name, in, paths"],
            id="far off",
        ),
        pytest.param(
            "name: a\nin: b\nname: c",
            ["name", "in"],
            ["3:1: 'name' is defined twice in 'x'; keep one"],
            id="twice",
        ),
        pytest.param(
            "name: a\nin: b\nzzz: c\nzzz: c",
            ["name", "in"],
            [
                "3:1: unknown key 'zzz' in 'x'; known are name, in, paths",
                "4:1: 'zzz' is defined twice in 'x'; keep one",
            ],
            id="unknown, twice",
        ),
        pytest.param(
            "{name: a, in: b, on: c}",
            ["name", "in"],
            [
                "1:18: a key of 'x' must be text, but YAML reads 'on' as a truth value;"
                ' write "on" in quotes'
            ],
            id="a key that is no text",
        ),
        pytest.param(
            "{name: a, in: b, [c]: d}",
            ["name", "in"],
            ["1:18: a key of 'x' must be text"],
            id="a key that is a list",
        ),
        pytest.param(
            "{name: a, in: b, <<: {c: d}}",
            ["name", "in"],
            [
                "1:18: a key of 'x' must be text, but YAML reads '<<' as a"
                ' tag:yaml.org,2002:merge; write "<<" in quotes'
            ],
            id="a merge key",
        ),
        pytest.param("[a]", [], ["1:1: 'x' must be a mapping of keys to values"], id="a list"),
        pytest.param("a", [], ["1:1: 'x' must be a mapping of keys to values"], id="text"),
    ],
)
def test_mapping(text: str, keys: list[str], sentences: list[str]) -> None:
    assert read(text, mapping) == (keys, sentences)


def test_mapping_keeps_the_first_of_two_values() -> None:
    values, _ = read("a: 1\na: 2", lambda faults, node: faults.mapping(node, "'x'", ("a",)))

    assert values["a"].value == "1"


def test_pairs_come_with_the_node_of_their_key() -> None:
    pairs, sentences = read("a: 1\nb: 2", lambda faults, node: list(faults.pairs(node, "'x'")))

    assert [(key, value.value, at.start_mark.line) for key, value, at in pairs] == [
        ("a", "1", 0),
        ("b", "2", 1),
    ]
    assert sentences == []


@pytest.mark.parametrize(
    ("text", "one", "count", "sentences"),
    [
        pytest.param("[a, b]", False, 2, [], id="list"),
        pytest.param("[a, b]", True, 2, [], id="list where one would do"),
        pytest.param("a", True, 1, [], id="one"),
        pytest.param("a", False, 0, ["1:1: 'x' must be a list"], id="no list"),
        pytest.param("{a: b}", False, 0, ["1:1: 'x' must be a list"], id="a mapping"),
        pytest.param("{a: b}", True, 0, ["1:1: 'x' must be a list"], id="a mapping is not one"),
        pytest.param("[]", False, 0, ["1:1: 'x' is an empty list; name at least one"], id="empty"),
    ],
)
def test_items(text: str, one: bool, count: int, sentences: list[str]) -> None:
    found, said = read(text, lambda faults, node: faults.items(node, "'x'", one=one))

    assert len(found) == count
    assert said == sentences


def misread(value: str, kind: str) -> list[str]:
    mend = f'write "{value}" in quotes' if value else "write it in quotes"
    return [f"1:1: 'x' must be text, but YAML reads '{value}' as {kind}; {mend}"]


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
        ("!!null ''", None, misread("", "nothing")),
        ("2026-11-23", None, misread("2026-11-23", "a date")),
        ("=", None, misread("=", "a tag:yaml.org,2002:value")),
        ("!region eu1", None, misread("eu1", "a !region")),
        ('""', None, ["1:1: 'x' is empty; fill it in"]),
        ("[a]", None, ["1:1: 'x' must be text"]),
        ("{a: b}", None, ["1:1: 'x' must be text"]),
    ],
)
def test_text(text: str, value: str | None, sentences: list[str]) -> None:
    assert read(text, lambda faults, node: faults.text(node, "'x'")) == (value, sentences)


@pytest.mark.parametrize(
    ("text", "value", "sentences"),
    [
        ("eu1", "eu1", []),
        ("EU-1_a.b", "EU-1_a.b", []),
        ("x" * 63, "x" * 63, []),
        *(
            (
                text,
                None,
                [f"1:1: 'x' '{text}' may hold letters, digits, '-', '_' and '.' only"],
            )
            for text in ("eu 1", "eu/1", "é", "_eu1", ".eu1", "x" * 64)
        ),
        ("no", None, misread("no", "a truth value")),
    ],
)
def test_name(text: str, value: str | None, sentences: list[str]) -> None:
    assert read(text, lambda faults, node: faults.name(node, "'x'")) == (value, sentences)


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
def test_choice(text: str, value: str | None, sentences: list[str]) -> None:
    found = read(text, lambda faults, node: faults.choice(node, "'x'", ("default", "refuse")))

    assert found == (value, sentences)


def wrong_groups(count: int) -> list[str]:
    return [
        f"1:1: 'x' must have exactly one group, not {count}: put ( ) around the part that is"
        " wanted, and write (?: ) for every other group"
    ]


@pytest.mark.parametrize(
    ("text", "groups", "pattern", "sentences"),
    [
        pytest.param("'^a(b)'", 1, "^a(b)", [], id="one group"),
        pytest.param("'^a(?:c|d)(b)'", 1, "^a(?:c|d)(b)", [], id="one group that counts"),
        pytest.param("'^a(?P<region>b)'", 1, "^a(?P<region>b)", [], id="a named group"),
        pytest.param("^a", None, "^a", [], id="no group is wanted"),
        pytest.param("(a)(b)", None, "(a)(b)", [], id="any number of groups"),
        pytest.param("^ab", 1, None, wrong_groups(0), id="no group"),
        pytest.param("(a)(b)", 1, None, wrong_groups(2), id="two groups"),
        pytest.param(
            "(a",
            1,
            None,
            [
                "1:1: 'x' is not a regular expression: missing ), unterminated subpattern at"
                " position 0"
            ],
            id="open group",
        ),
        pytest.param(
            "'a{99999999999}'",
            None,
            None,
            ["1:1: 'x' is not a regular expression: the repetition number is too large"],
            id="a repetition that no machine can count",
        ),
        pytest.param(
            "'(a+)-'",
            1,
            None,
            [
                "1:1: 'x' can take a very long time on hostile text: it can start anywhere, and"
                " then repeat without end; begin it with ^, or limit the repeat, like {1,20}"
            ],
            id="a search that can take long",
        ),
        pytest.param(
            "'^(a+)+$'",
            None,
            None,
            [
                "1:1: 'x' can take a very long time on hostile text: inside a repeat, 'a' can be"
                " read in more than one way; let the next character tell how to go on"
            ],
            id="a repeat in a repeat",
        ),
        pytest.param(
            "'[[a]'",
            None,
            None,
            ["1:1: 'x' is not a regular expression: Possible nested set at position 1"],
            id="what will mean something else",
        ),
        pytest.param("'(a+)-(b)'", 1, None, wrong_groups(2), id="slow, and two groups"),
        pytest.param("9", 1, None, misread("9", "a number"), id="no text"),
    ],
)
def test_pattern(text: str, groups: int | None, pattern: str | None, sentences: list[str]) -> None:
    found, said = read(text, lambda faults, node: faults.pattern(node, "'x'", groups=groups))

    assert (found.pattern if found else None) == pattern
    assert said == sentences


def test_a_pattern_that_is_nested_too_deep_is_told() -> None:
    text = "(?:" * 2000 + "a" + ")" * 2000
    found, (sentence,) = read(text, lambda faults, node: faults.pattern(node, "'x'"))

    assert found is None
    assert sentence.startswith("1:1: 'x' is not a regular expression: ")


def test_every_fault_is_kept_in_the_order_in_which_it_was_told() -> None:
    _, sentences = read(
        "- no\n-   eu/1\n- ''",
        lambda faults, node: [faults.name(item, "'x'") for item in faults.items(node, "'x'")],
    )

    assert sentences == [
        "1:3: 'x' must be text, but YAML reads 'no' as a truth value; write \"no\" in quotes",
        "2:5: 'x' 'eu/1' may hold letters, digits, '-', '_' and '.' only",
        "3:3: 'x' is empty; fill it in",
    ]


@given(text=st.binary() | st.text("ab:-[]{}\"'&*!|>%@\n #?,").map(str.encode))
def test_no_file_makes_root_raise(text: bytes) -> None:
    root, sentences = read(text, lambda _, node: node)

    assert (root is None) == (len(sentences) == 1)


def test_a_fault_can_be_written_whatever_the_file_holds() -> None:
    faults = Faults()
    faults.tell(faults.root(b"x"), "a lone \ud800 surrogate")
    assert faults.found[0].text.encode() == b"a lone \\ud800 surrogate"
