from dataclasses import replace

import pytest

from cases import cases
from hublet_router.core.findings import MAX_CREDENTIAL, Unread, findings
from hublet_router.core.lookup import Rule
from hublet_router.core.places import Cookie, Form, Header, Json, Query
from hublet_router.core.readers import Account
from hublet_router.core.request import Request
from hublet_router.core.table import Accounts
from hublet_router.tablefile import loads

TABLE = loads(
    b"""
domains: [api.hubapi.com]
hublets: {na1: {upstream: "https://127.0.0.1:9441"}, eu1: {upstream: "https://127.0.0.1:9442"}}
default: na1
credentials:
  - {name: bearer, in: {header: authorization, scheme: bearer}, hublet: {regex: "^([a-z]+[0-9])-"}}
  - {name: key, in: {query: key}, hublet: {regex: "^([a-z]+[0-9])-"}}
  - {name: sid, in: {cookie: sid}, hublet: {regex: "^([a-z]+[0-9])-"}}
  - {name: form, paths: "^/(form|both)", in: {form: token}, hublet: {regex: "^([a-z]+[0-9])-"}}
  - {name: json, paths: "^/(json|both)", in: {json: token}, hublet: {regex: "^([a-z]+[0-9])-"}}
"""
)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
LONG = "eu1-" + "x" * MAX_CREDENTIAL

type Seen = tuple[str, str | None, tuple[str, ...], Unread | None]


def seen(target: str = "/", *fields: tuple[str, str], body: bytes | None = b"") -> list[Seen]:
    found = findings(TABLE, Request("POST", ("api.hubapi.com",), target, fields, body))
    assert all(it.accounts == () and (it.credential is None) == bool(it.unread) for it in found)
    return [(it.rule.name, it.credential, it.hublets, it.unread) for it in found]


def test_every_credential_is_read_in_the_order_of_the_table() -> None:
    fields = ("cookie", "sid=eu1-c"), ("authorization", "Bearer eu1-a"), ("content-type", FORM)
    assert seen("/form?key=na1-b&key=old", *fields, body=b"token=eu1-d") == [
        ("bearer", "eu1-a", ("eu1",), None),
        ("key", "na1-b", ("na1",), None),
        ("key", "old", (), None),
        ("sid", "eu1-c", ("eu1",), None),
        ("form", "eu1-d", ("eu1",), None),
    ]


def test_nothing_is_found_where_nothing_stands() -> None:
    assert seen("/both?key=", ("authorization", "Bearer"), ("cookie", "sid=")) == []


@cases(
    ("target", "field", "rule"),
    {
        "quotes": ("/", ("authorization", 'Bearer "eu1-a"'), "bearer"),
        "a list": ("/", ("authorization", "Bearer eu1-a, eu1-b"), "bearer"),
        "a colon": ("/", ("authorization", "Bearer: eu1-a"), "bearer"),
        "escapes of escapes": ("/?key=%2565u1-a", ("x", ""), "key"),
        "UTF-8 that is none": ("/?key=%C1%A5u1-a", ("x", ""), "key"),
        "an escape in a cookie": ("/", ("cookie", "sid=%65u1-a"), "sid"),
    },
)
def test_a_value_that_servers_read_in_different_ways_is_a_problem(
    target: str, field: tuple[str, str], rule: str
) -> None:
    assert seen(target, field) == [(rule, None, (), Unread.VALUE)]


@pytest.mark.parametrize("path", ["/form", "/json", "/both", "/%66orm", "/JSON"])
@cases(
    "fields",
    {
        "multipart": (("content-type", "multipart/form-data; boundary=x"),),
        "text": (("content-type", "text/plain"),),
        "compressed": (("content-encoding", "gzip"),),
        "compressed on the way": (("transfer-encoding", "gzip, chunked"),),
        "charset of a form": (("content-type", f"{FORM}; charset=utf-7"),),
        "charset of JSON": (("content-type", f"{JSON}; charset=utf-16"),),
        "two types": (("content-type", FORM), ("content-type", JSON)),
    },
)
def test_a_body_that_is_not_of_the_rules_format_is_one_problem(
    path: str, fields: tuple[tuple[str, str], ...]
) -> None:
    ((_, credential, hublets, problem),) = seen(path, *fields, body=b'{"token": "eu1-a"}')
    assert (credential, hublets, problem) == (None, (), Unread.BODY)


@pytest.mark.parametrize("body", [b"token=%zz", b"token=eu1-a%", b"a=%zz&token=eu1-a"])
def test_a_form_with_an_escape_that_is_none_is_a_problem(body: bytes) -> None:
    assert seen("/form", ("content-type", FORM), body=body) == [("form", None, (), Unread.BODY)]


@pytest.mark.parametrize("body", [b'{"token": "eu1-a"} x', b"token=eu1-a", b"\xff"])
def test_json_that_is_not_whole_is_a_problem(body: bytes) -> None:
    assert seen("/json", ("content-type", JSON), body=body) == [("json", None, (), Unread.BODY)]


@pytest.mark.parametrize(
    ("media_type", "body", "rule"),
    [(FORM, b"token=eu1-a", "form"), (JSON, b'{"token": "eu1-a"}', "json")],
)
def test_one_of_several_formats_at_a_path_is_enough(
    media_type: str, body: bytes, rule: str
) -> None:
    found = seen("/both", ("content-type", media_type), body=body)
    assert found == [(rule, "eu1-a", ("eu1",), None)]


def test_json_that_says_that_it_is_a_form_is_a_problem() -> None:
    found = seen("/both", ("content-type", FORM), body=b'{"token": "eu1-a"}')
    assert found == [("json", None, (), Unread.BODY)]
    assert seen("/both", ("content-type", FORM), body=b'"token"') == []


@pytest.mark.parametrize("body", [b"token=%2565u1-a", b"token=%FFeu1-a", b"token=eu1-a&token=%25"])
def test_a_value_with_escapes_left_is_a_problem_whatever_else_is_read(body: bytes) -> None:
    found = seen("/both", ("content-type", FORM), body=body)
    assert found == [("form", None, (), Unread.VALUE)]


def test_a_body_is_read_only_at_a_path_with_a_body_rule() -> None:
    assert seen("/", ("content-type", "text/plain"), body=b"token=eu1-a") == []
    assert seen("/", body=None) == []


def test_a_body_that_is_too_long_is_a_problem_of_each_place() -> None:
    assert seen("/both?key=eu1-a", body=None) == [
        ("key", "eu1-a", ("eu1",), None),
        ("form", None, (), Unread.LONG_BODY),
        ("json", None, (), Unread.LONG_BODY),
    ]


def test_a_credential_that_is_too_long_is_a_problem() -> None:
    assert seen(f"/?key={LONG}") == [("key", None, (), Unread.LONG_CREDENTIAL)]
    assert seen(f"/?key={LONG[:-4]}") == [("key", LONG[:-4], ("eu1",), None)]


def test_a_finding_names_its_place() -> None:
    fields = ("authorization", "Bearer a"), ("cookie", "sid=a")
    seen = Request("POST", ("api.hubapi.com",), "/both?key=a", fields, b"token=a")
    assert [it.place for it in findings(TABLE, seen)] == [
        Header("authorization", "bearer"), Query("key"), Cookie("sid"), Form("token"),
    ]  # fmt: skip
    as_json = Request("POST", ("api.hubapi.com",), "/json", (), b'{"token": "a"}')
    assert [it.place for it in findings(TABLE, as_json)] == [Json("token")]


def test_an_account_beside_is_no_credential() -> None:
    accounts = Accounts((Rule("accounts", (Query("key"),), Account()),), (), {})
    request = Request("GET", ("api.hubapi.com",), "/?key=eu1-7")
    found = findings(replace(TABLE, accounts=accounts), request)

    assert [(it.credential, it.hublets, it.accounts, it.is_beside) for it in found] == [
        ("eu1-7", ("eu1",), (), False),
        (None, (), ("eu1-7",), True),
    ]


@pytest.mark.parametrize("where", ["query", "header"])
def test_so_many_credentials_as_no_client_has_are_a_problem(where: str) -> None:
    def many(count: int) -> list[Seen]:
        if where == "query":
            return seen("/?" + "key=eu1-x&" * count)
        return seen("/", *[("authorization", "Bearer eu1-x")] * count)

    assert len(many(100)) == 100
    assert [problem for *_, problem in many(101)] == [Unread.MANY]
