"""JSON texts, changed value by value."""

import json

import pytest

from hublet_router.redaction.documents import rewritten

DOCUMENT = """
{ "a": {"b": ["c", {"d": 12.5, "d": "e\\n\\"é"}], "f" : true, "k": "l"},
  "g":null, "h": 1E9, "": -7, "i{": "}" }
"""


def test_each_value_is_seen_with_its_keys_and_the_rest_stays() -> None:
    seen: list[tuple[str, str]] = []

    def value(path: tuple[str, ...], text: str) -> str:
        seen.append((".".join(filter(None, path)), text))
        return text

    assert rewritten(DOCUMENT, value) == DOCUMENT
    assert seen == [
        ("a.b", "c"),
        ("a.b.d", "12.5"),
        ("a.b.d", 'e\n"é'),
        ("a.k", "l"),
        ("h", "1E9"),
        ("", "-7"),
        ("i{", "}"),
    ]


def test_values_and_names_are_replaced_in_place() -> None:
    new = rewritten(DOCUMENT, lambda _, text: "9" if text[-1].isdigit() else "x", str.upper)
    assert json.loads(new) == {
        "A": {"B": ["x", {"D": "x"}], "F": True, "K": "x"},
        "G": None,
        "H": 0,
        "": 9,
        "I{": "x",
    }
    assert new.count('"D"') == 2
    assert '"F" : true, ' in new


@pytest.mark.parametrize("text", ["", "{", '{"a": }', "[" * 100_000, "a=b"])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|nested|property"):
        rewritten(text, lambda _, value: value)


def test_a_value_alone() -> None:
    assert rewritten('"a"', lambda path, text: f"{path}{text}") == "\"('',)a\""
    assert rewritten(" 12 ", lambda path, text: "34") == " 34 "


@pytest.mark.parametrize(("number", "new"), [("-257", "-157"), ("257", "157"), ("2.57", "0.57")])
def test_a_number_stays_one_whatever_its_digits_become(number: str, new: str) -> None:
    assert rewritten(number, lambda _, text: text.replace("2", "0")) == new
