"""Curl commands as they were copied: their words, as the shell that they are for parts them.

Browsers and documents write for a POSIX shell, with lines that end in a backslash and `$'…'`, or
for Windows, with `^` before what its command line would act on.
"""

import os
import re
from collections.abc import Iterator

from .curl_words import CurlError

_PROMPT = re.compile(r"\s*(?:[$%>#] +)?")
_COMMAND = re.compile(r"\s*(?:[$%>#] +)?[\"']?(?:\S*[/\\])?curl(?:\.exe)?[\"']?(?=[\s^]|\Z)")
_IS_WINDOWS = re.compile(r'\^[ \t]*\r?\n|\s\^"')
_CARET = re.compile(r'("[^"\n]*")|\^\r?\n(\r?\n)?|\^(.)|(?P<end>[&|\n])', re.DOTALL)
_C_PIECE = re.compile(r"""(\\*)(")|(\s+)|(\\+|[^\s"\\]+)""")
_OPEN = "a quote in the command is not closed; copy the whole command"
_PIECE = re.compile(
    r"""(?P<blank>(?:[ \t]|\\\r?\n|`\r?\n)+)
    |(?P<redirect>[0-9]*[<>]+(?:&[0-9-]|[ \t]*[^\s;|&<>]+)?)
    |(?P<end>[\r\n;|&])
    |\\(?P<escaped>.)
    |'(?P<single>[^']*)'
    |\$'(?P<ansi>(?:[^'\\]|\\.)*)'
    |"(?P<double>(?:[^"\\]|\\.)*)"
    |(?P<plain>[^\s\\'"`;|&<>$]+|\$)
    """,
    re.DOTALL | re.VERBOSE,
)
_VARIABLE = re.compile(
    r"\$(?P<name>[A-Za-z_]\w*)|\$\{(?P<braced>[A-Za-z_]\w*)\}"
    r"|\$(?=[\w({?@*#!$-])|`(?!\r?\n)"
)
_DOUBLE = re.compile(rf"\\(?P<escaped>.)|{_VARIABLE.pattern}", re.DOTALL)
_ANSI = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_ANSI_LETTERS = dict(zip("abefnrtv", "\a\b\x1b\f\n\r\t\v", strict=True))


def is_command(text: str) -> bool:
    """Return whether a text begins as a curl command does."""
    return _COMMAND.match(text) is not None


def split_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each curl command, without `curl`; raise CurlError.

    Browsers also copy all requests of a page. What another program gets ends the text.
    """
    while is_command(text):
        text = _PROMPT.sub("", text.strip(), count=1)
        words, text = _windows_words(text) if _IS_WINDOWS.search(text) else _posix_words(text)
        yield words[1:]
        text = text.lstrip(";&| \t\r\n")


def _posix_words(text: str) -> tuple[list[str], str]:
    """Return the words of the first command, and what follows it."""
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(text):
        if found := _VARIABLE.match(text, at):
            word, at = (word or "") + _value(found), found.end()
            continue
        found = _PIECE.match(text, at)
        if not found:
            raise CurlError(_OPEN)
        kind, at = str(found.lastgroup), found.end()
        if kind == "end":
            break
        if kind in {"blank", "redirect"}:
            words += [] if word is None else [word]
            word = None
            continue
        word = (word or "") + _decoded(kind, found[kind])
    return words if word is None else [*words, word], text[at:]


def _decoded(kind: str, piece: str) -> str:
    if kind == "ansi":
        return os.fsdecode(b"".join(_ansi_bytes(piece)))
    if kind == "double":
        return _DOUBLE.sub(_in_double_quotes, piece)
    return piece


def _in_double_quotes(found: re.Match[str]) -> str:
    escaped = found["escaped"]
    if escaped is None:
        return _value(found)
    return escaped if escaped in '$`"\\' else "" if escaped == "\n" else found[0]


def _value(found: re.Match[str]) -> str:
    """Return a variable's value, if this process has it, too."""
    value = os.environ.get(found["name"] or found["braced"] or "")
    if value is None:
        raise CurlError("the command holds a variable of the shell; put its value there")
    return value


def _ansi_bytes(piece: str) -> Iterator[bytes]:
    at = 0
    for found in _ANSI.finditer(piece):
        yield os.fsencode(piece[at : found.start()])
        at = found.end()
        byte, short, long, octal, letter = found.groups()
        if byte or octal:
            yield bytes([int(byte, 16) if byte else int(octal, 8) & 0xFF])
        elif code := short or long:
            yield chr(min(int(code, 16), 0x10FFFF)).encode("utf-8", "surrogatepass")
        else:
            yield _ANSI_LETTERS.get(
                letter, letter if letter in "\\'\"?" else f"\\{letter}"
            ).encode()
    yield os.fsencode(piece[at:])


def _windows_words(text: str) -> tuple[list[str], str]:
    """Return the words of the first command, and what follows it.

    They are what cmd.exe, and then the rules of Microsoft's C, make of it.
    """
    end = next((found.start() for found in _CARET.finditer(text) if found["end"]), len(text))
    text, rest = text[:end], text[end:]
    text = _CARET.sub(lambda it: it[1] or ("\n" if it[2] else it[3] or ""), text)
    words: list[str] = []
    word: str | None = None
    is_quoted = False
    for slashes, quote, blank, plain in _C_PIECE.findall(text):
        if blank and not is_quoted:
            words += [] if word is None else [word]
            word = None
        elif not quote:
            word = (word or "") + blank + plain
        else:
            word = (word or "") + slashes[: len(slashes) // 2]
            if len(slashes) % 2:
                word += quote
            else:
                is_quoted = not is_quoted
    if is_quoted:
        raise CurlError(_OPEN)
    return words if word is None else [*words, word], rest
