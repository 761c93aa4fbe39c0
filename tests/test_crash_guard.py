"""What mitmproxy crashes over ends, and is logged and counted."""

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mitmproxy import http
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.test import taddons, tflow

from harness import API, Stage, bearer, request, token, wait_for
from http2_client import Http2Client
from hublet_router.proxy.engine.crash_guard import end_crashed


class AnswersAndStreams:
    """Another addon that asks for what mitmproxy cannot do (its issue 1115)."""

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if "crash" in flow.request.path:
            flow.response = http.Response.make(200)
            flow.request.stream = True


class AnswersNonsense:
    """Another addon that makes an answer which cannot be written."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if "crash" in flow.request.path and flow.response:
            flow.response.data.reason = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("client_speaks", "addon"),
    [("http/1.1", AnswersAndStreams), ("h2", AnswersAndStreams), ("http/1.1", AnswersNonsense)],
)
def test_a_request_that_crashes_ends_and_is_logged_and_counted(
    stage: Stage, tmp_path: Path, client_speaks: str, addon: type[Any]
) -> None:
    stage.regions("eu1", certified=[API])
    log = tmp_path / "log.jsonl"
    stage.proxy(beside=[addon()], hublet_log=str(log), hublet_metrics="127.0.0.1:0")
    crash(stage, client_speaks)
    counters = stage.router.metrics.counters
    assert counters
    wait_for(lambda: counters.in_flight == set())
    with stage.client(API) as plain:
        assert plain.get("/on", bearer("eu1")).hublet == "eu1"
    stage.set_option(hublet_log=None)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["hublet"] for line in lines] == ["eu1", "eu1"]
    assert lines[0]["error"]
    assert lines[1]["error"] is None


def crash(stage: Stage, client_speaks: str) -> None:
    if client_speaks == "h2":
        with Http2Client(stage.port) as client:
            stream = client.start("POST", "/crash", token("eu1"), ("content-length", "1"))
            with pytest.raises(AssertionError, match="closed"):
                client.answer(stream)
    else:
        with stage.client(API) as plain:
            plain.socket.sendall(request("POST", "/crash", bearer("eu1"), body=b"x"))
            assert plain.receive_until(b"\r\n\r\n") == b""


def test_what_mitmproxy_fails_to_end_itself_is_ended_when_its_client_leaves() -> None:
    """It goes through the streams of a client in turn, and stops at one that crashes again."""
    ended: list[http.HTTPFlow] = []

    class Ended:
        def error(self, flow: http.HTTPFlow) -> None:
            ended.append(flow)

    def stream(*, live: bool = True, err: bool = False, **other: object) -> SimpleNamespace:
        flow = tflow.tflow(err=err)
        flow.live = live
        return SimpleNamespace(**{"flow": flow, "child_layer": None, "_paused": None, **other})

    crashed = stream()
    others = [stream(live=False), stream(err=True), stream(child_layer=1), stream(_paused=1)]
    streams = dict(enumerate([SimpleNamespace(), crashed, *others]))

    async def main() -> None:
        with taddons.context(Ended()):
            end_crashed(cast(HttpLayer, SimpleNamespace(streams=streams)))

    asyncio.run(main())
    assert ended == [crashed.flow]
    assert crashed.flow.error
    assert not crashed.flow.live
