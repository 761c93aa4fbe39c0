import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from core_requests import request
from hublet_router.core.places import Cookie, Form, Header, Host, Json, Path, Place, Query
from hublet_router.core.request import Request, host_name

BEARER = Header("authorization", "bearer")
TOKEN_PATH = Path(re.compile("^/oauth/v1/refresh-tokens/([^/]+)"))


@cases(
    ("place", "seen", "values"),
    {
        "header, trimmed": (Header("x-key"), request(headers=(("x-key", " a b "),)), ["a b"]),
        "header twice": (
            Header("x-key"),
            request(headers=(("x-key", "a"), ("other", "b"), ("x-key", "c"))),
            ["a", "c"],
        ),
        "header, empty": (Header("x-key"), request(headers=(("x-key", " "),)), []),
        "header, absent": (Header("x-key"), request(), []),
        "bearer": (BEARER, request(headers=(("authorization", "Bearer t"),)), ["t"]),
        "scheme in any case": (BEARER, request(headers=(("authorization", "bEARER t"),)), ["t"]),
        "white space": (BEARER, request(headers=(("authorization", " Bearer \t t "),)), ["t"]),
        "odd white space": (BEARER, request(headers=(("authorization", "Bearer \xa0t"),)), ["t"]),
        "another scheme": (BEARER, request(headers=(("authorization", "Basic t"),)), []),
        "only the scheme": (BEARER, request(headers=(("authorization", "Bearer"),)), []),
        "empty": (BEARER, request(headers=(("authorization", ""),)), []),
        "two Authorization headers": (
            BEARER,
            request(headers=(("authorization", "Bearer a"), ("authorization", "Bearer b"))),
            ["a", "b"],
        ),
        "query": (Query("key"), request("/?key=a"), ["a"]),
        "query twice": (Query("key"), request("/?key=a&x=b&key=c"), ["a", "c"]),
        "query, encoded": (Query("key"), request("/?k%65y=a%2Db+c"), ["a-b c"]),
        "query, empty": (Query("key"), request("/?key="), []),
        "query, no value": (Query("key"), request("/?key"), []),
        "query, another case": (Query("key"), request("/?KEY=a"), ["a"]),
        "no query": (Query("key"), request("/key=a"), []),
        "a second question mark": (Query("key"), request("/?a=1?key=b"), []),
        "cookie": (Cookie("sid"), request(headers=(("cookie", "a=1; sid=x; b=2"),)), ["x"]),
        "cookie, quoted": (Cookie("sid"), request(headers=(("cookie", 'sid="x"'),)), ["x"]),
        "cookie, three times": (
            Cookie("sid"),
            request(headers=(("cookie", "sid=x;sid=y"), ("cookie", " sid = z "))),
            ["x", "y", "z"],
        ),
        "cookie with =": (Cookie("sid"), request(headers=(("cookie", "sid=a=b"),)), ["a=b"]),
        "cookie, empty": (Cookie("sid"), request(headers=(("cookie", 'sid=; sid=""; sid'),)), []),
        "cookie, others": (Cookie("sid"), request(headers=(("cookie", "xsid=y"),)), []),
        "another header": (Cookie("sid"), request(headers=(("set-cookie", "sid=x"),)), []),
        "form, twice": (Form("code"), request(body=b"a=1&code=x%2Dy&code=z"), ["x-y", "z"]),
        "form, empty": (Form("code"), request(body=b"code=&code"), []),
        "form, raw bytes": (Form("code"), request(body=b"code=\xe9"), ["é"]),
        "form, too long to be read": (Form("code"), request(body=None), []),
        "json": (Json("a.b"), request(body=b'{"a": {"b": "x"}}'), ["x"]),
        "duplicate keys": (Json("key"), request(body=b'{"key": "x", "key": "y"}'), ["x", "y"]),
        "json, a number": (Json("key"), request(body=b'{"key": 1}'), ["1"]),
        "json, too long to be read": (Json("key"), request(body=None), []),
        "path": (TOKEN_PATH, request("/oauth/v1/refresh-tokens/x?y"), ["x"]),
        "path, as a server may": (TOKEN_PATH, request("/%6Fauth/v1//refresh-tokens/x/y"), ["x"]),
        "path, white space": (Path(re.compile("^/a/([^%/]+)")), request("/a/%20x%20"), ["x"]),
        "path without it": (TOKEN_PATH, request("/oauth/v1/refresh-tokens/"), []),
        "path, empty group": (Path(re.compile("^/a(b*)")), request("/a"), []),
        "path, group took no part": (Path(re.compile("^/a(b)?")), request("/a"), []),
    },
)
def test_values(place: Place, seen: Request, values: list[str]) -> None:
    found = place.values(seen)

    assert found is not None
    assert list(found) == values


REGION = Host(re.compile(r"^api(?:-([a-z0-9]*))?\."))


@cases(
    ("hosts", "values"),
    {
        "a region": (("api-eu1.test",), ["eu1"]),
        "case, trailing dot, port": (("API-EU1.Test.:443",), ["eu1"]),
        "Host and :authority": (("api-eu1.test", "api-EU1.test:443"), ["eu1"]),
        "the group is not there": (("api.test",), []),
        "the group is empty": (("api-.test",), []),
        "no match": (("www.test",), []),
        "hosts that differ": (("api-eu1.test", "api-na1.test"), []),
        "no host": ((), []),
    },
)
def test_the_host_is_the_same_whatever_the_protocol(
    hosts: tuple[str, ...], values: list[str]
) -> None:
    assert list(REGION.values(request(hosts=hosts))) == values


def form(body: bytes, *headers: tuple[str, str]) -> Request:
    return request(headers=headers, body=body)


def typed(media_type: str, body: bytes) -> Request:
    return form(body, ("content-type", media_type))


def authorization(value: str) -> Request:
    return request(headers=(("authorization", value),))


URLENCODED = "application/x-www-form-urlencoded"
CODE, KEY, SID = Form("code"), Json("key"), Cookie("sid")


@cases(
    ("place", "seen"),
    {
        "two words": (BEARER, authorization("Bearer t u")),
        "quoted": (BEARER, authorization('Bearer "t"')),
        "a parameter": (BEARER, authorization("Bearer token=t")),
        "a list": (BEARER, authorization("Bearer t, Bearer u")),
        "a colon": (BEARER, authorization("Bearer: t")),
        "no white space": (BEARER, authorization("Bearert")),
        "an equals sign": (BEARER, authorization("bearer=t")),
        "query, encoded twice": (Query("key"), request("/?key=%2565")),
        "query, %u": (Query("key"), request("/?key=%u0065")),
        "query, overlong UTF-8": (Query("key"), request("/?key=%C1%A5")),
        "cookie, encoded": (SID, request(headers=(("cookie", "sid=%65"),))),
        "cookie, escaped": (SID, request(headers=(("cookie", 'sid="a\\145"'),))),
        "form, encoded twice": (CODE, form(b"code=%2565")),
        "multipart": (CODE, typed("multipart/form-data; boundary=b", b"--b")),
        "json, and more": (KEY, form(b'{"key": "x"} x')),
    },
)
def test_what_cannot_be_read_is_none(place: Place, seen: Request) -> None:
    assert place.values(seen) is None


@cases(
    ("place", "seen"),
    {
        "padding": (BEARER, authorization("Bearer x==")),
        "query, folded": (Query("a_key"), request("/?A-Key%5B%5D=x==")),
        "query, semicolon": (Query("key"), request("/?a=1;key=%20x==%0A")),
        "cookie": (Cookie("a-key"), request(headers=(("cookie", "A_KEY=x=="),))),
        "form": (CODE, typed(f'{URLENCODED};charset="UTF-8"', b"Code[]=x==")),
        "json": (KEY, typed("application/x+json", b'{"KEY": " x==\\n"}')),
    },
)
def test_what_lenient_servers_read_is_read(place: Place, seen: Request) -> None:
    assert [*(place.values(seen) or ())] == ["x=="]


def test_null_is_a_document_without_strings() -> None:
    assert [*(KEY.values(form(b"null")) or ())] == []


@pytest.mark.parametrize(
    ("place", "in_body"),
    [
        (Header("a"), False),
        (Query("a"), False),
        (Cookie("a"), False),
        (Path(re.compile("(a)")), False),
        (Form("a"), True),
        (Json("a"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_forms_and_json_are_in_the_body(place: Place, in_body: bool) -> None:
    assert place.in_body is in_body


@cases(
    ("one", "other", "equal"),
    {
        "header": (Header("a", "bearer"), Header("a", "bearer"), True),
        "another scheme": (Header("a", "bearer"), Header("a"), False),
        "query": (Query("a"), Query("a"), True),
        "another kind": (Query("a"), Form("a"), False),
        "path": (Path(re.compile("(a)")), Path(re.compile("(a)")), True),
    },
)
def test_equal_places_are_one_key(one: Place, other: Place, equal: bool) -> None:
    assert len({one, other}) == (1 if equal else 2)


@pytest.mark.parametrize("target", ["/?a=b=c", "/?a=b=c&%20"])
def test_a_name_with_an_equals_sign_is_read_in_one_way(target: str) -> None:
    assert list(Query("a=b").values(request(target)) or ()) == []
    assert list(Query("a").values(request(target)) or ()) == ["b=c"]


ANY_TEXT = st.text(st.characters(max_codepoint=255))
PLACES: list[Place] = [
    Header("authorization"),
    BEARER,
    Query("a"),
    Cookie("a"),
    Form("a"),
    Json("a"),
    TOKEN_PATH,
    Path(re.compile("(.)?")),
]


@given(
    hosts=st.lists(ANY_TEXT).map(tuple),
    target=ANY_TEXT | ANY_TEXT.map("/?a={}".format),
    field=ANY_TEXT | ANY_TEXT.map("Bearer {}".format) | ANY_TEXT.map("a={}".format),
    body=st.none() | st.binary() | st.binary().map(b"a=".__add__),
)
def test_no_request_makes_a_place_raise(
    hosts: tuple[str, ...], target: str, field: str, body: bytes | None
) -> None:
    seen = Request("GET", hosts, target, (("authorization", field), ("cookie", field)), body)
    values = [value for place in PLACES for value in place.values(seen) or ()]

    assert all(isinstance(value, str) and value for value in values)
    assert seen.host is None or seen.host in {host_name(host) for host in hosts}


def test_the_prefix_of_a_path_is_compared_without_case() -> None:
    place = Path(re.compile("^/series/([^/]+)", re.IGNORECASE), prefix="/series/")
    for path in ("/Series/x", "/%C5%BFeries/x", "/ser%C4%B0es/x"):
        assert "x" in place.values(Request("GET", ("a.example",), path))
