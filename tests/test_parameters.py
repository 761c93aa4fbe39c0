"""Parameters as lenient servers read them."""

import pytest

from cases import cases
from hublet_router.core.parameters import decode_value, fold_name, parameters_of

SPELLINGS = (
    "refresh_token", "refresh-token", "Refresh.Token", "REFRESH TOKEN", " refresh_token ",
    "refresh_token[]", "refresh_token[0][a]", "refresh_token[", "refresh[token",
    "refresh token\0[]",
)  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_name_in_each_spelling_is_the_same(name: str) -> None:
    assert fold_name(name) == "refresh_token"


@cases(
    ("text", "parameters"),
    {
        "nothing": ("", {}),
        "several": ("a=1&a=2&b", {"a": ["1", "2"], "b": [""]}),
        "parted by semicolons": ("a=1;b=2", {"a": ["1"], "b": ["2"]}),
        "a value stays as sent": ("%61=%62+c", {"a": ["%62+c"]}),
        "blanks around a name": ("+a+=1", {"a": ["1"]}),
        "an escaped separator": ("a%26b=1&c=2", {"a\1b": ["1"], "c": ["2"]}),
        "two equals signs": ("a==1", {"a": ["=1"]}),
    },
)
def test_parameters(text: str, parameters: dict[str, list[str]]) -> None:
    assert parameters_of(text) == parameters


def test_a_value_is_decoded_and_stripped() -> None:
    assert decode_value("+%61 ") == "a"
