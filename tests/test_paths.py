"""Paths in each way that some server reads them."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from hublet_router.core.paths import readings

TOKEN = "/oauth/v1/token"
TOKEN_PATHS = {
    "as it is": TOKEN,
    "escaped": "/%6Fauth/v1/token",
    "escaped twice": "/%256Fauth/v1/token",
    "escaped as ASP.NET reads it": "/%u006Fauth/v1/token",
    "an escaped slash": "/oauth%2Fv1/token",
    "empty segments": "//oauth///v1/token",
    "dot segments": "/x/../oauth/./v1/token",
    "escaped dot segments": "/x/%2e%2e/oauth/v1/token",
    "parameters": "/oauth;a=b/v1;c/token;d",
    "dots with a parameter": "/x/..;/oauth/v1/token",
    "backslashes": "\\oauth\\v1\\token",
    "escaped backslashes": "%5Coauth%5Cv1%5Ctoken",
    "a suffix": "/oauth/v1/token.json",
    "a stream of Windows": "/oauth/v1/token::$DATA",
    "a fragment": "/oauth/v1/token#a",
    "a slash at the end": "/oauth/v1/token/",
    "a blank behind": "/oauth/v1/token%20",
    "blanks behind each": "/oauth%20/v1%09/token%0a",
    "blanks before each": "/%20oauth/%09v1/%c2%a0token",
    "a blank before and a mark behind": "/%20oauth/v1/token,x",
    "a byte order mark": "/%ef%bb%bfoauth/v1/token",
    "a slash in two bytes too many": "/oauth%c0%afv1/token",
    "a slash in three": "/oauth%e0%80%AFv1/token",
    "a slash in four": "/oauth%F0%80%80%afv1/token",
    "a letter in two": "/%c1%afauth/v1/token",
    "a backslash in two": "/oauth%c1%9cv1/token",
    "a dot in two": "/x/%c0%ae%c0%ae/oauth/v1/token",
    "overlong bytes as they are": "/oauth\xc0\xafv1/token",
    "three of them": "/oauth\xe0\x80\xafv1/token",
    "overlong, escaped twice": "/oauth%25c0%25afv1/token",
    "a slash of full width": "/oauth%ef%bc%8fv1/token",
    "its bytes as they are": "/oauth\xef\xbc\x8fv1/token",
    "as ASP.NET escapes it": "/oauth%uFF0Fv1/token",
    "letters of full width": "/%ef%bd%8f%ef%bd%81uth/v1/token",
}


@cases("path", TOKEN_PATHS)
def test_each_spelling_is_read_as_the_path_that_some_server_finds(path: str) -> None:
    assert TOKEN in readings(path)


@pytest.mark.parametrize("path", ["*", "/", "", "/crm/v3/objects/contacts", "/a_b/c-d"])
def test_a_plain_path_has_one_reading(path: str) -> None:
    assert readings(path) == (path,)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/", "/"),
        ("", ""),
        ("*", "*"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("/%6Fauth/v1/token", "/oauth/v1/token"),
        ("/%6Fauth//x/../v1/token", "/oauth/v1/token"),
        ("//oauth///v1/token", "/oauth/v1/token"),
        ("/oauth/v1;a=b/token;c", "/oauth/v1/token"),
        ("/oauth/v1/%74oken%3Bc", "/oauth/v1/token;c"),
        ("\\oauth%5Cv1/token", "/oauth/v1/token"),
        ("/oauth/v1/token#x", "/oauth/v1/token"),
        ("/oauth%2Fv1%2Ftoken", "/oauth/v1/token"),
        ("/./oauth/./v1/token", "/oauth/v1/token"),
        ("/oauth/v1/token/.", "/oauth/v1/token/"),
        ("/oauth/v1/token/x/..", "/oauth/v1/token/"),
        ("/oauth/v1/token//", "/oauth/v1/token/"),
        ("/oauth/v1/token/%2e%2e/token", "/oauth/v1/token"),
        ("/../../oauth", "/oauth"),
        ("/..", "/"),
        ("//", "/"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a%3Fb", "/a?b"),
        ("/a%252Fb", "/a%2Fb"),
        ("/a%zz", "/a%zz"),
        ("/%C3%A9", "/é"),
        ("/%u00E9", "/é"),
        ("/%u002541", "/%41"),
        ("a%2Fb", "/a/b"),
        ("/%FF", "/\ufffd"),
        ("/\xff", "/\ufffd"),
    ],
)
def test_what_normalises_most_comes_first(raw: str, path: str) -> None:
    assert readings(raw)[0] == path


def test_what_was_sent_stays() -> None:
    assert "/x/../%6Fauth;a=b/v1" in readings("/x/../%6Fauth;a=b/v1")


@pytest.mark.parametrize(("times", "is_read"), [(3, True), (4, False)])
def test_a_path_is_decoded_three_times_as_it_stands(times: int, is_read: bool) -> None:
    assert ("/x;k" in readings("/x;%" + "25" * (times - 1) + "6b")) is is_read


@given(path=st.text("/.a%2eEfF"))
def test_a_path_is_plain_once_it_was_made_plain(path: str) -> None:
    plain = readings(f"/{path}/")[0]

    assert plain.startswith("/")
    assert "//" not in plain
    assert not {".", ".."} & set(plain.split("/"))


@pytest.mark.parametrize(
    "raw",
    [
        "/a/key", "/a/key/", "/a/key;x", "/a/key#x", "/x#/../a/key", "/a//key",
        "/a/./key", "/a/%6bey", "/a/%256bey", "/a/%25256bey", "/a%2Fkey", "\\a\\key",
        "/a%5ckey", "/a;x/key", "/x/..;/a/key", "/a/key%00", "/a/key%20", "/a/key%3fx",
        "/a/key%23x", "/a/key.", "/a/key.json",
        "/a/key..", "/a/key.tar.gz", "/a/key.json/", "/a/key::$DATA", "/a/key,x", "/a/key&x=1",
        "/a/key%2b", "/a/key~", "/a/key%", "/a/k%u0065y", "/a%u002fkey", "/x/..%5ca/key",
        "/a/key;x/..;/key", "/x/%252e%252e/a/key", "/A/..;/a/;b/key",
    ],
)  # fmt: skip
def test_a_path_is_read_in_each_way_in_which_a_server_may(raw: str) -> None:
    assert any(path.rstrip("/") == "/a/key" for path in readings(raw))


def test_the_order_is_the_same_in_each_process() -> None:
    """With `conflict: first`, the first value decides."""
    code = (
        "from hublet_router.core.paths import readings;"
        "print(readings('/a%252Fb;c=%41/..\\\\%u0064.e/f::g#h'))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
