import base64

import pytest

from hublet_router.core.runs import Runs, run_alone, runs_of

KEY = "eu1-0123456789ab"


def texts_of(text: str, *judged: str) -> set[str]:
    return {run for runs in runs_of(text, judged) for run in runs.texts}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(KEY, id="plain"),
        pytest.param(f"Bearer {KEY}", id="a scheme"),
        pytest.param(f"a=b; c={KEY}; d", id="cookies"),
        pytest.param(f'{{"a":"{KEY}"}}', id="JSON"),
        pytest.param(f"user:{KEY}", id="a password"),
        pytest.param(f"{KEY}:password", id="a user"),
        pytest.param(f"https://{KEY}@a.example/", id="the user of a URL"),
        pytest.param(f"/a/{KEY}/b", id="a path"),
        pytest.param(f"Bearer+{KEY}", id="a blank in a query"),
        pytest.param(f"{KEY}.0123456789abcdef", id="a signature"),
        pytest.param(f"0123456789abcdef.{KEY}", id="before it"),
        pytest.param(KEY.upper(), id="upper case"),
        pytest.param("%65" + KEY[1:], id="percent"),
        pytest.param("%252565" + KEY[1:], id="percent three times"),
        pytest.param("%u0065" + KEY[1:], id="as ASP.NET"),
        pytest.param("\\u0065" + KEY[1:], id="JSON escapes"),
        pytest.param("\\\\\\u0065" + KEY[1:], id="JSON in JSON"),
        pytest.param("\\x65" + KEY[1:], id="as JavaScript"),
        pytest.param(f"\\n{KEY}\\t", id="after an escaped line break"),
        pytest.param(f"https://%65{KEY[1:]}.example.com=", id="in what is no host of a URL"),
        pytest.param("\0".join(KEY), id="UTF-16"),
        pytest.param("".join(f"{char}%00" for char in KEY), id="UTF-16, escaped"),
        pytest.param(base64.b64encode(KEY.encode()).decode(), id="base64"),
        pytest.param(base64.b64encode(b"\xff\0" + KEY.encode()).decode(), id="in binary data"),
        pytest.param(
            base64.b64encode(base64.b64encode(b"x:" + KEY.encode())).decode(), id="base64 of base64"
        ),
    ],
)
def test_a_run_is_found_in_each_spelling(text: str) -> None:
    assert KEY in texts_of(text)


@pytest.mark.parametrize(
    ("text", "run"),
    [
        pytest.param("ab/cdefghijk+lmnop", "ab/cdefghijk+lmnop", id="base64"),
        pytest.param("x:ab/cdefghijk+lmnop", "ab/cdefghijk+lmnop", id="after a mark"),
        pytest.param("/ab/cdefghijk+lmnop/", "ab/cdefghijk+lmnop", id="between slashes"),
        pytest.param("Bearer+ab/cdefghijklmnop", "ab/cdefghijklmnop", id="after a plus"),
        pytest.param("/crm/ab%2Fcdefghijklm%2Bnop/x", "ab/cdefghijklm+nop", id="escaped in a path"),
        pytest.param("/crm/ab%2Fcdefghijk+lmnop/x", "ab/cdefghijk+lmnop", id="beside a plus"),
        pytest.param("a=x+ab%2Fcdefghijklm%2Bnop", "ab/cdefghijklm+nop", id="escaped in a query"),
        pytest.param("eu1:secret/with@marks", "eu1:secret/with@marks", id="with marks"),
        pytest.param("ab\\/cdefghijk+lmnop", "ab/cdefghijk+lmnop", id="escaped as in JSON"),
    ],
)
def test_a_run_may_hold_what_parts_others(text: str, run: str) -> None:
    assert run in texts_of(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://eu1-application.example.com/x", id="the host of a URL"),
        pytest.param("eu1-0123456789a", id="fifteen characters"),
        pytest.param("application/json;charset=utf-8", id="a media type"),
        pytest.param("%252525" + "65" + KEY[1:], id="escaped four times"),
    ],
)
def test_no_such_run_is_found(text: str) -> None:
    assert not [run for run in texts_of(text) if run.startswith("eu1-")]


def test_what_was_judged_is_left_out_with_its_parts() -> None:
    judged = f"0123456789abcdef.{KEY}"

    assert texts_of(f"a={judged}", judged) == set()
    assert texts_of("a=" + judged.replace(".", "%2E"), judged).isdisjoint({KEY, judged})
    assert KEY in texts_of(f"a={judged} {KEY}", judged)
    assert KEY in texts_of(f"a={judged}")


def test_a_run_alone_may_be_short_and_hold_anything() -> None:
    assert run_alone("ZX. UX") == Runs(["ZX. UX", "zx. ux"], [("ZX. UX", b"eu\x17")])
