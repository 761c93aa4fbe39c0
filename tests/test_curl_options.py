"""The list of curl's options, beside the curl that is installed."""

import re
import subprocess

import pytest

from curl_options import generated
from hublet_router.cli.curl_words import FLAGS, LETTERS, VALUES

HELP = re.compile(r"^ (?:-(\S),|   ) --([\w.-]+)( [<[])?", re.MULTILINE)


def installed() -> list[tuple[str, str, str]]:
    listed = subprocess.run(
        ["curl", "--help", "all"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return HELP.findall(listed)


@pytest.mark.parametrize(("letter", "name", "value"), installed(), ids=lambda it: it or "-")
def test_each_option_of_the_installed_curl_is_known(letter: str, name: str, value: str) -> None:
    known = set(VALUES) if value else set(FLAGS)
    assert {name, name.removeprefix("no-")} & known
    letters = dict(it.split("=", 1) for it in LETTERS)
    if letter:
        assert letters[letter] in {name, name.removeprefix("no-"), "show-headers"}


def test_there_are_some_250() -> None:
    assert len(installed()) > 240
    assert len(FLAGS) + len(VALUES) > 280


def test_the_script_reads_curls_source() -> None:
    source = """
static const struct LongShort aliases[] = {
  {"abstract-unix-socket",       ARG_FILE, ' ', C_ABSTRACT_UNIX_SOCKET},
  {"alpn",                       ARG_BOOL|ARG_NO|ARG_TLS, ' ', C_ALPN},
  {"append",                     ARG_BOOL, 'a',
   C_APPEND},
  {"next",                       ARG_NONE, ':', C_NEXT},
  {"max-time",                   ARG_SECS, 'm', C_MAX_TIME},
};"""
    assert generated(source) == (
        "alpn append next\n\nabstract-unix-socket max-time\n\n:=next a=append m=max-time\n"
    )
