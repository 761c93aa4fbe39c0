"""WebSocket cases after the Autobahn suite, in raw frames, numbered as there.

Its client is written for Python 2. What is here is each kind of case that can differ behind a
proxy: sizes, control frames, reserved bits and opcodes, fragments, UTF-8, and the ways to close.
"""

import asyncio
import base64
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    TextMessage,
)

SECONDS = 10
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {TEXT: "text", BINARY: "binary", CLOSE: "close", PING: "ping", PONG: "pong"}


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0) -> bytes:
    """Return a frame as a client sends it."""
    size = len(payload)
    head = bytes([final << 7 | reserved << 4 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + size.to_bytes(2)
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8)
    mask = os.urandom(4)
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """Apply a mask to all bytes at once."""
    size = len(payload)
    whole = int.from_bytes((mask * (size // 4 + 1))[:size]) ^ int.from_bytes(payload)
    return whole.to_bytes(size)


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Return a frame that closes."""
    return frame(CLOSE, (b"" if code is None else code.to_bytes(2)) + reason)


@dataclass(frozen=True)
class Case:
    """What a client sends, in pieces, and what it has to get before the connection closes.

    Where it `fails`, its peer has to close at once, with a code for that or without one.
    """

    number: str
    sends: tuple[bytes, ...]
    gets: tuple[str, ...] = ()
    fails: bool = False


def fragments(*payloads: bytes, first: int = TEXT) -> list[bytes]:
    """Return the frames of one message."""
    last = len(payloads) - 1
    return [
        frame(CONTINUATION if number else first, payload, final=number == last)
        for number, payload in enumerate(payloads)
    ]


def chopped(data: bytes, size: int = 1) -> tuple[bytes, ...]:
    """Cut what is sent into pieces."""
    return tuple(data[start : start + size] for start in range(0, len(data), size))


GREEK = "κόσμε".encode()
SURROGATE, TOO_LARGE = b"\xed\xa0\x80", b"\xf4\x90\x80\x80"


def sizes() -> Iterator[Case]:
    """1: messages of one frame. 9, 10: long ones, and in many fragments."""
    for group, opcode, byte in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        shown = NAMES[opcode]
        for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
            gets = (f"{shown} {size}",)
            yield Case(f"1.{group}.{number}", (frame(opcode, byte * size),), gets)
        whole = frame(opcode, byte * 65536)
        yield Case(f"1.{group}.8", chopped(whole, 997), (f"{shown} 65536",))
        yield Case(f"9.{group}.1", (frame(opcode, byte * (1 << 20)),), (f"{shown} {1 << 20}",))
        parts = [byte * 4096] * 64
        sends = tuple(fragments(*parts, first=opcode))
        yield Case(f"9.{group + 2}.4", sends, (f"{shown} {1 << 18}",))
    parts = [b"*" * 1300] * 50 + [b"*" * 536]
    yield Case("10.1.1", tuple(fragments(*parts)), ("text 65536",))


def pings() -> Iterator[Case]:
    """2: pings and pongs."""
    for number, payload in enumerate(
        (b"", b"Hello, world!", b"\0\xff\xfe\xfd\xfb\0\xff", b"\xfe" * 125), 1
    ):
        yield Case(f"2.{number}", (frame(PING, payload),), (f"pong {payload.hex()}",))
    yield Case("2.5", (frame(PING, b"\xfe" * 126),), fails=True)
    payload = b"\xfe" * 125
    yield Case("2.6", chopped(frame(PING, payload)), (f"pong {payload.hex()}",))
    yield Case("2.7", (frame(PONG),))
    yield Case("2.8", (frame(PONG, b"unsolicited"),))
    yield Case("2.9", (frame(PONG, b"unsolicited"), frame(PING, b"1")), ("pong 31",))
    ten = [b"payload-%d" % number for number in range(10)]
    pongs = tuple(f"pong {it.hex()}" for it in ten)
    yield Case("2.10", tuple(frame(PING, it) for it in ten), pongs)
    yield Case("2.11", chopped(b"".join(frame(PING, it) for it in ten)), pongs)


def reserved() -> Iterator[Case]:
    """3, 4: reserved bits and opcodes."""
    hello = frame(TEXT, b"Hello")
    yield Case("3.1", (frame(TEXT, b"Hello", reserved=1),), fails=True)
    for number, bits in enumerate((2, 3, 4), 2):
        sends = (hello, frame(TEXT, b"Hello", reserved=bits), frame(PING))
        yield Case(f"3.{number}", sends, ("text 5",), fails=True)
    yield Case("3.5", (frame(BINARY, b"Hello", reserved=5),), fails=True)
    yield Case("3.6", (frame(PING, b"Hello", reserved=6),), fails=True)
    yield Case("3.7", (frame(CLOSE, reserved=7),), fails=True)
    for group, opcodes in ((1, range(3, 8)), (2, range(11, 16))):
        for number, opcode in enumerate(opcodes, 1):
            yield Case(
                f"4.{group}.{number}", (hello, frame(opcode), frame(PING)), ("text 5",), fails=True
            )


def fragmented() -> Iterator[Case]:
    """5: messages in fragments, and control frames between them."""
    one, two = fragments(b"fragment1", b"fragment2")
    for number, opcode in ((1, PING), (2, PONG)):
        broken = (frame(opcode, b"fragment1", final=False), frame(CONTINUATION, b"fragment2"))
        yield Case(f"5.{number}", broken, fails=True)
    yield Case("5.3", (one, two), ("text 18",))
    yield Case("5.4", (one + two,), ("text 18",))
    yield Case("5.5", chopped(one + two), ("text 18",))
    ping = frame(PING, b"ping")
    yield Case("5.6", (one, ping, two), ("pong 70696e67", "text 18"))
    yield Case("5.8", chopped(one + ping + two), ("pong 70696e67", "text 18"))
    stray = frame(CONTINUATION, b"nothing to continue")
    yield Case("5.9", (stray + frame(TEXT, b"Hello"),), fails=True)
    yield Case(
        "5.12", (frame(CONTINUATION, b"x", final=False) + frame(TEXT, b"Hello"),), fails=True
    )
    yield Case(
        "5.15",
        (one + two + frame(CONTINUATION, b"3", final=False) + frame(TEXT, b"4"),),
        ("text 18",),
        fails=True,
    )
    twice = frame(TEXT, b"fragment1", final=False) + frame(TEXT, b"fragment2")
    yield Case("5.18", (twice,), fails=True)
    five = fragments(b"1", b"2", b"3", b"4", b"5")
    between = [five[0], five[1], frame(PING, b"1"), five[2], five[3], frame(PING, b"2"), five[4]]
    yield Case("5.19", tuple(between), ("pong 31", "pong 32", "text 5"))
    yield Case("5.20", (b"".join(between),), ("pong 31", "pong 32", "text 5"))


def texts() -> Iterator[Case]:
    """6: text that is UTF-8, or is not."""
    size = f"text {len(GREEK)}"
    yield Case("6.1.1", (frame(TEXT),), ("text 0",))
    yield Case("6.1.2", tuple(fragments(b"", b"", b"")), ("text 0",))
    yield Case("6.1.3", tuple(fragments(b"", b"middle", b"")), ("text 6",))
    yield Case("6.2.1", (frame(TEXT, GREEK),), (size,))
    yield Case("6.2.3", tuple(fragments(*chopped(GREEK))), (size,))
    yield Case("6.2.4", tuple(fragments(GREEK[:3], GREEK[3:])), (size,))
    for group, wrong in ((3, SURROGATE), (4, TOO_LARGE)):
        yield Case(f"6.{group}.1", (frame(TEXT, GREEK + wrong + b"edited"),), fails=True)
        yield Case(f"6.{group}.2", tuple(fragments(GREEK, wrong, b"edited")), fails=True)
    yield Case("6.6.1", (frame(TEXT, GREEK[:1]),), fails=True)
    yield Case("6.8.1", (frame(TEXT, b"\xf8\x88\x80\x80\x80"),), fails=True)
    yield Case("6.12.1", (frame(TEXT, b"\xc0\xaf"),), fails=True)
    yield Case("6.22.1", (frame(TEXT, "\ufffe".encode()),), ("text 3",))


def closes() -> Iterator[Case]:
    """7: ways to close; the answer has the code that was sent."""
    hello = frame(TEXT, b"Hello")
    yield Case("7.1.1", (hello, close()), ("text 5", "close 1000"))
    yield Case("7.1.2", (close() + close(),), ("close 1000",))
    yield Case("7.1.3", (close() + frame(PING, b"late"),), ("close 1000",))
    yield Case("7.1.4", (close() + hello,), ("close 1000",))
    yield Case(
        "7.1.5",
        (frame(TEXT, b"1", final=False) + close() + frame(CONTINUATION, b"2"),),
        ("close 1000",),
    )
    yield Case("7.3.1", (close(None),), ("close",))
    yield Case("7.3.2", (frame(CLOSE, b"a"),), fails=True)
    yield Case("7.3.4", (close(1000, b"Hello"),), ("close 1000",))
    yield Case("7.3.5", (close(1000, b"*" * 123),), ("close 1000",))
    yield Case("7.3.6", (close(1000, b"*" * 124),), fails=True)
    yield Case("7.5.1", (close(1000, GREEK + SURROGATE),), fails=True)
    for number, code in enumerate(
        (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999), 1
    ):
        yield Case(f"7.7.{number}", (close(code),), (f"close {code}",))
    for number, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999), 1):
        yield Case(f"7.9.{number}", (close(code),), fails=True)


LOST = {"7.1.1"}
"""Cases that fail behind mitmproxy: it closes both sides when one does, and loses what comes."""

CASES = [*sizes(), *pings(), *reserved(), *fragmented(), *texts(), *closes()]


def upgrade(port: int, host: str, *fields: str) -> socket.socket:
    """Open a WebSocket, and return its connection."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /ws HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *fields, "", "",
    ]  # fmt: skip
    connection = socket.create_connection(("127.0.0.1", port), SECONDS)
    connection.sendall("\r\n".join(lines).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n") and (byte := connection.recv(1)):
        head += byte
    assert head.startswith(b"HTTP/1.1 101 "), head
    return connection


def outcome(case: Case, connection: socket.socket) -> str:
    """Return what a client gets in a case: "" where that is right."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    got: list[str] = []
    received = bytearray()
    try:
        for piece in case.sends:
            connection.sendall(piece)
        has_closed = case.fails or any(it.startswith("close") for it in case.gets)
        while True:
            if len(got) >= len(case.gets) and not has_closed:
                connection.sendall(close())
                has_closed = True
            if not (data := connection.recv(1 << 16)):
                break
            received += data
            got += frames(received)
    except TimeoutError:
        return f"got {got}, and waits"
    except OSError:
        pass  # it may be cut, but what came before counts
    return judged(case, got)


def judged(case: Case, got: Sequence[str]) -> str:
    """Return what is wrong with an outcome."""
    end = got[len(case.gets) :]
    right = tuple(got[: len(case.gets)]) == case.gets
    if case.fails:
        # what came before the fault may be answered or not, but nothing after it
        before = [it for it in got if not it.startswith("close")]
        codes = {"close 1002", "close 1007"}
        right = before == [*case.gets][: len(before)]
        right &= all(it in codes for it in got if it.startswith("close"))
    elif not any(it.startswith("close") for it in case.gets):
        right &= [*end] == ["close 1000"]
    return "" if right else f"got {[*got]}"


def frames(received: bytearray) -> Iterator[str]:
    """Take whole frames from what a server has sent; fragments are joined to their message."""
    while len(received) >= 2:
        size, start = received[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            if len(received) < start:
                return
            size = int.from_bytes(received[2:start])
        if len(received) < start + size:
            return
        opcode, payload = received[0] & 15, bytes(received[start : start + size])
        del received[: start + size]
        if opcode == CLOSE:
            yield f"close {int.from_bytes(payload[:2])}" if payload else "close"
        elif opcode in (TEXT, BINARY):
            yield f"{NAMES[opcode]} {size}"
        else:
            yield f"{NAMES.get(opcode, opcode)} {payload.hex()}"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send each message back in one frame, as strictly as wsproto is."""
    connection = WSConnection(ConnectionType.SERVER)
    connection.receive_data(await reader.readuntil(b"\r\n\r\n"))
    next(connection.events())
    writer.write(connection.send(AcceptConnection()))
    message = b""
    while data := await reader.read(1 << 16):
        connection.receive_data(data)
        for event in connection.events():
            match event:
                case Ping():
                    writer.write(connection.send(event.response()))
                case CloseConnection():
                    writer.write(connection.send(event.response()))
                    return
                case TextMessage() | BytesMessage():
                    is_text = isinstance(event.data, str)
                    message += event.data.encode() if isinstance(event.data, str) else event.data
                    if event.message_finished:
                        whole = TextMessage(message.decode()) if is_text else BytesMessage(message)
                        writer.write(connection.send(whole))
                        message = b""
        await writer.drain()
