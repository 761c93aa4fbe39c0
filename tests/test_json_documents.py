import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from hublet_router.core.json_documents import (
    MAX_NESTING,
    JsonNumber,
    _nesting,
    json_strings,
    lenient_strings,
    objects_in,
    parse_json,
    strings_at,
)


@cases(
    "document",
    {
        "empty": b"",
        "junk behind it": b"{} x",
        "two documents": b"{}{}",
        "single quotes": b"{'a': 1}",
        "a trailing comma": b"[1,]",
        "NaN": b"[NaN]",
        "a comment": b"// x\n{}",
        "no UTF-8": b'"\xff"',
        "UTF-16": '"a"'.encode("utf-16"),
        "too deep": b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1),
        "brackets without end": b"[" * 5000,
        "a string without end": b'"a\\' * 500 + b"[" * 2000,
    },
)
def test_what_is_no_json_is_an_error_and_names_nothing(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the words are those of Python's json
        parse_json(document)
    assert [*json_strings(document, "a")] == []


def test_json_within_the_parsers_own_limit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflow(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(json.JSONDecoder, "decode", overflow)
    with pytest.raises(ValueError, match="too deeply"):
        parse_json(b"{}")


def test_brackets_in_strings_and_beside_each_other_are_no_nesting() -> None:
    text = "[{" * MAX_NESTING + '\\"' + "]"
    document = json.dumps([text, *[[]] * MAX_NESTING, {"a": "x"}]).encode()
    assert [*json_strings(document, "a")] == ["x"]


def test_as_many_levels_as_may_be_are_read() -> None:
    levels = MAX_NESTING - 1
    assert [*json_strings(b"[" * levels + b'{"a": "x"}' + b"]" * levels, "a")] == ["x"]


# A string that does not end, and more brackets than may be nested: each `"` once was searched to
# the end of the text.
HOSTILE = b'"a\\' * 21000 + b"[" * 1001


@pytest.mark.parametrize(
    ("document", "depth"),
    [
        (HOSTILE, 0),
        (b"[" * 1200 + HOSTILE, 1200),
        (b'["\\\\",' * 1100, 1100),
        (b'["\\"[[[",' * 1100, 1100),
        (b"[]" * 1100, 1),
    ],
    ids=["open string", "brackets first", "escaped backslash", "escaped quote", "side by side"],
)
def test_brackets_in_strings_do_not_nest(document: bytes, depth: int) -> None:
    assert _nesting(document) == depth


@given(
    document=st.binary() | st.text().map(str.encode),
    path=st.sampled_from(["", "a", "a.b", "."]),
)
def test_no_bytes_make_json_strings_raise(document: bytes, path: str) -> None:
    assert list(json_strings(document, path)) == list(json_strings(document, path))


def test_json_is_read_with_a_bom_and_with_numbers_of_any_length() -> None:
    assert parse_json(b"\xef\xbb\xbf[1]") == ["1"]
    assert parse_json(b"9" * 5000) == "9" * 5000


def test_the_objects_of_a_document_are_those_in_no_other() -> None:
    tree = parse_json(b'[{"a": {"b": 1}}, 1, "x", [], [[{"c": 2}], {}], {"d": []}, null]')
    assert objects_in(tree) == [[("a", [("b", "1")])], [("c", "2")], [("d", [])]]
    assert objects_in(parse_json(b'{"a": 1}')) == [[("a", "1")]]
    assert objects_in("x") == objects_in(parse_json(b"true")) == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("9007199254740993", "9007199254740993"),
        ("5865761.0", "5865761"),
        ("5.865761e6", "5865761"),
        ("0.50", "0.50"),
        ("1e999", "1e999"),
        ("9007199254740991.0", "9007199254740991"),
        ("9007199254740992.0", "9007199254740992.0"),
        ("-1e308", "-1e308"),
        ("-7", "-7"),
    ],
)
def test_a_number_is_the_text_of_its_value(number: str, text: str) -> None:
    value = parse_json(number.encode())

    assert isinstance(value, JsonNumber)
    assert value == text


@cases(
    ("document", "path", "found"),
    {
        "key": ('{"a": "x"}', "a", ["x"]),
        "path, white space": ('{"a": {"b": " x\\n"}}', "a.b", ["x"]),
        "a path of three keys": ('{"a": {"b": {"c": "x"}}}', "a.b.c", ["x"]),
        "the rest is one key": ('{"a": {"b.c": "x"}}', "a.b.c", ["x"]),
        "only the whole rest is one key": ('{"a.b": {"c": "x"}}', "a.b.c", []),
        "an empty key": ('{"": "x"}', "", ["x"]),
        "a dot in a key": ('{"a.b": "x", "a": {"b": "y"}}', "a.b", ["x", "y"]),
        "duplicate": ('{"a": "x", "a": "y"}', "a", ["x", "y"]),
        "letters that Go folds": ('{"\u017fid": "x", "\u212aey": "y"}', "sid", ["x"]),
        "a sign that Go folds": ('{"\u017fid": "x", "\u212aey": "y"}', "key", ["y"]),
        "other spellings": ('{"A-b": "x", "a_B": "y"}', "a_b", ["x", "y"]),
        "lists": ('[{"a": ["x", ["y"], {"a": "z"}]}, [{"a": "w"}]]', "a", ["x", "y", "w"]),
        "an object": ('{"a": {"b": "x"}}', "a", []),
        "a number": ('{"a": 10.0, "b": ""}', "a", ["10"]),
        "a truth value": ('{"a": true, "b": null}', "a", []),
        "empty": ('{"a": ""}', "a", []),
        "another key": ('{"b": "x"}', "a", []),
        "another key on the way": ('{"b": {"c": "x"}}', "a.c", []),
        "a string alone": ('"x"', "a", []),
    },
)
def test_strings_are_found_at_a_path(document: str, path: str, found: list[str]) -> None:
    assert [*strings_at(parse_json(document.encode()), path)] == found
    assert [*json_strings(document.encode(), path)] == found


@cases(
    "document",
    {
        "junk behind it": b'{"a": "b c"} x',
        "white space": b' \n{"a": "b c"}',
        "BOM": b'\xef\xbb\xbf{"a": "b c"}',
        "NaN": b'{"x": NaN, "a": "b c"}',
        "no UTF-8": b'{"x": "\xff", "a": "b c"}',
        "UTF-16": '{"a": "b c"}'.encode("utf-16"),
        "UTF-32": '{"a": "b c"}'.encode("utf-32-be"),
        "a comment": b'/**/{"a": "b c"}',
        "a comma behind it": b'{"a": "b c",}',
        "single quotes": b"{'a': 'b c'}",
        "backquotes": b"[{a: `b c`}]",
        "an escape": rb"{'a': '\x62\u0020c'}",
        "a line break": b'{"x": "\n", "a": "b c"}',
    },
)
def test_what_only_some_parsers_take_holds_each_of_its_words(document: bytes) -> None:
    assert "b c" in lenient_strings(document, "a")


@pytest.mark.parametrize("name", ["a", "é.b"])
def test_json_holds_what_stands_at_the_path_alone(name: str) -> None:
    document = f'{{"{name}": "b", "b": "c"}}'
    for coding in ("utf-8", "utf-16-le") if name == "a" else ("utf-8",):
        assert [*lenient_strings(document.encode(coding), name)] == ["b"]


@pytest.mark.parametrize("document", [b"", b"x", b"x {'a': 'b'}", b'"{}"', b"\xff\xfd{"], ids=repr)
def test_what_no_parser_takes_holds_nothing(document: bytes) -> None:
    assert not [*lenient_strings(document, "a")]


def test_what_is_nested_too_deeply_holds_its_words() -> None:
    assert "b" in lenient_strings(b"[" * 2000 + b"b", "a")
