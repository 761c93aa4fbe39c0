"""The words of a curl command: which options they are, and which requests belong together."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from .report import CommandError

type Given = tuple[str, str]
"""The long name of an option with its value; a word that is not an option has the name `url`."""

FLAGS, VALUES, LETTERS = (
    it.split()
    for it in Path(__file__).with_name("curl_options.txt").read_text("utf-8").split("\n\n")
)
"""Every option of curl 8, as tests/curl_options.py has read them in its source.

Long ones without a value, of which most can be undone with `--no-`, long ones with a value, and
short ones with their long names, such as `H=header`.
"""
_LONG = frozenset([*FLAGS, *VALUES])
_LETTERS = {it[0]: it[2:] for it in LETTERS}
_READ = {
    "anyauth", "aws-sigv4", "basic", "cookie", "data", "data-ascii", "data-binary", "data-raw",
    "data-urlencode", "digest", "form", "form-string", "get", "globoff", "head", "header", "json",
    "negotiate", "netrc", "netrc-file", "netrc-optional", "ntlm", "ntlm-wb", "oauth2-bearer",
    "referer", "request", "request-target", "upload-file", "url", "url-query", "user", "user-agent",
}  # fmt: skip
# Every other option of curl changes no decision: it is accepted, so that a pasted command works.
_UNSUPPORTED = {
    "filter": "this option is not curl's; put it before curl's words",
    "format": "this option is not curl's; put it before curl's words",
    "help": "put it first: hublet-router explain --help",
    "table": "this option is not curl's; put it before curl's words",
    "variable": "variables are not expanded; write their values where they belong",
}
_TYPOGRAPHIC = frozenset("\u201c\u201d\u201e\u2018\u2019\u201a\u2013\u2014\u2212")
"""What word processors and chats make of quotes and dashes, and no shell reads."""

_CONFIG = re.compile(r"""(-\S+|[^\s=:]+)[\s=:]*(?:"((?:[^"\\]|\\.)*)"|(\S*))""")
_CONFIG_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "v": "\v"}


class CurlError(CommandError):
    """Words that make no request: a sentence that repeats none of them, since one may be secret."""


class UnknownWordError(CurlError):
    """A word that is no option of curl; `rest` are the others."""

    def __init__(self, sentence: str, rest: list[str]) -> None:
        super().__init__(sentence)
        self.rest = rest


def requests(words: Sequence[str]) -> list[list[Given]]:
    """Return the options that matter and the other words, apart for each `--next`.

    Raise CurlError.
    """
    groups: list[list[Given]] = [[]]
    for name, value in _options(list(words)):
        if name == "next":
            groups.append([])
        elif name.startswith("no-"):
            groups[-1][:] = [it for it in groups[-1] if it[0] != name[3:]]
        elif name in _READ:
            groups[-1].append((name, value))
    return groups


def _options(words: list[str]) -> Iterator[Given]:
    """Yield every option and every other word, in order."""
    todo = iter(enumerate(words))
    for at, word in todo:
        if word == "--":
            yield from (("url", url) for _, url in todo)
        elif word == "-" or not word.startswith("-"):
            if _TYPOGRAPHIC & {word[:1], word[-1:]}:
                raise CurlError(f"word {at + 1} has a typographic quote or dash; write a plain one")
            yield "url", word
        else:
            for name, given in _split(words, at):
                value = next(todo, (at, None))[1] if given is None else given
                if value is None:
                    raise CurlError(f"word {at + 1} is an option without its value; add it")
                if name == "config":
                    yield from _options(_config(value))
                else:
                    yield name, value


def _split(words: list[str], at: int) -> Iterator[tuple[str, str | None]]:
    """Yield each option of a word: "" if it takes no value, None if that is the next word."""
    word = words[at]
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        name = _checked(_long_name(name))
        takes_value = name in VALUES
        if name not in _LONG and name.removeprefix("no-") not in FLAGS:
            raise _unknown(name, words, at)
        if equals and not takes_value:
            raise CurlError(f"word {at + 1} gives a value to an option that takes none; remove it")
        yield name, value if equals or not takes_value else None
        return
    for place, letter in enumerate(word[1:], 2):
        name = _LETTERS.get(letter, "")
        if not name:
            raise _unknown(letter, words, at)
        if name in VALUES:
            yield _checked(name), word[place:] or None
            return
        yield _checked(name), ""


def _long_name(name: str) -> str:
    """Return the option that a name begins, as curl does where there is only one."""
    if name in _LONG:
        return name
    begun = [it for it in _LONG if name and it.startswith(name)]
    return begun[0] if len(begun) == 1 else name


def _checked(name: str) -> str:
    if name in _UNSUPPORTED:
        raise CurlError(f"--{name}: {_UNSUPPORTED[name]}")
    return name


def _unknown(name: str, words: list[str], at: int) -> CurlError:
    if name.startswith("expand-"):
        return CurlError(f"--expand-…: {_UNSUPPORTED['variable']}")
    near = get_close_matches(name, [*_LONG, *_UNSUPPORTED], 1) if name[1:] else []
    fix = f"did you mean --{near[0]}?" if near else "leave it out, with its value if it has one"
    rest = words[:at] + words[at + 1 :]
    return UnknownWordError(f"word {at + 1} is no option of curl 8; {fix}", rest)


def _config(name: str) -> list[str]:
    """Return the words that a file of `--config` stands for."""
    words = []
    for line in os.fsdecode(read_file("config", name)).splitlines():
        found = _CONFIG.match(line.strip())
        if not found or line.strip().startswith("#"):
            continue
        option, quoted, plain = found.groups()
        words.append(option if option.startswith("-") else f"--{option}")
        if quoted is not None:
            words.append(re.sub(r"\\(.)", lambda it: _CONFIG_ESCAPES.get(it[1], it[1]), quoted))
        elif plain and not plain.startswith("#"):
            words.append(plain)
    return words


def read_file(option: str, name: str) -> bytes:
    """Return the file that an option names, `-` for standard input; raise CurlError."""
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no file"
        raise CurlError(f"the file of --{option} cannot be read: {reason}") from error
