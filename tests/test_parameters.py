"""Parameters as lenient servers read them."""

import pytest

from hublet_router.core.parameters import decode_value, fold_name, pairs_of, parameters_of

SPELLINGS = (
    "refresh_token", "refresh-token", "Refresh.Token", "REFRESH TOKEN", " refresh_token ",
    "refresh_token[]", "refresh_token[0][a]", "refresh_token[",
)  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_name_in_each_spelling_is_the_same(name: str) -> None:
    assert fold_name(name) == "refresh_token"


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("a=1&a=2&b", {"a": ["1", "2"], "b": [""]}, id="several"),
        pytest.param("a=1;b=2", {"a": ["1"], "b": ["2"]}, id="parted by semicolons"),
        pytest.param("%61=%62+c", {"a": ["%62+c"]}, id="a value stays as sent"),
        pytest.param("+a+=1", {"a": ["1"]}, id="blanks around a name"),
        pytest.param("a%26b=1&c=2", {"a\0b": ["1"], "c": ["2"]}, id="an escaped separator"),
        pytest.param("a==1", {"a": ["=1"]}, id="two equals signs"),
    ],
)
def test_parameters(text: str, parameters: dict[str, list[str]]) -> None:
    assert parameters_of(text) == parameters


def test_pairs_are_decoded_in_order() -> None:
    assert pairs_of("b=%32+&A[]=1;b") == [("b", "2"), ("a", "1"), ("b", "")]
    assert decode_value("+%61 ") == "a"
