"""The words of a curl command."""

from pathlib import Path

import pytest

from hublet_router.cli.curl_words import CurlError, UnknownWordError, requests

SECRET = "c0ffee5ec2e7"


def test_options_that_change_nothing_are_left_out() -> None:
    words = ["-sG", "-", "--connect-to", "x", "-o", "-", "-oout", "-sk", "--max-time=3", "c"]
    assert requests(words) == [[("get", ""), ("url", "-"), ("url", "c")]]


@pytest.mark.parametrize(
    ("words", "groups"),
    [
        (["-XPUT", "a", "--next", "-dx", "b"], [[("request", "PUT"), ("url", "a")],
                                                [("data", "x"), ("url", "b")]]),
        (["a", "-:", "b"], [[("url", "a")], [("url", "b")]]),
        (["--", "-G", "a"], [[("url", "-G"), ("url", "a")]]),
        (["-G", "--no-get", "a"], [[("url", "a")]]),
        (["--no-location", "--no-progress-meter", "--no-alpn", "a"], [[("url", "a")]]),
        (["--sil", "--oauth", "X", "a"], [[("oauth2-bearer", "X"), ("url", "a")]]),
        (["-d", "-G", "a"], [[("data", "-G"), ("url", "a")]]),
        (["-d", ""], [[("data", "")]]),
        (["--json={}"], [[("json", "{}")]]),
    ],
)  # fmt: skip
def test_the_requests_and_their_options(
    words: list[str], groups: list[list[tuple[str, str]]]
) -> None:
    assert requests(words) == groups


def test_a_file_of_options(tmp_path: Path) -> None:
    file = tmp_path / "curl.conf"
    file.write_text('# x\n\nurl = "a\\"b\\n"\n-XPUT\nget\nnext\ndata=""\nheader: X\nuser = a # y')
    given = requests(["-K", str(file)])
    assert given == [
        [("url", 'a"b\n'), ("request", "PUT"), ("get", "")],
        [("data", ""), ("header", "X"), ("user", "a")],
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["x", f"--{SECRET}"], "word 2 is no option of curl 8; leave it out, with its value"),
        (["--heder", SECRET], "word 1 is no option of curl 8; did you mean --header?"),
        (["-s@", SECRET], "word 1 is no option of curl 8; leave it out"),
        (["--no-header", SECRET], "word 1 is no option of curl 8; did you mean --"),
        ([f"--silent={SECRET}"], "word 1 gives a value to an option that takes none; remove it"),
        (["\u2013H", SECRET], "word 1 has a typographic quote or dash; write a plain one"),
        (["-H", "\u201cx:", f"{SECRET}\u201d"], "word 3 has a typographic quote or dash; write"),
        (["-h"], "--help: put it first"),
        (["--variable", SECRET], "--variable: variables are not expanded; write their values"),
        (["--expand-data", SECRET], "--expand-…: variables are not expanded"),
        (["x", "--table", SECRET], "--table: this option is not curl's; put it before curl's"),
        (["x", "--format=json"], "--format: this option is not curl's; put it before curl's words"),
        (["x", "--filter", SECRET], "--filter: this option is not curl's; put it before"),
        (["x", "-H"], "word 2 is an option without its value; add it"),
        ([f"-K{SECRET}"], "the file of --config cannot be read: No such"),
    ],
)
def test_law_4_errors_repeat_no_word(words: list[str], sentence: str) -> None:
    with pytest.raises(CurlError) as caught:
        requests(words)
    assert str(caught.value).startswith(sentence)
    assert SECRET not in str(caught.value)


def test_an_unknown_word_is_left_out_of_the_rest() -> None:
    with pytest.raises(UnknownWordError) as caught:
        requests(["-s", "--frobnicate", "a", "b"])
    assert caught.value.rest == ["-s", "a", "b"]
