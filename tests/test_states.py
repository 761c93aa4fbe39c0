"""The states of recorded flows, as mitmproxy's own parser reads them."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.io import tnetstring

from hublet_router.flows.states import read_states

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    plain | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.binary(), inner),
    max_leaves=20,
)


def read(text: bytes) -> list[object]:
    return list(read_states(BytesIO(text)))


@given(st.lists(values))
def test_what_mitmproxy_writes_is_read(written: list[Any]) -> None:
    assert read(b"".join(map(tnetstring.dumps, written))) == written


@given(values, st.data())
def test_what_is_cut_is_an_error(value: Any, data: st.DataObject) -> None:
    text = tnetstring.dumps(value)
    end = data.draw(st.integers(1, len(text) - 1))
    with pytest.raises(ValueError, match="tnetstring"):
        read(text[:end])


@pytest.mark.parametrize(
    "text",
    [
        b"x", b":", b"1x:a,", b"-1:,", b"9999999999999:,", b"1:a?", b"3:yes!", b"1:a#", b"1:a^",
        b"1:\xff;", b"4:1:a,]}", b"4:1:a,}", b"4:2:a,]", b"3:a:,]", b"2:ab]", b"4:9:a,]",
        b"8:3:3:b]x,]",
    ],
)  # fmt: skip
def test_what_is_no_tnetstring_is_an_error(text: bytes) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        read(text)
