"""Which patterns mean the same to every engine."""

import re

import pytest

from hublet_router.regex_bounds.portable import ambiguous


@pytest.mark.parametrize(
    "pattern",
    [
        "^pat-([a-z]{2}[0-9]{1,3})-", "(a)?", "(a){0,1}+", "(a+)b*", "(?:a|(b))", "(?=(a))",
        "(?>(a))", "(?!b)(a)", "(?a)(a)", "(?i:(a))", "(?:a)+(b)", r"(a)\b",
    ],
)  # fmt: skip
def test_a_pattern_that_every_engine_reads_alike(pattern: str) -> None:
    assert ambiguous(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a)+", "(a){2}", "(?:x(a))*?", "(?:x|(a)){0,2}", "(?:(?>(a)))++", "(?:(?=(a))a)*",
        "(?:(?!(b))a)+", "(?:(?:x(a))?)+",
    ],
)  # fmt: skip
def test_a_group_in_a_repeat(pattern: str) -> None:
    assert "a repeat holds a group" in (ambiguous(pattern) or "")


@pytest.mark.parametrize("pattern", ["(?a:(a))", "x(?u:b)(a)", "(?:(?ai:c)|(a))"])
def test_flags_of_type_in_a_part(pattern: str) -> None:
    re.compile(pattern)
    assert "begin it with (?a)" in (ambiguous(pattern) or "")
