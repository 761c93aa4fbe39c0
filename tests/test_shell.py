"""Curl commands as they are copied from browsers, documents and terminals."""

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublet_router.cli.curl_words import CurlError
from hublet_router.cli.shell import is_command, split_commands

SECRET = "c0ffee5ec2e7"


def split_command(text: str) -> list[str]:
    """Return the words of a text that holds one command."""
    (words,) = split_commands(text)
    return words


POSIX = [
    "curl https://a.b/",
    "curl   -s\t'https://a.b/?x=1&y=2'  -H 'A: b'",
    "curl 'https://a.b/' \\\n  -H 'A: b' \\\n  --data-raw 'x y'",
    'curl "https://a.b/" -d "{\\"a\\": \\"b\\\\c\\$ \\x\\`\\"}"',
    "curl $'a\\'b\\n\\t\\u00e9\\u0021\\x41\\101\\\\\\q' -d $''",
    "curl a'b'\"c\"\\ d -d ''",
    "curl a --data-raw 'it'\\''s'",
    "curl -d 'line one\nline two' a",
    "curl a | jq .",
    "curl a; ls",
    "curl a && ls",
    "curl a > out 2>/dev/null -s 2>&1",
    'curl -d "a\\\nb" x',
    'curl "pr$ice" a$',
    "curl -d${snow} a$snow",
]


@pytest.mark.parametrize("text", POSIX)
def test_the_words_are_those_that_bash_makes(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ice", "X Y")
    monkeypatch.setenv("snow", "Z")
    script = f"curl() {{ printf '%s\\0' \"$@\" >&3; }}; jq() {{ :; }}; ls() {{ :; }}\n{text}"
    made = subprocess.run(
        ["bash", "-c", f"exec 3>&1 >/dev/null\n{script}"], stdout=subprocess.PIPE, check=True,
        cwd="/tmp",
    ).stdout  # fmt: skip
    said = made.decode().split("\0")[:-1]
    assert split_command(text) == said


@given(st.lists(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]))))
def test_whatever_is_quoted_is_read_as_it_was(words: list[str]) -> None:
    assert split_command(shlex.join(["curl", *words])) == words


WINDOWS = [
    ('curl "https://a.b/" ^\n  -H "A: b" ^\r\n  --data-binary "{\\"a\\": 1}"',
     ["https://a.b/", "-H", "A: b", "--data-binary", '{"a": 1}']),
    ('curl ^"https://a.b/?x=1^&y=2^" ^\n '
     ' -H ^"A: b^" --data-raw ^"^{^\\^"a^\\^":^\\^"50%^41^\\^"^}^"',
     ["https://a.b/?x=1&y=2", "-H", "A: b", "--data-raw", '{"a":"50%41"}']),
    ('curl ^"a^" -d ^"one^\n\ntwo^"', ["a", "-d", "one\ntwo"]),
    ('curl.exe ^"C:\\\\x\\\\^" -d ^"^"', ["C:\\\\x\\", "-d", ""]),
    ('curl ^"a\\b^" c', ["a\\b", "c"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WINDOWS, ids=range(len(WINDOWS)))
def test_the_words_of_a_command_for_windows(text: str, words: list[str]) -> None:
    assert split_command(text) == words


SEVERAL = [
    "curl 'a' \\\n -H 'b: c' ;\ncurl 'd'",
    "curl 'a' -H 'b: c' && curl 'd'; ls\ncurl e",
    'curl ^"a^" ^\n -H ^"b: c^" &\ncurl ^"d^"',
    'curl ^"a^" ^\r\n -H ^"b: c^" &\r\ncurl ^"d^"\r\n',
]


@pytest.mark.parametrize("text", SEVERAL, ids=range(len(SEVERAL)))
def test_browsers_copy_all_requests_of_a_page(text: str) -> None:
    assert list(split_commands(text)) == [["a", "-H", "b: c"], ["d"]]


def test_lines_that_powershell_joins() -> None:
    assert split_command("curl.exe 'a' `\n -s") == ["a", "-s"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("curl a", True), ("  $ curl a", True), ("curl.exe a", True), ("/usr/bin/curl -s a", True),
        ("curl ^\n a", True), ("curl", True), ("GET /curl HTTP/1.1", False), ("curling a", False),
        ('{"curl": 1}', False),
    ],
)  # fmt: skip
def test_what_begins_as_a_command_does(text: str, is_one: bool) -> None:
    assert is_command(text) is is_one
    if is_one:
        assert "curl" not in "".join(split_command(text))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"curl 'a {SECRET}", "a quote in the command is not closed"),
        (f'curl "a {SECRET}', "a quote in the command is not closed"),
        (f'curl ^"a {SECRET}', "a quote in the command is not closed"),
        (f'curl "$NO_{SECRET}"', "the command holds a variable of the shell"),
        (f"curl ${{NO_{SECRET}}}", "the command holds a variable of the shell"),
        (f"curl $(cat {SECRET})", "the command holds a variable of the shell"),
        (f"curl `cat {SECRET}`", "the command holds a variable of the shell"),
        (f'curl "a$1{SECRET}"', "the command holds a variable of the shell"),
    ],
)
def test_law_4_what_cannot_be_read_is_not_repeated(text: str, sentence: str) -> None:
    with pytest.raises(CurlError, match=sentence) as caught:
        split_command(text)
    assert SECRET not in str(caught.value)
