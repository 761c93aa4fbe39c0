"""Other text of the same shape, and what a pattern spells out."""

import re

import pytest

from hublet_router.redaction.other_text import literals, other_text

NOISE = bytes(range(7, 256))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("", ""),
        ("Abc-012_Z", "[A-Z][a-z]{2}-[0-9]{3}_[A-Z]"),
        ("c0ffee", "[a-f][0-9][a-f]{4}"),
        ("C0FFEE", "[A-F][0-9][A-F]{4}"),
        ("eu1.x", "eu1\\.[a-z]"),
        ("a%2Fb", "[a-z]%[67][0-9a-f][a-z]"),
        ("\x01é\n", "[\x0e-\x1f][à-ÿ]\n"),
    ],
)
def test_the_shape_stays_and_each_character_is_another(text: str, shape: str) -> None:
    other = other_text(text, NOISE, {"eu1"})
    assert re.fullmatch(shape, other)
    alike = [a for a, b in zip(text, other, strict=True) if a == b]
    assert "".join(alike) == "".join(re.findall("^eu1|[^A-Za-z0-9é\x01]", text))


@pytest.mark.parametrize(
    ("char", "others"), [("é", range(0xE0, 0x100)), ("\x10", range(0x0E, 0x20))], ids=ascii
)
def test_what_is_no_ascii_or_not_printable_becomes_any_other_byte_of_its_kind(
    char: str, others: range
) -> None:
    seen = other_text(char * 256, bytes(range(256)), ())
    assert {*seen} == {*map(chr, others)} - {char}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^pat-([a-z]{2})-", ["pat-", "-"]),
        ("^(?:live|test)_[xy]([0-9])", ["live", "test", "_", "x", "y"]),
        ("(?x) a b  ([0-9])", ["ab"]),
        ("^([0-9]+)$", []),
    ],
)
def test_a_pattern_of_all_that_another_spells_out(pattern: str, found: list[str]) -> None:
    known = literals(re.compile(pattern))
    assert all(known.fullmatch(it) for it in found)
    assert not known.search("?0")
    assert literals(re.compile("^pat-")).findall("PAT-pat") == ["PAT-"]
