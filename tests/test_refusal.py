"""The router's own answers."""

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from hublet_router.core.decision import Reason, refuse
from hublet_router.proxy.routing.refusal import answer, send_refusal


@pytest.mark.parametrize(
    ("version", "fields", "stream", "body", "is_answered"),
    [
        ("HTTP/1.1", {}, False, None, True),
        ("HTTP/1.1", {"content-length": "65537"}, False, None, False),
        ("HTTP/1.1", {"transfer-encoding": "chunked"}, False, None, False),
        ("HTTP/2.0", {}, False, None, False),
        ("HTTP/2.0", {}, False, b"", True),
        ("HTTP/1.1", {"content-length": "5"}, False, b"whole", True),
        ("HTTP/1.1", {"content-length": "99999"}, False, b"x" * 99999, False),
    ],
    ids=["none", "long", "chunked", "h2", "h2 at its end", "whole", "a long replay"],
)
def test_a_body_that_is_there_is_answered_and_one_that_may_be_long_is_streamed(
    version: str, fields: dict[str, str], stream: bool, body: bytes | None, is_answered: bool
) -> None:
    flow = tflow.tflow()
    flow.request.http_version = version
    flow.request.headers = http.Headers(
        [(name.encode(), value.encode()) for name, value in fields.items()]
    )
    flow.request.stream = stream
    flow.request.data.content = body
    send_refusal(flow, refuse(Reason.CONFLICT))
    assert (flow.response is not None) is is_answered
    assert flow.request.stream is not is_answered


def test_a_short_body_is_waited_for_whoever_streams_it_later() -> None:
    flow = tflow.tflow()
    flow.request.headers = http.Headers([(b"content-length", b"65536")])
    flow.request.data.content = None
    send_refusal(flow, refuse(Reason.CONFLICT))
    assert flow.response is None
    assert not flow.request.stream


def test_a_client_that_waits_for_100_is_refused_first() -> None:
    flow = tflow.tflow()
    flow.request.headers = http.Headers(
        [(b"content-length", b"65537"), (b"expect", b"100-continue")]
    )
    flow.request.data.content = None
    send_refusal(flow, refuse(Reason.CONFLICT))
    assert "expect" not in flow.request.headers


def test_an_answer_to_head_has_no_body_and_says_how_long_it_would_be() -> None:
    response = answer(refuse(Reason.CONFLICT), "HEAD")
    assert response.raw_content == b""
    assert int(response.headers["content-length"]) > 100
