"""SPOP: frames from and to bytes."""

import pytest

from hublet_router.agent import spop
from hublet_router.agent.spop import FrameError, Value

HELLO: dict[str, Value] = {
    "supported-versions": "2.0",
    "max-frame-size": 16380,
    "capabilities": "pipelining,async",
    "engine-id": "e",
}


def hello(**changes: Value) -> spop.Frame:
    """A HAPROXY-HELLO; a change to None leaves the item out."""
    fields = {**HELLO, **{name.replace("_", "-"): value for name, value in changes.items()}}
    given = {name: value for name, value in fields.items() if value is not None}
    return spop.parse(spop.frame(spop.HAPROXY_HELLO, b"\0\0", spop.key_values(given))[4:])


def message(name: str, arguments: dict[str, Value]) -> bytes:
    """A message of a NOTIFY, as section 3.2 writes it."""
    return (
        spop.varint(len(name)) + name.encode() + bytes((len(arguments),))
        + spop.key_values(arguments)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "00"), (239, "ef"), (240, "f000"), (241, "f100"), (2287, "ff7f"), (2288, "f08000"),
        (264431, "ffff7f"), (264432, "f0808000"), (33818863, "ffffff7f"), (33818864, "f080808000"),
    ],
)  # fmt: skip
def test_an_integer_is_written_as_the_table_of_section_3_1_has_it(value: int, written: str) -> None:
    assert spop.varint(value).hex() == written
    frame = spop.parse(bytes((spop.NOTIFY,)) + b"\0\0\0\1" + bytes.fromhex(written) + b"\1rest")
    assert frame.stream == value
    assert frame.ids.hex() == f"{written}01"
    assert frame.payload == b"rest"


def test_the_arguments_of_a_message_have_their_types() -> None:
    arguments: dict[str, Value] = {
        "text": "\xe9" * 300, "bytes": b"\0\xff", "none": None, "yes": True, "no": False, "n": 4711,
        "name" * 60: "240", "name" * 75: "300", "240": "x" * 240,
    }  # fmt: skip
    payload = message("decide", arguments) + message("empty", {})
    assert list(spop.messages(payload)) == [("decide", arguments), ("empty", {})]


def test_an_integer_of_any_type_is_one() -> None:
    payload = b"\1m\4\1a\2\6\1b\3\7\1c\4\10\1d\5\11"
    assert spop.messages(payload) == [("m", {"a": 6, "b": 7, "c": 8, "d": 9})]


def test_the_greeting_takes_the_size_that_haproxy_can_take() -> None:
    answer, size = spop.greeting(hello())
    assert size == 16380
    frame = spop.parse(answer[4:])
    assert int.from_bytes(answer[:4]) == len(answer) - 4
    assert frame.kind == spop.AGENT_HELLO
    assert frame.payload == spop.key_values(
        {"version": "2.0", "max-frame-size": 16380, "capabilities": "pipelining"}
    )
    assert spop.greeting(hello(max_frame_size=1 << 30))[1] == 1 << 20
    assert spop.greeting(hello(max_frame_size=256))[1] == 256


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"supported_versions": "1.0, 3.0"}, spop.BAD_VERSION),
        ({"supported_versions": None}, spop.BAD_VERSION),
        ({"max_frame_size": None}, spop.NO_FRAME_SIZE),
        ({"max_frame_size": "16380"}, spop.NO_FRAME_SIZE),
        ({"max_frame_size": 255}, spop.BAD_FRAME_SIZE),
    ],
)
def test_a_greeting_that_cannot_be_agreed_upon_has_its_status(
    changes: dict[str, Value], status: int
) -> None:
    with pytest.raises(FrameError) as caught:
        spop.greeting(hello(**changes))
    assert caught.value.status == status


def test_versions_may_have_blanks_between_them() -> None:
    assert spop.greeting(hello(supported_versions="1.5, 2.0"))[1] == 16380


def test_something_else_is_no_greeting() -> None:
    with pytest.raises(FrameError):
        spop.greeting(hello()._replace(kind=spop.NOTIFY))


WHOLE = message("decide", {"url": "/x" * 200, "room": 15360, "body": b"\0" * 300, "sni": None})


def test_a_payload_that_ends_too_early_is_invalid_wherever_it_ends() -> None:
    for end in range(1, len(WHOLE)):
        with pytest.raises(FrameError):
            list(spop.messages(WHOLE[:end]))
    payload = spop.key_values(HELLO)
    ends = {len(spop.key_values(dict(list(HELLO.items())[:count]))) for count in range(5)}
    for end in set(range(len(payload))) - ends:
        with pytest.raises(FrameError):
            spop.greeting(spop.Frame(spop.HAPROXY_HELLO, b"\0\0", payload[:end]))


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"\3", b"\3\0\0\0\1", b"\3\0\0\0\1\1", b"\3\0\0\0\1\xff\xff", b"\3\0\0\0\0\1\1",
        b"\3\0\0\0\1" + b"\xff" * 12 + b"\0\0",
    ],
    ids=["nothing", "type", "flags", "one id", "half an id", "a fragment", "an endless integer"],
)  # fmt: skip
def test_a_frame_without_its_head_is_invalid(frame: bytes) -> None:
    with pytest.raises(FrameError):
        spop.parse(frame)


@pytest.mark.parametrize(
    "payload",
    [
        b"\1m\1\1a\x06\x7f\0\0\1",
        b"\1m\1\1a\x0f",
        b"\1m\2\1a\0\1a\0\1b\0",
        b"\1m\1\1a\3" + b"\xff" * 12 + b"\0",
    ],
    ids=["an address", "a reserved type", "a name twice", "an endless integer"],
)
def test_arguments_that_are_none_of_ours_are_invalid(payload: bytes) -> None:
    with pytest.raises(FrameError):
        list(spop.messages(payload))


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        ("eu1", "0803657531"), (b"\0", "090100"), (7, "0307"), (True, "11"), (False, "01"),
        (None, "00"),
    ],
)  # fmt: skip
def test_a_variable_is_set_in_the_transaction(value: Value, typed: str) -> None:
    assert spop.set_variable("hublet", value).hex() == "01030206" + b"hublet".hex() + typed


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (spop.NORMAL, 0, "normal"),
        (spop.TOO_BIG, 3, "frame is too big"),
        (spop.INVALID, 4, "invalid frame received"),
        (spop.NO_FRAME_SIZE, 6, "max-frame-size value not found"),
        (spop.BAD_VERSION, 8, "unsupported version"),
        (spop.BAD_FRAME_SIZE, 9, "max-frame-size too big or too small"),
    ],
)
def test_a_farewell_says_why_as_section_3_5_has_it(status: int, code: int, message: str) -> None:
    frame = spop.parse(spop.farewell(status)[4:])
    assert frame.kind == spop.AGENT_DISCONNECT
    assert frame.payload == spop.key_values({"status-code": code, "message": message})


def test_the_types_of_frames_are_those_of_section_3_2_2() -> None:
    assert (spop.HAPROXY_HELLO, spop.HAPROXY_DISCONNECT, spop.NOTIFY) == (1, 2, 3)
    assert (spop.AGENT_HELLO, spop.AGENT_DISCONNECT, spop.ACK) == (101, 102, 103)
