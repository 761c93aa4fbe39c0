"""Paths in each way that some server reads them."""

import subprocess
import sys

import pytest

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


def test_what_normalises_most_comes_first_and_what_was_sent_stays() -> None:
    found = readings("/x/../%6Fauth;a=b/v1")
    assert found[0] == "/oauth/v1"
    assert "/x/../%6Fauth;a=b/v1" in found


@pytest.mark.parametrize("path", ["/a/", "/a/.", "/a/b/..", "/x/../a//"])
def test_a_slash_at_the_end_stays(path: str) -> None:
    assert readings(path)[0] == "/a/"


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
