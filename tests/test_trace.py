"""Which trace a request belongs to, by a header that any client can write."""

import pytest

from hublet_router.core.request import Request
from hublet_router.flows.trace import trace_id

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def request(*values: str) -> Request:
    fields = tuple(("traceparent", value) for value in values)
    return Request("GET", ("api.hubapi.com",), "/", fields)


@pytest.mark.parametrize(
    "value", [f"00-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-00-more"]
)
def test_a_valid_header_names_its_trace(value: str) -> None:
    assert trace_id(request(value)) == TRACE


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-00more",
        f"cc-{TRACE}-{SPAN}-00-\n",
        f'00-{TRACE[2:]}"}}-{SPAN}-01',
        f"00-{TRACE}-{SPAN}-01\n",
        f"{TRACE}",
    ],
)
def test_anything_else_names_none(value: str) -> None:
    assert trace_id(request(value)) is None


def test_none_and_two_headers_name_none() -> None:
    value = f"cc-{TRACE}-{SPAN}-01-more"
    assert trace_id(request(value, value)) is None
    assert trace_id(request()) is None
