"""The nodes of a YAML file, and what people write that is none."""

import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from hublet_router.tablefile.errors import Faults
from hublet_router.tablefile.yaml_file import compose


def composed(text: bytes) -> tuple[yaml.Node | None, list[str]]:
    faults = Faults()
    root = compose(faults, text)
    return root, [f"{fault.line}:{fault.column}: {fault.text}" for fault in faults.found]


# The sentences after `not YAML:` are PyYAML's, and differ a little with and without libyaml.
@cases(
    ("text", "expected"),
    {
        "empty": (b"", "1:1: the file is empty; it must hold a table"),
        "comments": (b"\n# x\n", "1:1: the file is empty; it must hold a table"),
        "two colons": (b"a: b: c", "1:5: not YAML: mapping values are not allowed"),
        "alias": (b"a: 1\nb: *x", "2:4: not YAML: found undefined alias"),
        "tab": (b"\tx: 1", "1:1: not YAML: found character"),
        "reserved character": (b"a: @x", "1:4: not YAML: found character"),
        "open quote": (b'a: "x', "1:6: not YAML: found unexpected end of stream"),
        "open brace": (b"a: {b: 1\nc: 2", "2:2: not YAML: "),
        "open bracket": (b"a: [b\nc: {}", "2:2: not YAML: "),
        "indentation": (b"a:\n  - b\n c: d", "3:2: not YAML: "),
        "a list and a mapping": (b"- a\nb: c", "2:1: not YAML: "),
        "anchor": (b"a: &x 1\nb: &x 2", "2:4: not YAML: second occurrence"),
        "two documents": (b"a: 1\n---\nb: 2", "2:1: not YAML: expected a single"),
        "version": (b"%YAML 3.0\n---\na: 1", "1:1: not YAML: found incompatible"),
    },
)
def test_text_that_is_not_yaml_is_reported(text: bytes, expected: str) -> None:
    root, sentences = composed(text)

    assert root is None
    assert len(sentences) == 1
    assert sentences[0].startswith(expected)


@cases(
    ("text", "fix"),
    {
        "a key further to the right": (b"a: 1\n  b: 2", "and begin keys in the same column"),
        "a key further to the left": (
            b"a:\n  - b: 1\n   c: 2",
            "in the same column, each with ': '",
        ),
        "no blank behind a colon": (b"a: 1\nb:2\n", "write ': ' behind the key"),
        "an open quote": (b"a: 'x", "close the quote"),
        "an open bracket": (b"a: [b\nc: 1", "put commas between items, quotes around a pattern"),
        "a pattern without quotes": (b"a: {b: ^[a-z]{2}-}", "quotes around a pattern, and close"),
        "a reserved character": (b"a: %x", "put a value that begins with it in quotes"),
        "a tab": (b"a:\n\tb: 1", "indent with spaces, not with tabs"),
    },
)
def test_what_to_do_about_a_slip_is_said(text: bytes, fix: str) -> None:
    _, (sentence,) = composed(text)

    assert fix in sentence.partition("; ")[2]


@cases(
    "text",
    {
        "Latin-1": b"a: caf\xe9",
        "half of UTF-16": b"\xff\xfe\xfa",
        "a zero byte": b"a: \x00",
        "a control character": b"a: \x07",
    },
)
def test_bytes_that_are_not_utf_8_are_reported(text: bytes) -> None:
    root, (sentence,) = composed(text)

    assert root is None
    assert sentence.startswith("1:1: not YAML: unacceptable character #x")
    assert sentence.endswith("; save the file as UTF-8 text")
    assert "\n" not in sentence


@pytest.mark.parametrize("text", ["a: b", "[a]", "a", "\ufeffa: b", "é: ü", "a: &x [*x]"])
def test_compose_returns_the_root_node(text: str) -> None:
    root, sentences = composed(text.encode())

    assert isinstance(root, yaml.Node)
    assert sentences == []


def test_a_file_that_is_nested_too_deep_does_not_end_the_process() -> None:
    # In a process of its own: where it fails, it takes the whole process with it.
    script = (
        "from hublet_router.tablefile.errors import Faults\n"
        "from hublet_router.tablefile.yaml_file import compose\n"
        "faults = Faults()\n"
        "compose(faults, b'[' * 100_000 + b']' * 100_000)\n"
        "print(*(fault.text for fault in faults.found))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    sentence = "not YAML that can be read: it is nested too deep; write it flatter"
    assert (ended.returncode, ended.stdout.strip()) == (0, sentence)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (
            r'a: "^pat-\."',
            r"character '.'; in double quotes write \\ for each \, or use single quotes",
        ),
        (r'a: "\d"', r"character 'd'; in double quotes write \\ for each \, or use single quotes"),
        (
            r'a: "\x4_"',
            r"but found '_'; in double quotes write \\ for each \, or use single quotes",
        ),
        ("a: [*.acme.example]", "but found '.'; put a value that begins with * or & in quotes"),
        ("a: *acme", "undefined alias 'acme'; put a value that begins with * in quotes"),
        ("a:\n\tb: 1", "cannot start any token; indent with spaces, not with tabs"),
        ("a: 1\n---\nb: 2", "keep one table in a file, and remove the line ---"),
        (
            "---\na: 1\n---\nb: 2",
            "a single document in the stream, but found another document; keep",
        ),
        (
            'a: {b: "x}\nc: "y"',
            "but got '<scalar>' (while parsing a flow mapping that begins on line 1)",
        ),
        (r'a: "\xzz"', r"2 hexadecimal numbers, but found 'z'; in double quotes write \\ for"),
    ],
)
def test_a_slip_of_yaml_is_reported_with_what_to_do(text: str, advice: str) -> None:
    assert advice in composed(text.encode())[1][0]


@given(text=st.binary() | st.text("ab:-[]{}\"'&*!|>%@\n #?,").map(str.encode))
def test_no_file_makes_compose_raise(text: bytes) -> None:
    root, sentences = composed(text)

    assert (root is None) == (len(sentences) == 1)
