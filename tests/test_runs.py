import base64

from cases import cases
from hublet_router.core.runs import Runs, _behind_escapes, _words, run_alone, runs_of

KEY = "eu1-0123456789ab"
JSON = f'{{"a": "{KEY}"}}'.encode()


def texts_of(text: str, *judged: str) -> set[str]:
    return {run for runs in runs_of(text, judged) for run in runs.texts}


@cases(
    "text",
    {
        "plain": KEY,
        "a scheme": f"Bearer {KEY}",
        "cookies": f"a=b; c={KEY}; d",
        "JSON": f'{{"a":"{KEY}"}}',
        "a password": f"user:{KEY}",
        "a user": f"{KEY}:password",
        "the user of a URL": f"https://{KEY}@a.example/",
        "a path": f"/a/{KEY}/b",
        "a blank in a query": f"Bearer+{KEY}",
        "a signature": f"{KEY}.0123456789abcdef",
        "before it": f"0123456789abcdef.{KEY}",
        "upper case": KEY.upper(),
        "percent": "%65" + KEY[1:],
        "percent three times": "%252565" + KEY[1:],
        "as ASP.NET": "%u0065" + KEY[1:],
        "JSON escapes": "\\u0065" + KEY[1:],
        "JSON in JSON": "\\\\\\u0065" + KEY[1:],
        "as JavaScript": "\\x65" + KEY[1:],
        "octal": "\\145" + KEY[1:],
        "octal throughout": "".join(f"\\{ord(char):03o}" for char in KEY),
        "quoted pairs": "".join(f"\\{char}" for char in KEY),
        "after an escaped line break": f"\\n{KEY}\\t",
        "in what is no host of a URL": f"https://%65{KEY[1:]}.example.com=",
        "UTF-16": "\0".join(KEY),
        "UTF-16, escaped": "".join(f"{char}%00" for char in KEY),
        "base64": base64.b64encode(KEY.encode()).decode(),
        "in binary data": base64.b64encode(b"\xff\0" + KEY.encode()).decode(),
        "base64 of JSON behind a prefix": "base64-" + base64.b64encode(JSON).decode(),
        "behind two": "eyJ-base64-" + base64.b64encode(JSON).decode(),
        "base64 of base64": base64.b64encode(base64.b64encode(b"x:" + KEY.encode())).decode(),
    },
)
def test_a_run_is_found_in_each_spelling(text: str) -> None:
    assert KEY in texts_of(text)


@cases(
    ("text", "run"),
    {
        "base64": ("ab/cdefghijk+lmnop", "ab/cdefghijk+lmnop"),
        "after a mark": ("x:ab/cdefghijk+lmnop", "ab/cdefghijk+lmnop"),
        "between slashes": ("/ab/cdefghijk+lmnop/", "ab/cdefghijk+lmnop"),
        "after a plus": ("Bearer+ab/cdefghijklmnop", "ab/cdefghijklmnop"),
        "escaped in a path": ("/crm/ab%2Fcdefghijklm%2Bnop/x", "ab/cdefghijklm+nop"),
        "beside a plus": ("/crm/ab%2Fcdefghijk+lmnop/x", "ab/cdefghijk+lmnop"),
        "escaped in a query": ("a=x+ab%2Fcdefghijklm%2Bnop", "ab/cdefghijklm+nop"),
        "with marks": ("eu1:secret/with@marks", "eu1:secret/with@marks"),
        "escaped as in JSON": ("ab\\/cdefghijk+lmnop", "ab/cdefghijk+lmnop"),
    },
)
def test_a_run_may_hold_what_parts_others(text: str, run: str) -> None:
    assert run in texts_of(text)


@cases(
    "text",
    {
        "the host of a URL": "https://eu1-application.example.com/x",
        "of one without a scheme": "://eu1-application.example.com",
        "of one behind an escape": "%7Ehttps://eu1-application.example.com x",
        "fifteen characters": "eu1-0123456789a",
        "a media type": "application/json;charset=utf-8",
        "escaped four times": "%252525" + "65" + KEY[1:],
    },
)
def test_no_such_run_is_found(text: str) -> None:
    assert not [run for run in texts_of(text) if run.startswith("eu1-")]


def test_what_was_judged_is_left_out_with_its_parts() -> None:
    judged = f"0123456789abcdef.{KEY}"

    assert texts_of(f"a={judged}", judged) == set()
    assert texts_of("a=" + judged.replace(".", "%2E"), judged).isdisjoint({KEY, judged})
    assert KEY in texts_of(f"a={judged} {KEY}", judged)
    assert KEY in texts_of(f"a={judged}")


def test_no_word_is_decoded_in_two_layers() -> None:
    percent, octal = b"%2541" * 6, b"\\145" * 16
    decoded: set[bytes] = set()

    assert _behind_escapes(percent + b" " + octal, decoded) == {b"%41" * 6, b"e" * 16}
    assert decoded == {percent, octal}


def test_words_that_are_too_short_for_a_run_are_not_decoded_again() -> None:
    assert _words(b"%41 " * 9 + b"%41" * 5 + b"a") == [b"%41" * 5 + b"a"]


def test_a_run_alone_may_be_short_and_hold_anything() -> None:
    parts = ["ZX. UX", "ZX.", "UX", "ZX"]
    whole = [("ZX. UX", b"eu\x17"), ("ZX.", b"e"), ("UX", b"Q"), ("ZX", b"e")]
    assert run_alone("ZX. UX") == Runs([*parts, "zx. ux", "zx.", "ux", "zx"], whole)
