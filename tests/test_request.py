"""The request as a decision sees it."""

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, replace

import pytest

from cases import cases
from core_requests import request
from hublet_router.core.request import Request, host_name, ip_address
from synthetic import UUID, private_app_token

URL = "https://api.hubapi.com/crm/v3/objects?limit=1#fragment"
SECRET = "pat-eu1-secret"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ((), b"", Request("PUT", ("api.hubapi.com",), "/crm/v3/objects?limit=1")),
        (
            [("X-A", "1"), ("x_a", "é")],
            "ü",
            Request(
                "PUT", ("api.hubapi.com",), "/crm/v3/objects?limit=1",
                (("x-a", "1"), ("x-a", "Ã©")), b"\xc3\xbc",
            ),
        ),
        (
            {"Host": "b.example"},
            b"x" * 65537,
            Request(
                "PUT", ("b.example",), "/crm/v3/objects?limit=1", (("host", "b.example"),), None
            ),
        ),
    ],
    ids=["plain", "text is UTF-8", "Host and a long body"],
)  # fmt: skip
def test_a_request_is_made_of_what_its_client_sends(
    headers: Mapping[str, str] | list[tuple[str, str]], body: bytes | str, expected: Request
) -> None:
    assert Request.of("PUT", URL, headers, body) == expected


def test_a_body_of_64_kib_is_read() -> None:
    body = b"x" * 65536
    assert Request.of("POST", URL, (), body).body == body
    assert Request.of("POST", URL, (), body + b"x").body is None


def test_a_url_without_a_path_is_the_root() -> None:
    assert Request.of("GET", "http://api.hubapi.com:80?a=b").target == "/?a=b"


@pytest.mark.parametrize(
    "url", [f"/x?hapikey={SECRET}", f"ftp://{SECRET}/", f"http://[{SECRET}/", f"https:///{SECRET}"]
)
def test_law_4_what_is_no_whole_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="write it like https://") as raised:
        Request.of("GET", url)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.hubapi.com", "api.hubapi.com"),
        ("API.HubAPI.com", "api.hubapi.com"),
        ("api.hubapi.com.", "api.hubapi.com"),
        ("api.hubapi.com..", "api.hubapi.com."),
        ("api.hubapi.com:443", "api.hubapi.com"),
        ("api.hubapi.com.:443", "api.hubapi.com"),
        ("api.hubapi.com:", "api.hubapi.com"),
        ("api.hubapi.com:99999", "api.hubapi.com"),
        ("api.hubapi.com:http", "api.hubapi.com:http"),
        ("api.hubapi.com:-1", "api.hubapi.com:-1"),
        ("api.hubapi.com:443:443", "api.hubapi.com:443:443"),
        ("user@api.hubapi.com", "user@api.hubapi.com"),
        ("user:secret@api.hubapi.com", "user:secret@api.hubapi.com"),
        ("api.hubapi.com@evil.example", "api.hubapi.com@evil.example"),
        ("evil.example/api.hubapi.com", "evil.example/api.hubapi.com"),
        ("https://api.hubapi.com", "https://api.hubapi.com"),
        (" api.hubapi.com", " api.hubapi.com"),
        ("api.hubapi.com\t", "api.hubapi.com\t"),
        ("[::1]", "[::1]"),
        ("[::1]:8443", "[::1]"),
        ("[FE80::A]", "[fe80::a]"),
        ("[0:0::0:1]:443", "[::1]"),
        ("[::1::2]", "[::1::2]"),
        ("[::1", "[::1"),
        ("::1", "::1"),
        ("[api.hubapi.com]", "[api.hubapi.com]"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("11.2.3.44", "11.2.3.44"),
        (":443", ":443"),
        (".", ""),
        ("", ""),
    ],
)
def test_host_name(host: str, name: str) -> None:
    assert host_name(host) == name


@cases(
    ("hosts", "host"),
    {
        "one": (("api.hubapi.com",), "api.hubapi.com"),
        "one, twice": (("api.hubapi.com", "API.hubapi.com.:443"), "api.hubapi.com"),
        "two": (("api.hubapi.com", "api.hubspot.com"), None),
        "none": ((), None),
    },
)
def test_host(hosts: tuple[str, ...], host: str | None) -> None:
    assert request(hosts=hosts).host == host


def test_an_address_is_no_name() -> None:
    assert str(ip_address("0:0:0:0:0:0:0:1")) == "::1"
    assert ip_address("api.hubapi.com") is None


def test_target_is_kept_as_sent() -> None:
    assert request("/%6Fauth//x?a=%41").target == "/%6Fauth//x?a=%41"


@pytest.mark.parametrize(("target", "path"), [("/a?b=/../c", "/a"), ("/a??b", "/a"), ("/a", "/a")])
def test_the_path_ends_at_the_query(target: str, path: str) -> None:
    assert request(target).path == path
    assert request(target).paths == (path,)


@pytest.mark.parametrize(
    ("text", "has_some"),
    [
        ("a\tb", False),
        ("caf\xe9 \xa0", False),
        ("\r", True),
        ("\n", True),
        ("\0", True),
        ("\x1f", True),
        ("\x7f", True),
    ],
)
def test_control_characters_are_seen_in_target_and_fields(text: str, has_some: bool) -> None:
    assert request(f"/{text}").has_control_characters is has_some
    assert request(headers=(("x", text),)).has_control_characters is has_some


@cases(
    ("fields", "body"),
    {
        "no escape": ((), b"code=%zz"),
        "JSON": ((("content-type", "application/json"),), b"{}"),
        "UTF-16": ((("content-type", f"{FORM}; charset=utf-16"),), b"c"),
        "UTF-7": ((("content-type", f"{FORM}; a=b; charset=utf-7"),), b"c"),
        "charset*": ((("content-type", f"{FORM}; charset*=utf-7"),), b"c"),
        "compressed": ((("content-encoding", "gzip"),), b"c"),
        "compressed on the way": ((("transfer-encoding", "gzip, chunked"),), b"c"),
    },
)
def test_what_is_no_form(fields: tuple[tuple[str, str], ...], body: bytes) -> None:
    assert request(headers=fields, body=body).form is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-type", f'{FORM};charset="UTF-8"'),
        ("content-type", f"{FORM}; profile=x"),
        ("content-encoding", "identity"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity, , chunked"),
        ("x-other", "gzip"),
    ],
)
def test_a_form(name: str, value: str) -> None:
    assert request(headers=((name, value),), body=b"Code[]=x%2D").form == {"code": ["x%2D"]}


def test_an_empty_body_is_a_form_of_any_type() -> None:
    assert request(headers=(("content-type", "text/plain"),)).form == {}


@cases(
    ("fields", "body"),
    {
        "a form": ((), b"key=x"),
        "another type": ((("content-type", "text/plain"),), b"{}"),
        "NaN": ((), b"[NaN]"),
        "UTF-16": ((), "{}".encode("utf-16")),
    },
)
def test_what_is_no_json(fields: tuple[tuple[str, str], ...], body: bytes) -> None:
    assert request(headers=fields, body=body).json is None


@pytest.mark.parametrize("body", [b"", None, b"null", b"{}", b"\xef\xbb\xbf{}"])
def test_an_empty_document(body: bytes | None) -> None:
    fields = (("content-type", "application/x+json"),)
    assert request(headers=fields, body=body).json == []


def test_the_query_is_read_where_a_name_may_be_in_it() -> None:
    seen = request("/x?Limit=1&hapi_KEY=a&hapi-key=b")
    assert seen.query == {"limit": ["1"], "hapi_key": ["a", "b"]}
    assert (seen.may_name("hapi"), seen.may_name("token")) == (True, False)
    assert request("/x?%61=b").may_name("token")
    assert not request("/x?a+b=c").may_name("token")


def test_headers_are_looked_up_in_order() -> None:
    seen = request(headers=(("a", "1"), ("b", "2"), ("a", "3")))

    assert list(seen.header("a")) == ["1", "3"]
    assert list(seen.header("c")) == []


@pytest.mark.parametrize("field", ["method", "hosts", "target", "headers", "body"])
def test_a_request_is_read_only(field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(request(), field, "other")


def test_repr_shows_where_to_but_nothing_that_can_hold_a_credential() -> None:
    token = private_app_token("eu1")
    seen = request(
        f"/oauth/v1/refresh-tokens/{token}?hapikey={token}",
        (("authorization", f"Bearer {token}"), ("cookie", f"sid={token}")),
        token.encode(),
    )

    assert repr(seen) == "<Request api.hubapi.com>"


def test_repr_shows_every_host_that_was_given() -> None:
    assert repr(request(hosts=("a.example", "b.example:8443"))) == (
        "<Request a.example, b.example:8443>"
    )


def test_repr_shows_no_userinfo() -> None:
    assert UUID not in repr(request(hosts=(f"{UUID}@o1.ingest.us.sentry.io", f"user:{UUID}@x")))


def test_the_names_of_fields_are_kept_as_they_were_given_beside_those_of_a_decision() -> None:
    given = [("X_A", "1"), ("Host", "a"), ("x-a", "2"), ("X-a", "é")]
    seen = Request.of("POST", "http://b/", iter(given))

    assert seen.hosts == ("a",)
    assert seen.headers == (("x-a", "1"), ("host", "a"), ("x-a", "2"), ("x-a", "Ã©"))
    assert seen.fields == [*given[:3], ("X-a", "Ã©")]
    assert Request.of("GET", URL, {"X_A": "1"}).fields == [("X_A", "1")]


def test_other_fields_come_with_their_names() -> None:
    seen = request("/x", body=b"b")
    other = seen.with_fields([("X_A", "1")])

    assert other == replace(seen, headers=(("x-a", "1"),))
    assert other.fields == [("X_A", "1")]
    assert replace(other, headers=(("x-b", "1"),)).fields == [("x-b", "1")]
