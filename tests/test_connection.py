"""A connection from HAProxy, over a real socket."""

import logging
import socket
import threading
from collections.abc import Iterator, Mapping

import pytest

from cases import cases
from harness import SECONDS, Stage, wait_for
from hublet_router.agent import spop
from hublet_router.agent.connection import Connection
from hublet_router.agent.spop import Value, set_variable
from test_spop import HELLO, message


class Peer:
    """HAProxy's side."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(SECONDS)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def receive(self) -> spop.Frame | None:
        """The next frame; None at the end."""
        length = self.file.read(4)
        return spop.parse(self.file.read(int.from_bytes(length))) if length else None

    def greet(self) -> spop.Frame | None:
        self.send(spop.frame(spop.HAPROXY_HELLO, b"\0\0", spop.key_values(HELLO)))
        return self.receive()


class Listener:
    """The agent's side: it answers with the arguments that it was asked with."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.connections: set[Connection] = set()
        self.peers: list[Peer] = []

        async def listen() -> None:
            self.server = await stage.loop.create_server(
                lambda: Connection(self.decide, self.connections), "127.0.0.1", 0
            )

        stage.call(listen())
        self.server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.port = self.server.sockets[0].getsockname()[1]

    def decide(self, name: str, arguments: Mapping[str, Value], frame: spop.Frame) -> bytes:
        return set_variable("said", f"{name} {arguments['n']!r} {frame.stream}")

    def peer(self) -> Peer:
        self.peers.append(Peer(self.port))
        return self.peers[-1]

    def close(self) -> None:
        for peer in self.peers:
            peer.file.close()
            peer.socket.close()

        async def close() -> None:
            self.server.close()

        self.stage.call(close())


@pytest.fixture
def listener(stage: Stage) -> Iterator[Listener]:
    it = Listener(stage)
    yield it
    it.close()


def notify(stream: int, *numbers: int) -> bytes:
    payload = b"".join(message("decide", {"n": number}) for number in numbers)
    return spop.frame(spop.NOTIFY, spop.varint(stream) + b"\1", payload)


def said(frame: spop.Frame | None, *words: str) -> bool:
    return frame is not None and frame.payload == b"".join(set_variable("said", it) for it in words)


def assert_farewell(peer: Peer) -> bytes:
    """The agent says why it ends the connection, which is returned, and ends it."""
    frame = peer.receive()
    assert frame
    assert frame.kind == spop.AGENT_DISCONNECT
    assert peer.receive() is None
    return frame.payload


def test_questions_are_answered_in_order_with_their_identifiers(listener: Listener) -> None:
    peer = listener.peer()
    hello = peer.greet()
    assert hello
    assert hello.kind == spop.AGENT_HELLO
    peer.send(notify(7, 1), notify(300, 2, 3), spop.frame(99, b"\0\0", b""), notify(8))
    first, second = peer.receive(), peer.receive()
    assert first
    assert (first.kind, first.ids) == (spop.ACK, b"\7\1")
    assert said(first, "decide 1 7")
    assert said(second, "decide 2 300", "decide 3 300")
    assert said(peer.receive())


def test_a_frame_may_come_byte_by_byte(listener: Listener) -> None:
    peer = listener.peer()
    peer.greet()
    for byte in notify(7, 1) + notify(8, 2)[:-1]:
        peer.send(bytes((byte,)))
    assert said(peer.receive(), "decide 1 7")
    peer.send(notify(8, 2)[-1:])
    assert said(peer.receive(), "decide 2 8")


@cases(
    ("data", "status", "reason"),
    {
        "no greeting": (notify(1, 1), 4, "invalid frame received"),
        "no frame": (b"GET / HTTP/1.1\r\n\r\n", 3, "frame is too big"),
        "an empty greeting": (
            spop.frame(spop.HAPROXY_HELLO, b"\0\0", b""),
            8,
            "unsupported version",
        ),
    },
)
def test_another_protocol_is_disconnected_with_a_reason(
    listener: Listener, caplog: pytest.LogCaptureFixture, data: bytes, status: int, reason: str
) -> None:
    caplog.set_level(logging.ERROR)
    peer = listener.peer()
    peer.send(data)
    assert assert_farewell(peer).startswith(b"\x0bstatus-code\x03%c" % status)
    wait_for(lambda: not listener.connections)
    assert caplog.messages == [f"HAProxy is disconnected: {reason}"]


def test_a_frame_over_the_size_that_was_agreed_upon_is_too_big(listener: Listener) -> None:
    peer = listener.peer()
    peer.greet()
    largest = spop.frame(99, b"\0\0", bytes(16380 - 7))
    peer.send(largest, notify(1, 1), (16381).to_bytes(4))
    assert said(peer.receive(), "decide 1 1")
    assert_farewell(peer)


def test_what_was_asked_before_a_fault_has_its_answer_and_what_comes_after_has_none(
    listener: Listener,
) -> None:
    peer = listener.peer()
    peer.greet()
    peer.send(notify(1, 1), spop.frame(spop.NOTIFY, b"\2\1", b"\1"), notify(3, 3))
    assert said(peer.receive(), "decide 1 1")
    assert_farewell(peer)


def test_a_farewell_of_haproxy_is_answered_and_no_fault(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    peer = listener.peer()
    peer.greet()
    peer.send(spop.frame(spop.HAPROXY_DISCONNECT, b"\0\0", b""))
    assert assert_farewell(peer) == spop.key_values({"status-code": 0, "message": "normal"})
    assert caplog.text == ""


def test_close_says_farewell(listener: Listener, stage: Stage) -> None:
    peer = listener.peer()
    peer.greet()
    (connection,) = listener.connections

    async def close() -> None:
        connection.close()

    stage.call(close())
    assert_farewell(peer)


def test_a_haproxy_that_does_not_read_is_not_read_either(listener: Listener) -> None:
    peer = listener.peer()
    peer.greet()
    asking = threading.Thread(target=peer.send, args=[notify(7, *range(1000))] * 40)
    asking.start()
    (connection,) = listener.connections
    wait_for(lambda: not connection._transport.is_reading())
    for _ in range(40):
        assert peer.receive()
    asking.join(SECONDS)
    wait_for(connection._transport.is_reading)
