"""SPOP, the protocol in which HAProxy asks an agent: frames from and to bytes, and no socket.

Sections are those of HAProxy's doc/SPOE.txt, version 2.0 of the protocol. A payload that is split
into several frames (section 3.2, "fragmentation") is not announced, so HAProxy sends none.
"""

import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

# Section 3.2.2
HAPROXY_HELLO, HAPROXY_DISCONNECT, NOTIFY = 1, 2, 3
AGENT_HELLO, AGENT_DISCONNECT, ACK = 101, 102, 103

# Section 3.5
NORMAL, TOO_BIG, INVALID, NO_FRAME_SIZE, BAD_VERSION, BAD_FRAME_SIZE = 0, 3, 4, 6, 8, 9
_ERRORS = {
    NORMAL: "normal",
    TOO_BIG: "frame is too big",
    INVALID: "invalid frame received",
    NO_FRAME_SIZE: "max-frame-size value not found",
    BAD_VERSION: "unsupported version",
    BAD_FRAME_SIZE: "max-frame-size too big or too small",
}

VERSION = "2.0"
MIN_FRAME, MAX_FRAME = 256, 1 << 20
"""Bytes of a frame that peers have to take (section 3.2), and that this one takes."""

_FIN = 1  # section 3.2, FLAGS
_SET_VAR, _TRANSACTION = 1, 2  # section 3.4
_TEXT, _LONG = 8, 240  # section 3.1: a type, and the first integer of more than a byte
_IDS = re.compile(rb"(?:[\0-\xef]|[\xf0-\xff][\x80-\xff]{0,8}[\0-\x7f]){2}")
_HEAD = struct.Struct(">IBI")  # section 3.2: a frame's length, type and flags

type Value = str | bytes | int | bool | None
"""Typed data (section 3.1); text is ISO 8859-1, one character a byte."""


class FrameError(Exception):
    """A frame that breaks the protocol; `status` is the code of section 3.5."""

    def __init__(self, status: int = INVALID) -> None:
        self.status = status
        super().__init__(_ERRORS[status])


class Frame(NamedTuple):
    """A frame: its type, the identifiers that its answer repeats, and its payload."""

    kind: int
    ids: bytes
    payload: bytes

    @property
    def stream(self) -> int:
        """The identifier of the stream: `%rt` in a log of HAProxy."""
        return _varint(self.ids, 0)[0]


def parse(frame: bytes) -> Frame:
    """Read a frame without its length (section 3.2); raise FrameError."""
    ids = _IDS.match(frame, 5)
    if not ids or not frame[4] & _FIN:
        raise FrameError
    return Frame(frame[0], ids[0], frame[ids.end() :])


def messages(payload: bytes) -> list[tuple[str, dict[str, Value]]]:
    """Return the name and the arguments of each message of a NOTIFY; raise FrameError."""
    found = []
    at = 0
    try:
        text = payload.decode("latin-1")
        while at < len(payload):
            name, at = _text(payload, text, at)
            arguments, at = _pairs(payload, text, at + 1, payload[at])
            found.append((name, arguments))
    except IndexError as error:
        raise FrameError from error
    return found


def greeting(hello: Frame) -> tuple[bytes, int]:
    """Return the AGENT-HELLO for a HAPROXY-HELLO (sections 3.2.4, 3.2.5), and the largest frame.

    That is in bytes. Raises FrameError. After a health check, HAProxy closes the connection.
    """
    if hello.kind != HAPROXY_HELLO:
        raise FrameError
    try:
        given, _ = _pairs(hello.payload, hello.payload.decode("latin-1"), 0)
    except IndexError as error:
        raise FrameError from error
    if VERSION not in str(given.get("supported-versions")).replace(" ", "").split(","):
        raise FrameError(BAD_VERSION)
    size = given.get("max-frame-size")
    if not isinstance(size, int):
        raise FrameError(NO_FRAME_SIZE)
    if size < MIN_FRAME:
        raise FrameError(BAD_FRAME_SIZE)
    size = min(size, MAX_FRAME)
    fields: dict[str, Value]
    fields = {"version": VERSION, "max-frame-size": size, "capabilities": "pipelining"}
    return frame(AGENT_HELLO, b"\0\0", key_values(fields)), size


def farewell(status: int) -> bytes:
    """Return an AGENT-DISCONNECT (section 3.2.9)."""
    fields: dict[str, Value] = {"status-code": status, "message": _ERRORS[status]}
    return frame(AGENT_DISCONNECT, b"\0\0", key_values(fields))


def frame(kind: int, ids: bytes, payload: bytes) -> bytes:
    """Return a frame with its length before it."""
    return _HEAD.pack(5 + len(ids) + len(payload), kind, _FIN) + ids + payload


def set_variable(name: str, value: Value) -> bytes:
    """Return the action that sets a variable of the transaction (section 3.4)."""
    return bytes((_SET_VAR, 3, _TRANSACTION)) + _string(name) + _typed(value)


def key_values(pairs: Mapping[str, Value]) -> bytes:
    """Return a KV-LIST (section 3.2)."""
    return b"".join(_string(name) + _typed(value) for name, value in pairs.items())


def varint(value: int) -> bytes:
    """Return an integer in "Peers encoding" (section 3.1)."""
    if value < _LONG:
        return bytes((value,))
    out = bytearray((value & 15 | 240,))
    value = (value - 240) >> 4
    while value >= 128:
        out.append(value & 127 | 128)
        value = (value - 128) >> 7
    out.append(value)
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return an integer and where it ends; raise IndexError where the data end first."""
    value = data[at]
    at += 1
    if value < _LONG:
        return value, at
    for shift in range(4, 64, 7):
        byte = data[at]
        at += 1
        value += byte << shift
        if byte < 128:
            return value, at
    raise FrameError


def _text(data: bytes, text: str, at: int) -> tuple[str, int]:
    """Return a string (section 3.1), and where it ends; `text` is the data as text."""
    size, at = _varint(data, at)
    return text[at : at + size], at + size


def _pairs(
    data: bytes, text: str, at: int, count: int | None = None
) -> tuple[dict[str, Value], int]:
    """Return so many pairs of a KV-LIST, or all, and where they end; raise IndexError after that.

    Each request has some of them. So what is mostly there, short texts, is read without a call.
    """
    pairs: dict[str, Value] = {}
    while at < len(data) if count is None else len(pairs) < count:
        end = at + 1 + data[at]
        name, at = (text[at + 1 : end], end) if data[at] < _LONG else _text(data, text, at)
        if name in pairs:
            raise FrameError  # a name counts once, so that it has one value
        if data[at] == _TEXT and data[at + 1] < _LONG:
            end = at + 2 + data[at + 1]
            pairs[name], at = text[at + 2 : end], end
        else:
            pairs[name], at = _value(data, text, at)
    if at > len(data):
        raise IndexError
    return pairs, at


def _value(data: bytes, text: str, at: int) -> tuple[Value, int]:
    """Return a value of any type, and where it ends."""
    kind, flags = data[at] & 15, data[at] >> 4
    at += 1
    match kind:
        case 8:
            return _text(data, text, at)
        case 9:
            value, at = _text(data, text, at)
            return value.encode("latin-1"), at
        case 0:
            return None, at
        case 1:
            return bool(flags & 1), at
        case 2 | 3 | 4 | 5:
            return _varint(data, at)
    raise FrameError  # no argument of ours is an address


def _typed(value: Value) -> bytes:
    match value:
        case None:
            return b"\0"
        case bool():
            return bytes((1 | value << 4,))
        case int():
            return b"\3" + varint(value)
        case str():
            return b"\x08" + _string(value)
    return b"\x09" + varint(len(value)) + value


def _string(text: str) -> bytes:
    raw = text.encode("latin-1")
    return varint(len(raw)) + raw
