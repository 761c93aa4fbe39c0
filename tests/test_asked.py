"""What HAProxy asks, as the core's request."""

from dataclasses import replace

import pytest

from cases import cases
from hublet_router.agent.asked import _START, actions, body_of, has_long_body, head_of
from hublet_router.agent.spop import Value, set_variable
from hublet_router.core.request import MAX_BODY, Request

HOST = "host: api.hubapi.com\r\n\r\n"


def asked(url: str = "/x", fields: Value = HOST, **more: Value) -> dict[str, Value]:
    return {"method": "GET", "url": url, "fields": fields, "sni": None, **more}


@pytest.mark.parametrize(
    ("url", "hosts", "target"),
    [
        ("/a?b=c", [], "/a?b=c"),
        ("//a/../b", [], "//a/../b"),
        ("*", [], "*"),
        ("https://api.hubapi.com/a?b#c", ["api.hubapi.com"], "/a?b#c"),
        ("HTTP://other.example:80", ["other.example:80"], "/"),
        ("https://a@b?hapikey=eu1-0", ["a@b"], "/?hapikey=eu1-0"),
        ("https:///a", [""], "/a"),
        ("api.hubapi.com:443", [""], "/"),
        ("ftp://api.hubapi.com/a", [""], "/a"),
        ("", [""], "/"),
    ],
)
def test_a_url_may_name_one_more_host(url: str, hosts: list[str], target: str) -> None:
    request = head_of(asked(url))
    assert request.hosts == ("api.hubapi.com", *hosts)
    assert request.target == target


def test_fields_stay_as_they_are_in_their_order() -> None:
    text = "Host:  a \r\nx: 1: \xe9\r\nx:\t2 \r\nIs_Empty: \r\nhost: b\r\n\r\n"
    request = head_of(asked(fields=text))
    assert request.hosts == ("a", "b")
    assert request.headers == (
        ("host", " a "), ("x", "1: \xe9"), ("x", "\t2 "), ("is-empty", ""), ("host", "b"),
    )  # fmt: skip
    assert (request.method, request.body) == ("GET", b"")


@pytest.mark.parametrize("name", ["method", "url", "fields"])
@pytest.mark.parametrize("value", [None, b"GET", 1])
def test_a_head_that_is_not_whole_is_an_error(name: str, value: Value) -> None:
    with pytest.raises(ValueError, match="no head"):
        head_of(asked() | {name: value})
    with pytest.raises(KeyError):
        head_of({it: text for it, text in asked().items() if it != name})


def test_a_server_name_that_is_no_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="a server name that is no text"):
        head_of(asked(sni=b"x"))


def test_a_server_name_may_be_missing() -> None:
    assert [head_of(asked(sni=it)).sni for it in ("", None, "a")] == [None, None, "a"]


def test_a_field_without_a_colon_is_an_error_and_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"a field without a colon$"):
        head_of(asked(fields="host: a\r\nsecret\r\n\r\n"))


ROOM = 15360
SHORT = Request("POST", ("a",), "/", ())
LENGTH_5 = replace(SHORT, headers=(("content-length", "5"),))
MANY = replace(SHORT, headers=(("x", ""),) * 100)


@cases(
    ("request_", "body", "room", "whole"),
    {
        "none": (SHORT, None, ROOM, True),
        "chunked": (SHORT, b"12345", ROOM, True),
        "nearly full": (SHORT, b"x" * 14000, ROOM, True),
        "full": (SHORT, b"x" * 15000, ROOM, False),
        "just full": (SHORT, b"x" * (ROOM - _START - len("/")), ROOM, False),
        "not just full": (SHORT, b"x" * (ROOM - _START - len("/") - 1), ROOM, True),
        "full of fields": (MANY, b"x" * 14000, ROOM, False),
        "full of a value": (
            replace(SHORT, headers=(("x", "x" * 1000),)),
            b"x" * 14000,
            ROOM,
            False,
        ),
        "full of its target": (replace(SHORT, target="/" + "x" * 1000), b"x" * 14000, ROOM, False),
        "no room given": (SHORT, b"x" * 5, None, False),
        "64 KiB": (SHORT, b"x" * MAX_BODY, 1 << 17, True),
        "over 64 KiB": (SHORT, b"x" * (MAX_BODY + 1), 1 << 17, False),
        "its length": (LENGTH_5, b"12345", ROOM, True),
        "less than its length": (LENGTH_5, b"1234", ROOM, False),
        "nothing of its length": (LENGTH_5, None, ROOM, False),
        "two lengths": (
            replace(SHORT, headers=(("content-length", "5"), ("content-length", "4"))),
            b"12345",
            ROOM,
            False,
        ),
        "no length": (replace(SHORT, headers=(("content-length", "x"),)), b"", ROOM, False),
    },
)
def test_a_body_counts_only_if_it_is_surely_whole(
    request_: Request, body: bytes | None, room: int | None, whole: bool
) -> None:
    given = body_of(asked(body=body, room=room), request_)
    assert given == ((body or b"") if whole else None)


def test_a_body_may_come_as_text() -> None:
    assert body_of(asked(body="\xe9", room=ROOM), SHORT) == b"\xe9"


@pytest.mark.parametrize(
    ("length", "is_long"),
    [(str(MAX_BODY), False), (str(MAX_BODY + 1), True), ("x", False), ("\xb2", False)],
)
def test_a_body_over_64_kib_is_not_waited_for(length: str, is_long: bool) -> None:
    assert has_long_body(replace(SHORT, headers=(("content-length", length),))) is is_long
    assert not has_long_body(SHORT)


def test_what_is_not_there_is_not_set() -> None:
    assert actions("legacy") == set_variable("reason", "legacy")
    assert actions("credential", hublet="eu1", sni="a", proxy_status="s") == b"".join(
        [
            set_variable("reason", "credential"),
            set_variable("hublet", "eu1"),
            set_variable("sni", "a"),
            set_variable("proxy_status", "s"),
        ]
    )
    assert actions("conflict", answer="conflict-400").endswith(
        set_variable("answer", "conflict-400")
    )
