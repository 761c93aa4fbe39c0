"""An open recording."""

import gzip
import io
import zlib

import pytest

from hublet_router.flows.opened import json_encoding, peekable

TEXT = b'{"log": ' + b"x" * 200_000


@pytest.mark.parametrize(
    "raw", [TEXT, gzip.compress(TEXT), zlib.compress(TEXT, 9), zlib.compress(TEXT, 1)],
    ids=["plain", "gzip", "zhar", "zlib"],
)  # fmt: skip
@pytest.mark.parametrize("is_buffered", [True, False])
def test_a_compressed_file_reads_as_it_was(raw: bytes, is_buffered: bool) -> None:
    file = io.BytesIO(raw)
    opened = peekable(io.BufferedReader(file) if is_buffered else file)
    assert opened.peek(4).startswith(b'{"lo')
    assert opened.read() == TEXT


def test_one_that_is_cut_off_raises() -> None:
    opened = peekable(io.BytesIO(gzip.compress(TEXT)[:-20]))
    with pytest.raises(zlib.error, match="cut off"):
        opened.read()


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b'{"log"', "utf-8"), (b'\n {"log"', "utf-8"), (b'\xef\xbb\xbf{"log"', "utf-8-sig"),
        ('{"log"'.encode("utf-16"), "utf-16"), (b"1234:abc", None), (b"", None), (b"[{", None),
    ],
)  # fmt: skip
def test_what_begins_as_a_json_object(raw: bytes, encoding: str | None) -> None:
    assert json_encoding(peekable(io.BytesIO(raw))) == encoding
