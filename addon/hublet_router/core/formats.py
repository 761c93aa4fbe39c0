"""The formats of credentials: escapes, base64 and protobuf, read in linear time."""

import binascii
import re
from itertools import product
from string import ascii_letters, digits, hexdigits

VARINT, LEN, _START, _END = 0, 2, 3, 4  # protobuf's wire types
_FIXED = {1: 8, 5: 4}  # those of fixed width -> bytes
_UINT32 = (1 << 32) - 1  # Java and C# drop what is above

_ESCAPE = re.compile(rb"(%[0-9A-Fa-f]{2})")
_ASCII = re.compile("[\0-\x7f]+")
_BYTE = {f"%{a}{b}".encode(): bytes.fromhex(a + b) for a, b in product(hexdigits, repeat=2)}

_CHARACTER = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|[bfnrt])")
_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_OCTAL_BYTE = {b"%03o" % byte: bytes([byte]) for byte in range(256)}

_STANDARD = bytes.maketrans(b"-_", b"+/")
_OUTSIDE = bytes({*range(256)} - {*f"{ascii_letters}{digits}+/-_".encode()})
_PADDING = (b"", b"", b"==", b"=")

type ProtobufField = tuple[int, int, bytes]
"""The number of a field, its wire type, and its bytes."""


def unquote(text: str) -> str:
    """Decode percent-escapes, which are UTF-8; what else is not ASCII stays."""
    return _ASCII.sub(_unquoted, text) if "%" in text else text


def _unquoted(ascii_text: re.Match[str]) -> str:
    return unquote_bytes(ascii_text[0].encode()).decode(errors="replace")


def unquote_bytes(data: bytes) -> bytes:
    """Decode percent-escapes; unlike urllib's, it takes no step in Python for each of them."""
    parts = _ESCAPE.split(data)
    parts[1::2] = map(_BYTE.__getitem__, parts[1::2])
    return b"".join(parts)


def unescape(data: bytes) -> bytes:
    """Decode `%u0065`, and the escapes of JSON and JavaScript; what is no byte becomes a blank."""
    return _CHARACTER.sub(_character, data.replace(b"%u", b"\\u").replace(b"\\/", b"/"))


def _character(escape: re.Match[bytes]) -> bytes:
    code = int(escape[1] or escape[2] or b"20", 16)
    return bytes([code]) if code < 256 else b" "


def unquote_pairs(data: bytes) -> bytes:
    """Decode `\\145` and `\\e`, as servers in Python do in a cookie that is quoted."""
    parts = _OCTAL.split(data)
    parts[1::2] = map(_OCTAL_BYTE.__getitem__, parts[1::2])
    return b"".join(parts).replace(b"\\", b"")


def decode_base64(text: str) -> bytes:
    """Decode base64 or base64url, padded or not, with line breaks or not; else raise ValueError."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    if not plain.isalnum():  # then there may be line breaks, which many decoders skip
        plain = "".join(plain.split())
        data = plain.rstrip("=")
        if len(plain) - len(data) > -len(data) % 4:  # Python 3.12 would take it
            raise ValueError("more padding than a last piece can have")
    # strict_mode: Python otherwise drops what is outside the alphabet, so that junk would decode.
    return binascii.a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)


def decode_leniently(data: bytes) -> bytes:
    """Decode base64 of either alphabet as Node and PHP do; no text is wrong to them.

    They skip what is outside of the alphabet, and a last character that is half a byte.
    """
    return _a2b(data.translate(_STANDARD, _OUTSIDE))


def decode_words(data: bytes) -> list[bytes]:
    """Decode each word of a text so; white space parts them, and they are base64."""
    return [*map(_a2b, data.translate(_STANDARD).split())]


def _a2b(plain: bytes) -> bytes:
    rest = len(plain) & 3
    return binascii.a2b_base64(plain[:-1] if rest == 1 else plain + _PADDING[rest])


def protobuf_fields(message: bytes, *, lenient: bool = False) -> list[ProtobufField]:
    """Return the fields of a message, bounds checked; raise ValueError if it is broken.

    The bytes of a number are as they stand there: a varint, or little-endian. Groups are skipped.
    With `lenient`, return what some libraries read of a broken message: all until it breaks.
    """
    fields: list[ProtobufField] = []
    try:
        is_whole = _read_fields(message, fields)
    except (LookupError, ValueError):
        is_whole = False
    if not (is_whole or lenient):
        raise ValueError("a field's number, wire type or length is broken")
    return fields


def _read_fields(message: bytes, fields: list[ProtobufField]) -> bool:
    """Add the fields of a message, and return whether it is whole; raise where it cannot go on."""
    groups: list[int] = []
    is_whole, at, end = True, 0, len(message)
    while at < end:
        tag, at = message[at], at + 1
        if tag > 0x7F:  # most have one byte
            tag, at = read_varint(message, at - 1)
        start, number, kind = at, (tag & _UINT32) >> 3, tag & 7
        if kind == LEN:
            size, start = message[at], at + 1
            if size > 0x7F:
                size, start = read_varint(message, at)
            at = start + (size & _UINT32)
        elif kind == VARINT:
            while message[at] > 0x7F:
                at += 1
            at += 1
            number = number if at - start <= 10 else 0  # ten bytes hold 64 bits
        elif kind == _END:
            if groups.pop() != number:
                return False
            continue
        elif kind == _START:
            groups.append(number)
        else:
            at += _FIXED[kind]
        if number == 0:  # no field has it
            is_whole = False
        elif not groups and at <= end:
            fields.append((number, kind, message[start:at]))
    return is_whole and at == end and not groups


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there, and where the next thing does."""
    value = 0
    for shift in range(0, 70, 7):  # ten bytes hold 64 bits; more is not a varint
        byte, at = message[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a varint that does not end")


def write_varint(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])
