import base64
import urllib.parse

import pytest

from cases import cases
from hublet_router.core.formats import (
    decode_base64,
    decode_leniently,
    decode_words,
    protobuf_fields,
    read_varint,
    unescape,
    unquote,
    unquote_bytes,
    write_varint,
)
from synthetic import base64url

ESCAPES = (
    "",
    "a",
    "%41",
    "%4a%4A%61",
    "%",
    "%4",
    "%zz",
    "%%36f",
    "%2541",
    "%c3%A9",
    "é%c3",
    "%ff\xff",
)


@pytest.mark.parametrize("text", ESCAPES)
def test_escapes_are_decoded_as_urllib_does(text: str) -> None:
    assert unquote(text) == urllib.parse.unquote(text)
    data = text.encode("latin-1")
    assert unquote_bytes(data) == urllib.parse.unquote_to_bytes(data)


@cases(
    ("data", "plain"),
    {
        "as ASP.NET": (b"%u0065", b"e"),
        "as JSON": (b"\\u0065\\/", b"e/"),
        "as JavaScript": (b"\\x65", b"e"),
        "a line break": (b"a\\r\\nb", b"a  b"),
        "the last byte, and what is none": (b"%u00ff%u0100\\u20ac", b"\xff  "),
        "no escape": (b"%65\\q", b"%65\\q"),
    },
)
def test_escapes_of_json_and_javascript(data: bytes, plain: bytes) -> None:
    assert unescape(data) == plain


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256)), b"\xfb\xff\xfe"])
def test_base64_is_read_in_either_alphabet_padded_or_not(data: bytes) -> None:
    standard, url = base64.b64encode(data).decode(), base64url(data)
    assert not {*url} & {*"+/="}
    for text in (standard, standard.rstrip("="), url, url + "==", f"{url[:2]}\r\n {url[2:]}\n"):
        assert decode_base64(text) == data


@pytest.mark.parametrize("text", ["a", "ab!c", "YQ=YQ", "%59Q", "é", "YR.", "\x00\x00"])
def test_what_is_no_base64_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the words are those of binascii
        decode_base64(text)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, (1 << 64) - 1])
def test_a_varint_is_read_as_it_is_written(number: int) -> None:
    data = write_varint(number)
    assert read_varint(b"x" + data + b"y", 1) == (number, 1 + len(data))


def test_a_varint_ends_within_ten_bytes() -> None:
    with pytest.raises(ValueError, match="does not end"):
        read_varint(b"\x80" * 10 + b"\0", 0)


@cases(
    ("message", "fields"),
    {
        "empty": (b"", []),
        "varint": (b"\x08\x96\x01", [(1, 0, b"\x96\x01")]),
        "text": (b"\x4a\x03eu1", [(9, 2, b"eu1")]),
        "overlong length": (b"\x4a\x83\x00eu1", [(9, 2, b"eu1")]),
        "overlong tag": (b"\xca\x00\x03eu1", [(9, 2, b"eu1")]),
        "32 bits": (b"\x0d1234", [(1, 5, b"1234")]),
        "64 bits": (b"\x0912345678", [(1, 1, b"12345678")]),
        "the first number of two bytes": (b"\x80\x01\x07", [(16, 0, b"\7")]),
        "the first length of two bytes": (b"\x4a\x80\x01" + b"x" * 128, [(9, 2, b"x" * 128)]),
        "two": (b"\x08\x01\x4a\x00", [(1, 0, b"\1"), (9, 2, b"")]),
        "one twice": (b"\x08\xac\x02\x08\x00", [(1, 0, b"\xac\x02"), (1, 0, b"\0")]),
        "groups, which are left out": (b"\x0b\x08\x01\x13\x14\x0c", []),
    },
)
def test_protobuf_is_parted_into_its_fields(
    message: bytes, fields: list[tuple[int, int, bytes]]
) -> None:
    assert protobuf_fields(message) == fields


@cases(
    "message",
    {
        "no value": b"\x08",
        "a varint that does not end": b"\x08\x80",
        "a varint of eleven bytes": b"\x08" + b"\x80" * 10 + b"\1",
        "a field that ends after the message": b"\x4a\x04eu1",
        "half a number": b"\x0d123",
        "a group that does not end": b"\x0b",
        "the end of another group": b"\x0b\x14",
        "the end of no group": b"\x0c",
        "wire type 7": b"\x0f",
        "field 0": b"\x02\x00",
        "a field number that is too large": write_varint(1 << 32) + b"\0",
    },
)
def test_what_is_no_protobuf_is_an_error(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"number|wire type|field|varint"):
        protobuf_fields(message)


EU1 = (9, 2, b"eu1")


@cases(
    ("message", "fields"),
    {
        "whole": (b"\x4a\x03eu1", [EU1]),
        "a byte too many": (b"\x4a\x03eu1\x08", [EU1]),
        "an unknown wire type": (b"\x4a\x03eu1\x0f\x08\x01", [EU1]),
        "the end of no group": (b"\x4a\x03eu1\x0c", [EU1]),
        "a group that does not end": (b"\x4a\x03eu1\x0b\x08\x01", [EU1]),
        "a varint that does not end": (b"\x4a\x03eu1\x08\x80", [EU1]),
        "a varint of eleven bytes": (
            b"\x08" + b"\x80" * 10 + b"\1\x4a\x03eu1",
            [EU1],
        ),
        "a length of eleven bytes": (b"\x4a\x03eu1\x4a" + b"\x80" * 10 + b"\1", [EU1]),
        "field 0": (b"\x02\x00\x4a\x03eu1", [EU1]),
        "a text that is cut off": (b"\x4a\x03eu1\x4a\x05ap1", [EU1]),
    },
)
def test_a_broken_message_is_read_as_far_as_some_libraries_read_it(
    message: bytes, fields: list[tuple[int, int, bytes]]
) -> None:
    """pbf, protobuf-es and google-protobuf of npm each take some of them."""
    assert protobuf_fields(message, lenient=True) == fields


@cases(
    ("text", "data"),
    {
        "base64url": (b"-_-_", b"\xfb\xff\xbf"),
        "base64": (b"+/+/", b"\xfb\xff\xbf"),
        "a line break": (b"ZX\r\nUx", b"eu1"),
        "junk and padding inside": (b"Z.X=U\xff~x", b"eu1"),
        "no padding": (b"ZXUxOg", b"eu1:"),
        "too much padding": (b"ZXUxOng==", b"eu1:x"),
        "half a byte": (b"ZXUxO", b"eu1"),
        "nothing": (b"", b""),
    },
)
def test_lenient_base64(text: bytes, data: bytes) -> None:
    assert decode_leniently(text) == data


def test_each_word_of_a_text_is_decoded_in_either_alphabet() -> None:
    assert decode_words(b"-_8 +/8=\nZXUx Z") == [b"\xfb\xff", b"\xfb\xff", b"eu1", b""]


@pytest.mark.parametrize("text", ["GgXe=\n", "GgXe= ", "GgXe==\t", "GgX==\n", "Gg===\n"])
def test_more_padding_before_white_space_than_a_last_piece_can_have_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="padding"):
        decode_base64(text)
