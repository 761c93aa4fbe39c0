"""Header fields, parameters and bodies of a HAR request."""

from typing import Any

import pytest

from hublet_router.flows.har_fields import encoded, octets, pairs, quoted
from test_har import FORM, flow_of, named, with_request


@pytest.mark.parametrize(
    "given",
    [named(("a", "1"), ("b", "")), [["a", 1], ("b", None)], {"a": "1", "b": None}],
    ids=["objects", "lists", "one object"],
)
def test_names_and_values_are_written_in_many_ways(given: object) -> None:
    assert pairs(given, "x") == [("a", "1"), ("b", "")]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([1], "an item of its x has no name"),
        ([{"name": 1}], "an item of its x has no name"),
        ([["a", {}]], "an item of its x has no text for its value"),
        ({"a": ["1", ["2"]]}, "an item of its x has no text for its value"),
    ],
)
def test_an_item_of_another_kind_is_named(given: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        pairs(given, "x")


def test_one_without_a_name_is_left_out() -> None:
    assert pairs([["", "1"], {"name": "a", "value": []}, ["a", ["1", 2]]], "x") == [
        ("a", "1"), ("a", "2"),
    ]  # fmt: skip


def test_pairs_are_encoded_where_they_are_not_yet() -> None:
    assert encoded([("a b", "%41&"), ("ü", "1%")]) == "a%20b=%41%26&%C3%BC=1%25"
    assert (quoted("ü x"), octets("\ud800")) == ("%C3%BC%20x", b"\xed\xa0\x80")


def test_cookies_that_stand_only_in_their_list() -> None:
    cookies = named(("a", "1"), ("b", "2"))
    alone = flow_of(with_request(cookies=cookies))
    assert alone.request.headers["cookie"] == "a=1; b=2"
    both = flow_of(with_request(cookies=cookies, headers=named(("Cookie", "a=3"))))
    assert both.request.headers.get_all("cookie") == ["a=3"]


@pytest.mark.parametrize(
    ("request_", "body", "length"),
    [
        ({}, b"", None),
        ({"postData": None, "bodySize": -1}, b"", None),
        ({"postData": {"text": "a=ü"}}, b"a=\xc3\xbc", "4"),
        ({"postData": {"text": "YWI=", "encoding": "base64"}}, b"ab", "2"),
        ({"postData": {"mimeType": FORM, "params": named(("a", "b c"), ("d", None))}},
         b"a=b%20c&d=", "10"),
        ({"postData": {"text": "x", "params": named(("a", "b"))}}, b"x", "1"),
        ({"postData": {"text": "x"}, "headers": named(("Content-Length", "900"))}, b"x", "1"),
        ({"postData": "a=b"}, b"a=b", "3"),
        ({"postData": {"mimeType": "application/json", "text": {"a": [1]}}}, b'{"a": [1]}', "10"),
        ({"postData": [1]}, b"[1]", "3"),
        ({"bodySize": 12}, None, None),
        ({"postData": {"mimeType": FORM, "text": ""}, "bodySize": 12}, None, None),
        ({"headers": named(("content-length", "12"))}, None, "12"),
        ({"headers": named(("content-length", "9" * 5000))}, None, "9" * 5000),
        ({"headers": named(("content-length", "0"))}, b"", "0"),
        ({"method": "GET", "bodySize": 12}, b"", None),
        ({"method": "GET", "headers": named(("content-length", "12"))}, None, "12"),
    ],
    ids=["none", "null", "text", "base64", "only a list", "both", "another length", "a text alone",
         "a document", "a list alone", "not recorded",
         "emptied", "by its header", "absurdly long", "empty by its header",
         "of a GET", "of a GET by its header"],
)  # fmt: skip
def test_the_body(request_: dict[str, Any], body: bytes | None, length: str | None) -> None:
    flow = flow_of(with_request(**{"method": "POST", **request_}))
    assert flow.request.raw_content == body
    assert flow.request.headers.get("content-length") == length


def test_a_list_of_parts_is_a_multipart_body() -> None:
    kind = "multipart/form-data; boundary=xyz"
    posted = {"mimeType": kind, "params": named(("a", "1"))}
    flow = flow_of(with_request(method="POST", postData=posted))
    assert flow.request.headers["content-type"] == kind
    assert flow.request.multipart_form.items(multi=True) == [(b"a", b"1")]


def test_a_body_that_is_no_base64_is_an_error() -> None:
    posted = {"text": "a=\xe9", "encoding": "base64"}
    with pytest.raises(ValueError, match="its body is no base64"):
        flow_of(with_request(method="POST", postData=posted))
