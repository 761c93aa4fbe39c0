"""Patterns as programs. What a program finds is held by the parity kit, which runs it."""

import re

import pytest

from hublet_router.export.pattern import TooLongError, pattern_program


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("^ab([c-d]+)", [["at", "start"], ["text", [97, 98]], ["open"],
                         ["run", 0, 1, -1, "greedy"], ["close"], ["match"]]),
        ("(?m)^$", [["at", "line"], ["at", "line-end"], ["match"]]),
        (r"\A.\Z$", [["at", "start"], ["set", 0], ["at", "very-end"], ["at", "end"], ["match"]]),
        ("ab|cd|$", [["either", 1, 3], ["text", [97, 98]], ["jump", 7],
                     ["either", 4, 6], ["text", [99, 100]], ["jump", 7], ["at", "end"], ["match"]]),
        ("(?:ab)*?", [["either", 3, 1], ["text", [97, 98]], ["jump", 0], ["match"]]),
        ("(?:ab){1,2}", [["text", [97, 98]], ["either", 2, 3], ["text", [97, 98]], ["match"]]),
        ("(?:ab)?+", [["atomic", 6], ["either", 2, 5], ["atomic", 5], ["text", [97, 98]],
                      ["match"], ["match"], ["match"]]),
        ("a{2,3}+b??", [["run", 0, 2, 3, "possessive"], ["run", 1, 0, 1, "lazy"], ["match"]]),
        ("(?=a)(?!b)", [["ahead", 3, False], ["text", [97]], ["match"],
                        ["ahead", 6, True], ["text", [98]], ["match"], ["match"]]),
        ("(?i:-k)s", [["text", [45]], ["set", 0], ["text", [115]], ["match"]]),
        (r"\b", [["at", "edge", 0, False], ["match"]]),
        ("[^\\s\\S]", [["set", 0], ["match"]]),
        ("[ab]-[ab]", [["set", 0], ["text", [45]], ["set", 0], ["match"]]),
    ],
)  # fmt: skip
def test_a_program(source: str, code: list[list[object]]) -> None:
    assert pattern_program(re.compile(source))["code"] == code


EVERYTHING = "".join(map(chr, range(0x110000)))


@pytest.mark.parametrize("flags", [0, re.IGNORECASE, re.ASCII, re.IGNORECASE | re.ASCII, re.DOTALL])
@pytest.mark.parametrize(
    "one",
    ["k", "s", "[a-z]", "[^k]", r"\w", r"[^\W\d]", ".", "[\u01c5\u1e9e]", "é", "[\u0370-\u03ff]",
     r"\S"],
)  # fmt: skip
def test_a_set_is_what_the_expression_reads(one: str, flags: int) -> None:
    program = pattern_program(re.compile(f"(?:{one}){{2}}", flags))
    (ranges,) = program["sets"]
    members = [
        chr(code)
        for first, last in zip(ranges[::2], ranges[1::2], strict=True)
        for code in range(first, last + 1)
    ]
    assert members == re.findall(one, EVERYTHING, flags)


def test_a_pattern_of_too_many_instructions_is_refused() -> None:
    with pytest.raises(TooLongError):
        pattern_program(re.compile("(?:ab|c){500}"))
