"""An open recording: decompressed, and what kind it is."""

import io
import json
import zlib
from typing import BinaryIO, cast

_COMPRESSED = {b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"}


def peekable(file: BinaryIO) -> io.BufferedReader:
    """Return a file that can be looked into, decompressed if it is gzip or zlib (`.zhar`)."""
    is_buffered = isinstance(file, io.BufferedReader)
    buffered = cast(io.BufferedReader, file if is_buffered else io.BufferedReader(file))
    if buffered.peek(2)[:2] in _COMPRESSED:
        return io.BufferedReader(_Inflated(buffered))
    return buffered


def json_encoding(file: io.BufferedReader) -> str | None:
    """Return the encoding of a file that begins as a JSON object does, or None for any other."""
    head = file.peek(4)[:4]
    encoding: str = json.detect_encoding(head)
    text = head.decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    return encoding if text.startswith("{") else None


class _Inflated(io.RawIOBase):
    """A compressed file as it was before, read piece by piece."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflate = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever it is
        self._rest = b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; return 0 at the end, and raise zlib.error where it is cut off."""
        piece = b""
        while not piece and not self._inflate.eof:
            self._rest = self._rest or self._file.read(1 << 16)
            if not self._rest:
                raise zlib.error("cut off")
            piece = self._inflate.decompress(self._rest, len(buffer))
            self._rest = self._inflate.unconsumed_tail
        buffer[: len(piece)] = piece
        return len(piece)
