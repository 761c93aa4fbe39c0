"""Requests that keep the spelling of their fields' names."""

from dataclasses import replace

from cases import cases
from hublet_router.core.request import Request
from hublet_router.core.spelled import SpelledRequest, spelled_fields

FIELDS = [("X_A", "1"), ("Host", "a"), ("x-a", "2"), ("X-a", "é")]
SEEN = (("x-a", "1"), ("host", "a"), ("x-a", "2"), ("x-a", "Ã©"))


def test_a_decision_sees_folded_names() -> None:
    request = SpelledRequest.of("POST", "http://b/", FIELDS, "ü")
    folded = Request.of("POST", "http://b/", FIELDS, "ü")
    assert (request.hosts, request.target, request.body) == (("a",), "/", "ü".encode())
    assert request.headers == folded.headers == SEEN
    assert spelled_fields(request) == [*FIELDS[:3], ("X-a", "Ã©")]


def test_a_mapping_is_taken_too() -> None:
    request = SpelledRequest.of("GET", "http://b/", {"X_A": "1"})
    assert spelled_fields(request) == [("X_A", "1")]


def test_other_fields_come_with_their_names() -> None:
    old = Request("GET", ("b",), "/x", (("y", "1"),), b"b", "sni")
    request = SpelledRequest.with_fields(old, iter(FIELDS[:2]))
    assert replace(old, headers=SEEN[:2]) == Request(
        request.method, request.hosts, request.target, request.headers, request.body, request.sni
    )
    assert spelled_fields(request) == FIELDS[:2]


@cases(
    ("headers", "spelled"),
    {
        "one more": ((("y_b", "0"), *SEEN), [("y_b", "0"), *FIELDS[:3], ("X-a", "Ã©")]),
        "one of the same name": ((*SEEN, ("x-a", "3")), [*FIELDS[:3], ("X-a", "Ã©"), ("x-a", "3")]),
        "only some": (SEEN[1:3], [("Host", "a"), ("X_A", "2")]),
    },
)
def test_headers_that_were_replaced_keep_what_was_given(
    headers: tuple[tuple[str, str], ...], spelled: list[tuple[str, str]]
) -> None:
    request = replace(SpelledRequest.of("GET", "http://b/", FIELDS), headers=headers)
    assert spelled_fields(request) == spelled


def test_a_request_without_names_has_those_of_a_decision() -> None:
    assert spelled_fields(Request.of("GET", "http://b/", FIELDS)) == [*SEEN]
