"""The entries of a HAR file, read one at a time."""

import io
import json
import tracemalloc

import pytest

from cases import cases
from hublet_router.flows import har_entries
from hublet_router.flows.har_entries import CHUNK, HarError, read_entries

SECRET = "c0ffee5ec2e7"
LOG = {"log": {"version": "1.2", "pages": [{"entries": 1}], "entries": [{"a": [1, "]}"]}, 12]}}


def read(text: str) -> list[object]:
    return list(read_entries(io.BytesIO(text.encode())))


@cases(
    "text",
    {
        "one line": json.dumps(LOG),
        "indented, with a mark": "\ufeff \r\n" + json.dumps(LOG, indent=4),
        "among others": json.dumps({"x": {"entries": [0]}, **LOG, "y": 1}),
        "without log": json.dumps(LOG["log"]),
        "cut after": json.dumps(LOG)[:-2] + ', "more": tru',
        "a tab": json.dumps(LOG).replace("]}", "]\t}", 1),
    },
)
@pytest.mark.parametrize("chunk", [1, 7, CHUNK])
def test_the_entries(text: str, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(har_entries, "CHUNK", chunk)
    first, second = read(text)
    assert json.dumps(first).replace("\\t", "").replace("]}", "") == '{"a": [1, ""'
    assert second == 12


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_the_encoding_is_given(encoding: str) -> None:
    file = io.BytesIO(json.dumps(LOG).encode(encoding))
    assert len(list(read_entries(file, encoding))) == 2


def test_bytes_that_are_no_utf_8_and_lone_control_characters_are_read() -> None:
    file = io.BytesIO(b'{"log": {"entries": ["\xff\n"]}}')
    assert list(read_entries(file)) == ["\ufffd\n"]


@pytest.mark.parametrize(
    ("text", "entries", "sentence"),
    [
        ('{"log": {"entries": [1, {"a": "c0ffee', 1, "entry 2 is cut off, or no JSON"),
        ('{"log": {"entries": [1, c0ffee, 3]}}', 1, "entry 2 is cut off, or no JSON"),
        ('{"log": {"entries": [' + "[" * 200_000, 0, "entry 1 is cut off, or no JSON"),
        ('{"log": {"entries": [1, 2', 2, "entry 3 is cut off, or no JSON"),
        ('{"log": {"version": "1"}}', 0, "not a HAR file: it has no log.entries"),
        ('{"log": {"entries": "c0ffee"}}', 0, "not a HAR file: it has no log.entries"),
        ('{"c0ffee": {}}', 0, "not a HAR file: it has no log.entries"),
        ('{"log" "c0ffee"}', 0, "not a HAR file: it is no JSON"),
        ("{c0ffee", 0, "the file is cut off, or no JSON"),
        ("[1]", 0, "not a HAR file: it is no JSON object"),
        ("", 0, "not a HAR file: it is no JSON object"),
    ],
)
def test_what_is_no_har_is_named_after_what_is_whole(
    text: str, entries: int, sentence: str
) -> None:
    found = read_entries(io.BytesIO(text.encode()))
    for _ in range(entries):
        next(found)
    with pytest.raises(HarError) as caught:
        next(found)
    assert str(caught.value).startswith(sentence)
    assert "c0ffee" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_memory_does_not_grow_with_the_file() -> None:
    """Forty megabytes, of which less than two are held at a time."""
    entry = json.dumps({"text": "x" * 10_000}).encode()
    file = io.BytesIO(b'{"log": {"entries": [' + b",".join([entry] * 4_000) + b"]}}")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_entries(file)) == 4_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@cases(
    "text",
    {
        "a value": '{"data": [' + "0," * 10_000,
        "a value of the log": '{"log": {"data": [' + "0," * 10_000,
        "a key": '{"' + "x" * 20_000,
    },
)
def test_a_file_that_is_no_har_is_not_read_whole(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(har_entries, "CHUNK", 100)
    monkeypatch.setattr(har_entries, "MAX_OTHER", 1_000)
    file = io.BytesIO(text.encode())
    with pytest.raises(HarError, match=r"^not a HAR file: over \d+ MB are no log\.entries$"):
        list(read_entries(file))
    assert file.tell() < 4_000


@cases(
    ("text", "place"),
    {
        "an entry": ('{"log": {"entries": [1, {"a": c0ffee', "entry 2"),
        "nested too deep": ('{"log": {"entries": [' + "[" * 200_000, "entry 1"),
        "a value": ('{"log": {"pages": [1, c0ffee', "the file"),
    },
)
def test_behind_what_is_no_json_nothing_is_read(text: str, place: str) -> None:
    file = io.BytesIO(text.encode() + b" " * CHUNK * 20)
    found = read_entries(file)
    with pytest.raises(HarError, match=f"^{place} is cut off, or no JSON"):
        list(found)
    assert file.tell() <= CHUNK * 2


@cases(
    "value",
    {
        "a word": "-Infinity",
        "escapes": '"\\u00e9\\n"',
        "an object": '{"a": [1.5e7, null], "b": "' + "x" * 40 + '"}',
        "blanks": '{ "a" : [ 1 , 2 ] , "b" : { "c" : 1 , "d" : true } }'.replace(" ", " " * 30),
    },
)
def test_what_is_cut_anywhere_goes_on(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for chunk in range(1, 400, 3):
        monkeypatch.setattr(har_entries, "CHUNK", chunk)
        assert read('{"log": {"entries": [' + value + "]}}") == [json.loads(value)]


def test_the_work_grows_as_the_file_where_an_entry_is_larger_than_what_is_read_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An entry of 1,000 times the chunk is begun ten times, not a thousand."""
    tries = []

    class Counted(json.JSONDecoder):
        def raw_decode(self, s: str, idx: int = 0) -> tuple[object, int]:
            tries.append(idx)
            return super().raw_decode(s, idx)

    monkeypatch.setattr(har_entries, "CHUNK", 100)
    monkeypatch.setattr(har_entries, "_DECODER", Counted())
    assert read('{"log": {"entries": ["' + "x" * 100_000 + '"]}}') == ["x" * 100_000]
    assert len(tries) < 16
