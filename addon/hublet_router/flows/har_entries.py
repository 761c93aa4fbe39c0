"""The entries of a HAR file, one at a time: memory grows with the largest entry, not the file."""

import codecs
import json
import re
from collections.abc import Iterator
from math import inf
from typing import Any, BinaryIO

ENTRY = "har_entry"
"""The key of a flow's metadata that holds the number of its entry, from 1."""

CHUNK = 256 * 1024
"""Characters that are read at once, unless a larger entry has begun."""

MAX_OTHER = 16 * 1024 * 1024
"""Characters of a value that is no entry: a large file of JSON that is no HAR is not read whole."""

_DECODER = json.JSONDecoder(strict=False)  # some producers write control characters as they are
_BLANKS = re.compile(r"[ \t\r\n]*")


class HarError(Exception):
    """A file that is no HAR, or ends too early: a sentence, which repeats nothing of it."""


def read_entries(file: BinaryIO, encoding: str = "utf-8-sig") -> Iterator[Any]:
    """Yield the value of each entry; raise HarError after those that are whole."""
    text = _Text(codecs.getreader(encoding)(file, "replace"))
    if not text.take("{"):
        raise HarError("not a HAR file: it is no JSON object")
    while not text.take("}"):
        key = text.value("the file", MAX_OTHER)
        if not text.take(":"):
            raise HarError("not a HAR file: it is no JSON")
        if key == "entries" and text.take("["):
            number = 0
            while not text.take("]"):
                number += 1
                yield text.value(f"entry {number}")
                text.take(",")
            return
        if not (key == "log" and text.take("{")):
            text.value("the file", MAX_OTHER)
        text.take(",")
    raise HarError("not a HAR file: it has no log.entries")


class _Text:
    """A text of JSON that is read piece by piece."""

    def __init__(self, file: codecs.StreamReader) -> None:
        self._file = file
        self._held = ""
        self._at = 0

    def take(self, mark: str) -> bool:
        """Go past blanks, and past a mark if it comes next; return whether it does."""
        while True:
            self._at = _BLANKS.match(self._held, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._held) or not self._read_on():
                break
        found = self._held.startswith(mark, self._at)
        self._at += len(mark) if found else 0
        return found

    def value(self, what: str, most: float = inf) -> Any:
        """Return the value that comes next, of so many characters.

        Raise HarError if it is longer, or if `what` is cut off or no JSON.
        """
        self.take("")
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._held) - self._at > most:
                    large = f"over {MAX_OTHER >> 20} MB are no log.entries"
                    raise HarError(f"not a HAR file: {large}") from None
                if self._may_go_on(error) and self._read_on():
                    continue
                raise HarError(f"{what} is cut off, or no JSON; save the recording again") from None
            if end < len(self._held) or not self._read_on():  # 12 may go on as 123
                self._at = end
                return value

    def _may_go_on(self, error: ValueError | RecursionError) -> bool:
        """Return whether more text could make JSON of what is none: a string or a word is open."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        is_at_end = len(self._held) - error.pos <= len("-Infinity")
        return is_at_end or error.msg.startswith("Unterminated string")

    def _read_on(self) -> bool:
        """Read as much again as is held, so that the work stays in proportion; False at the end."""
        left = self._held[self._at :]
        piece = self._file.read(max(CHUNK, len(left)))
        self._held, self._at = left + piece, 0
        return bool(piece)
