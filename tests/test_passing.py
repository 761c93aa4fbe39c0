"""Answers reach their client as they come, and unchanged."""

import asyncio

import pytest
from mitmproxy.http import HTTPFlow, Response

from harness import API, Stage, bearer, request, wait_for
from hublet_router.proxy.routing.passing import Passing, keep_copy, pass_on


def test_each_event_arrives_before_the_next_is_sent(stage: Stage) -> None:
    got = [asyncio.Event() for _ in range(3)]

    async def send_events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number, event in enumerate(got):
            writer.write(b"data: %d\n\n" % number)
            await event.wait()

    stage.upstream("eu1", behaviour=send_events)
    stage.table()
    stage.proxy()
    with stage.client() as client:
        client.socket.sendall(request("GET", "/events", bearer("eu1")))
        received = b""
        for number, event in enumerate(got):
            received += client.receive_until(b"data: %d\n\n" % number)
            assert b"data: %d" % number in received
            stage.loop.call_soon_threadsafe(event.set)
    wait_for(lambda: stage.seen.flows)


def test_a_short_answer_is_kept_for_who_looks_at_it_and_a_long_one_is_not(stage: Stage) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int((await reader.readuntil(b"\r\n\r\n")).split()[1][1:])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)

    stage.upstream("eu1", behaviour=answer)
    stage.table()
    stage.proxy()
    for size in (0, 3, 65536, 65537):
        assert stage.get(f"/{size}", bearer("eu1")).body == b"x" * size
    wait_for(lambda: len(stage.seen.flows) == 4)
    kept = [flow.response and flow.response.raw_content for flow in stage.seen.flows]
    assert kept == [b"", b"xxx", b"x" * 65536, None]


class Answers:
    """Another addon that answers by the head."""

    def requestheaders(self, flow: HTTPFlow) -> None:
        flow.response = Response.make(204)


def test_an_upload_that_another_addon_answers_is_not_passed_on(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """mitmproxy would crash (its issue 1115)."""
    stage.regions("eu1")
    stage.proxy(beside=[Answers()])
    fields = [f"Host: {API}", bearer("eu1"), "Transfer-Encoding: chunked", "", ""]
    upload = "\r\n".join(["PUT / HTTP/1.1", *fields]).encode() + b"1\r\nx\r\n0\r\n\r\n"
    assert stage.send(upload, "PUT").status == 204
    assert "crashed" not in caplog.text
    assert stage.arrivals() == {"eu1": 0}


def test_a_grpc_call_that_another_addon_answers_keeps_its_answer(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy(beside=[Answers()])
    call = request("POST", "/", bearer("eu1"), "Content-Type: application/grpc")
    assert stage.send(call, "POST").status == 204


class Edits:
    """Another addon that edits a body once it is whole."""

    def request(self, flow: HTTPFlow) -> None:
        flow.request.content = b"edited"


def test_an_upload_with_a_length_is_whole_where_another_addon_looks(stage: Stage) -> None:
    (eu1,) = stage.regions("eu1")
    stage.proxy(beside=[Edits()])
    assert stage.send(request("PUT", "/", bearer("eu1"), body=b"as sent"), "PUT").hublet == "eu1"
    assert eu1.only.endswith(b"\r\n\r\nedited")


def test_alt_svc_arrives_as_it_was_sent(stage: Stage) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nAlt-Svc: h3=":443"\r\nContent-Length: 0\r\n\r\n')

    stage.upstream("eu1", behaviour=answer)
    stage.table()
    stage.proxy()
    assert stage.get("/", bearer("eu1")).headers["alt-svc"] == 'h3=":443"'


def test_what_another_addon_streams_stays_its_own() -> None:
    response = Response.make(200)
    response.stream = True
    pass_on(response, None)
    keep_copy(response)
    assert response.stream is True


def test_the_size_of_a_long_answer_is_counted() -> None:
    passing = Passing()
    assert [passing(b"x" * 40000), passing(b"y" * 40000)] == [b"x" * 40000, b"y" * 40000]
    assert (passing.size, passing.content) == (80000, None)
