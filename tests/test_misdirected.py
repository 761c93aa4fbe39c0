"""Wrong-Hublet answers on the wire: passed on as they are, and noticed."""

import asyncio
import json
from pathlib import Path

import pytest
from mitmproxy.flowfilter import match
from mitmproxy.http import HTTPFlow, Response

from flows.record import save
from harness import Behaviour, Stage, bearer, read_request, request, wait_for
from test_decision_log import lines
from test_metrics_server import fetch

MISDIRECTED = "misdirected: {status: 488, header: x-hubspot-correct-hublet, json: correctHublet}"


def answering(head: str, body: bytes = b"", *, is_whole: bool = True) -> Behaviour:
    """Answer each request with that."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_request(reader, bytearray()):
            length = len(body) if is_whole else len(body) + 1
            writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n".encode() + body)
            await writer.drain()
            if not is_whole:
                return

    return behave


def start(stage: Stage, behaviour: Behaviour | None, log: Path | None = None) -> None:
    stage.upstream("na1", behaviour=behaviour)
    stage.upstream("eu1")
    stage.table(stage.table_text(more=MISDIRECTED))
    stage.proxy(hublet_metrics=":0", hublet_log=str(log) if log else None)


@pytest.mark.parametrize(
    ("head", "body", "named"),
    [
        ("488 Wrong\r\nX-HubSpot-Correct-Hublet: eu1", b"", "eu1"),
        ("488 Wrong\r\nContent-Type: application/json", b'{"correctHublet": "eu1"}', "eu1"),
        ("488 Wrong", b'{"correctHublet": "zz9"}', "-"),
        ("421 Misdirected Request", b"", "-"),
        ("477 Migrating\r\nRetry-After: 60", b"", "migrating"),
    ],
)
def test_it_is_noticed_and_passed_on_untouched(
    stage: Stage, caplog: pytest.LogCaptureFixture, head: str, body: bytes, named: str
) -> None:
    start(stage, answering(head, body))
    raw = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with stage.client() as client:
        for _ in range(2):
            client.socket.sendall(request("GET", "/?hapikey=0", host="api.hubapi.com"))
            received = client.receive_until(b"\r\n\r\n")
            while len(received) < len(raw):
                received += client.socket.recv(65536)
            assert received == raw
    flow = stage.seen.flows[0]
    assert match(f"~meta '^hublet_misdirected: {named}$'", flow)
    assert flow.marked == ":x:"
    assert flow.comment == f"na1 ← legacy (api-key); misdirected: {named}"
    assert stage.router.misdirected.counts == {("na1", named): 2}
    said = f"hublet_misdirected: {named}, says the answer to 'na1 ← legacy (api-key)'"
    assert caplog.messages.count(said) == 1


@pytest.mark.parametrize("head", ["488 Wrong", "404 Not Found", "200 OK"])
def test_any_other_answer_is_nothing_special(stage: Stage, head: str) -> None:
    start(stage, answering(head, b'{"message": "eu1"}'))
    assert stage.get("/", bearer("na1")).status == int(head[:3])
    assert "hublet_misdirected" not in stage.seen.flows[0].metadata
    assert not stage.router.misdirected.counts


def test_our_own_421_is_none(stage: Stage) -> None:
    start(stage, None)
    with stage.client() as client:
        assert client.get("/", bearer("zz9")).status == 421
        stage.router.live.table = None
        assert client.get("/", bearer("eu1")).status == 503
    assert not stage.router.misdirected.counts


class Answerer:
    """Another addon, which answers itself."""

    def request(self, flow: HTTPFlow) -> None:
        flow.response = Response.make(421)


def test_nor_is_that_of_another_addon(stage: Stage) -> None:
    start(stage, None)
    stage.loop.call_soon_threadsafe(stage.master.addons.add, Answerer())
    assert stage.get("/", bearer("eu1")).status == 421
    assert not stage.router.misdirected.counts


def test_an_answer_that_is_streamed_is_not_buffered_for_it(stage: Stage) -> None:
    body = b'{"correctHublet": "eu1"}'.ljust(200_000)
    start(stage, answering("488 Wrong", body))
    assert stage.get("/", bearer("na1")).body == body
    wait_for(lambda: stage.seen.flows)
    flow = stage.seen.flows[0]
    assert flow.response
    assert flow.response.raw_content is None
    assert flow.metadata["hublet_misdirected"] == "-"


def test_its_head_counts_even_when_the_rest_does_not_come(stage: Stage) -> None:
    start(
        stage, answering("488 Wrong\r\nX-HubSpot-Correct-Hublet: eu1", b"x" * 100, is_whole=False)
    )
    with stage.client() as client:
        client.socket.sendall(request("GET", "/", bearer("na1")))
        assert client.receive_until(b"}\n").startswith(b"HTTP/1.1 502 ")
    (flow,) = stage.seen.flows
    assert flow.error
    assert stage.router.misdirected.counts == {("na1", "eu1"): 1}


def test_the_log_and_the_metrics_have_it(stage: Stage, tmp_path: Path) -> None:
    log = tmp_path / "decisions.jsonl"
    start(stage, answering("488 Wrong\r\nX-HubSpot-Correct-Hublet: eu1"), log)
    with stage.client() as client:
        client.get("/", bearer("na1"))
        client.get("/", bearer("eu1"))
    wrong, right = lines(log, 2)
    assert (wrong["misdirected"], wrong["reason"], wrong["status"]) == ("eu1", "credential", 488)
    assert right["misdirected"] is None
    scraped = fetch(stage.metrics_port, "/metrics")[1]
    assert 'hublet_misdirected_total{named="eu1",sent="na1"} 1.0' in scraped


def test_law_4_what_an_answer_says_is_no_label_and_not_shown(
    stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A Hublet may echo what it was sent."""
    log, secret = tmp_path / "decisions.jsonl", "pat-na1-00000000-secret"
    head = f"488 Wrong\r\nX-HubSpot-Correct-Hublet: {secret}"
    body = json.dumps({"correctHublet": secret}).encode()
    start(stage, answering(head, body), log)
    stage.get("/", f"Authorization: Bearer {secret}")
    lines(log, 1)
    assert stage.router.misdirected.counts == {("na1", "-"): 1}
    (flow,) = stage.seen.flows
    shown = (flow.metadata, flow.comment, log.read_text(), fetch(stage.metrics_port, "/metrics")[1])
    assert "secret" not in f"{shown}{caplog.text}"


def test_a_replay_begins_anew(stage: Stage, tmp_path: Path) -> None:
    start(stage, None)
    flow = None
    stage.get("/", bearer("na1"))
    (flow,) = stage.seen.flows
    flow.metadata["hublet_misdirected"], flow.marked = "eu1", ":x:"
    saved = save([flow], tmp_path / "flows.mitm")
    stage.set_option(client_replay=[str(saved)])
    wait_for(lambda: len(stage.seen.flows) == 2)
    again = stage.seen.flows[1]
    assert (again.marked, again.metadata.get("hublet_misdirected")) == ("", None)
