"""What stands for a credential."""

import re

from hypothesis import given
from hypothesis import strategies as st

from hublet_router.proxy.observe.fingerprint import fingerprint


@given(one=st.text(), other=st.text())
def test_law_4_a_fingerprint_tells_two_credentials_apart_and_nothing_else(
    one: str, other: str
) -> None:
    assert re.fullmatch("[0-9a-f]{12}", fingerprint(one))
    assert (fingerprint(one) == fingerprint(other)) is (one == other)


def test_any_text_has_one() -> None:
    assert fingerprint("\ud800") != fingerprint("\ud801")  # JSON can hold lone surrogates
