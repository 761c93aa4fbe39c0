"""Law 7 without a clock: twice the request takes at most twice the work.

The work is what the core is given to look at: one for each call of a function, whether of the core
or of C, and the characters of its arguments.
"""

import sys
from base64 import b64encode
from pathlib import Path
from random import Random
from types import FrameType

import pytest

from cases import cases
from hublet_router import core
from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from shipped_table import SHIPPED as TABLE
from synthetic import api_key, base64url, bytes_field, varint_field

CORE = str(Path(core.__file__).parent)
API, KIB = "api.hubapi.com", 1024
ONCE = 20_000
"""Work that does not depend on the size: what a table has once for each request."""

PIECES = {
    "parameters": "&%61=%61",
    "parameters of a rule": "&hapikey=x",
    "parameters with escapes left": "&hapikey=%2561",
    "divided parameters": ";a=b;",
    "slashes": "/",
    "escaped slashes": "%2F",
    "escaped percents": "%25",
    "escaped escaped slashes": "%25252F%252F",
    "dot segments": "/../a/.",
    "backslashes": "\\",
    "Unicode escapes": "%u0025",
    "JSON escapes": "\\u005c",
    "octal escapes": "\\145",
    "octal beside other escapes": "\\145%252F",
    "dots": "a.",
    "heads of tokens": "eyJ.",
    "suffixes": ".a/",
    "path parameters": ";a/",
    "hosts of URLs": "https://a.a.a.a/",
    "schemes of URLs": "://",
    "runs": "aaaaaaaaaaaaaaa{} ",
    "runs with slashes": "aaaaaaaaaaaaaaaa{}/",
    "runs with pluses": "aaaaaaaaaaaaaaaa{}+/",
    "runs with marks": "/Aaaa/aaaaa{0}+Bbbb+bbbbb{0}:Cccc/ccccc{0}.Dddd+dddddd{0} ",
    "one run": "a",
    "one run of base64": "QUFB",
    "noise": b64encode(Random(0).randbytes(48)).decode() + "{}",
    "keys": api_key("na1")[:-4] + "{},",
    "numbers": "0x7f.",
    "brackets": "[{{",
    "quotes": '"\\',
    "strings": '"a",',
    "lists": "[[[[0]]]],",
    "objects": '{{"":0}},',
    "long numbers": "1e308,",
    "cookies": "a=b;",
    "cookies with numbers": "a{}=b;",
    "equals signs": "=",
    "pluses": "+",
}  # fmt: skip
SHAPES = ("path", "query", "field", "authorization", "cookie", "form", "json", "list", "any body")


def text_of(piece: str, size: int) -> str:
    """Return about so many characters of whole pieces; a number makes each of them different.

    Their count is a multiple of four, so that what is base64 at one size is so at any.
    """
    count = size // len(piece.format("000000")) // 4 * 4
    return "".join(piece.format(f"{at:06}") for at in range(count))


def request_of(shape: str, text: str) -> Request:
    form = ("content-type", "application/x-www-form-urlencoded")
    wanted = {
        "path": ("/oauth/v1/access-tokens/" + text, (), ""),
        "query": ("/oauth/v1/token?" + text, (), ""),
        "field": ("/", (("x-any", text),), ""),
        "authorization": ("/", (("authorization", "Bearer " + text),), ""),
        "cookie": ("/", (("cookie", text),), ""),
        "form": ("/oauth/v1/token", (form,), text),
        "json": ("/localdevauth/v1/auth/refresh", (("content-type", "application/json"),), text),
        "list": ("/oauth/v1/token", (), f"[{text}0]"),
        "any body": ("/oauth/v1/token", (), text),
    }
    target, fields, body = wanted[shape]
    return Request("POST", (API,), target, fields, body.encode("latin-1"))


def work_of(request: Request) -> int:
    """Return how much work the core has with a request."""
    total = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal total
        if not frame.f_code.co_filename.startswith(CORE):
            return
        total += 1
        if event == "call":
            code = frame.f_code
            arguments = [frame.f_locals[name] for name in code.co_varnames[: code.co_argcount]]
            total += sum(len(it) for it in arguments if isinstance(it, (str, bytes, list, tuple)))

    sys.setprofile(count)
    try:
        decide(TABLE, request)
    finally:
        sys.setprofile(None)
    return total


@pytest.mark.parametrize("shape", SHAPES)
@cases("piece", PIECES)
def test_work_grows_with_the_size_of_a_request(shape: str, piece: str) -> None:
    half, whole = [request_of(shape, text_of(piece, size * KIB)) for size in (16, 32)]
    assert work_of(whole) <= 2 * work_of(half) + ONCE


@pytest.mark.parametrize(
    "field", [varint_field(1, 1), bytes_field(9, b"x"), bytes_field(9, b"")], ids=str
)
def test_work_grows_with_the_size_of_a_token(field: bytes) -> None:
    half, whole = [
        request_of("authorization", base64url(varint_field(1, 1) + field * (size * KIB // 8)))
        for size in (8, 16)
    ]
    assert work_of(whole) <= 2 * work_of(half) + ONCE
