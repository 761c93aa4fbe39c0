"""The router's own answers."""

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from hublet_router.core.decision import Reason, refuse
from hublet_router.proxy.routing.refusal import answer, send_refusal


@pytest.mark.parametrize(
    ("version", "fields", "body", "outcome"),
    [
        ("HTTP/1.1", {}, None, "answered"),
        ("HTTP/1.1", {"content-length": "65536"}, None, "waits"),
        ("HTTP/1.1", {"content-length": "65537"}, None, "streamed"),
        ("HTTP/1.1", {"transfer-encoding": "chunked"}, None, "waits"),
        ("HTTP/2.0", {}, None, "waits"),
        ("HTTP/2.0", {}, b"", "answered"),
        ("HTTP/1.1", {"content-length": "5"}, b"whole", "answered"),
        ("HTTP/1.1", {"content-length": "65536"}, b"x" * 65536, "answered"),
        ("HTTP/1.1", {"content-length": "99999"}, b"x" * 99999, "streamed"),
    ],
    ids=[
        "none",
        "short",
        "long",
        "chunked",
        "h2",
        "h2 at its end",
        "whole",
        "whole and just short enough",
        "a long replay",
    ],
)
def test_a_body_that_is_there_is_answered_and_one_that_is_long_is_streamed(
    version: str, fields: dict[str, str], body: bytes | None, outcome: str
) -> None:
    flow = tflow.tflow()
    flow.request.http_version = version
    flow.request.headers = http.Headers(
        [(name.encode(), value.encode()) for name, value in fields.items()]
    )
    flow.request.data.content = body
    send_refusal(flow, refuse(Reason.CONFLICT))
    assert (flow.response is not None) is (outcome == "answered")
    assert flow.request.stream is (outcome == "streamed")


@pytest.mark.parametrize(
    "fields", [[(b"content-length", b"5")], [(b"transfer-encoding", b"chunked")]]
)
def test_a_client_that_waits_for_100_is_refused_first(fields: list[tuple[bytes, bytes]]) -> None:
    flow = tflow.tflow()
    flow.request.headers = http.Headers([*fields, (b"expect", b"100-continue")])
    flow.request.data.content = None
    send_refusal(flow, refuse(Reason.CONFLICT))
    assert "expect" not in flow.request.headers
    assert flow.request.stream


def test_an_answer_to_head_has_no_body_and_says_how_long_it_would_be() -> None:
    response = answer(refuse(Reason.CONFLICT), "HEAD")
    assert response.raw_content == b""
    assert int(response.headers["content-length"]) > 100
