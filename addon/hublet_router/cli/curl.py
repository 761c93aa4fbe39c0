"""curl's words, and the request that it would send for them."""

import base64
import os
import re
import sys
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote_plus, unquote

type Given = tuple[str, str]
"""The long name of an option, and its value; a word that is none goes by the name `url`."""

_SHORT = {
    "A": "user-agent", "F": "form", "G": "get", "H": "header", "I": "head", "K": "config",
    "T": "upload-file", "X": "request", "b": "cookie", "d": "data", "e": "referer", "h": "help",
    "n": "netrc", "u": "user",
}  # fmt: skip
_FLAGS = {"get", "head", "help", "json"}  # --json is ours
_TAKING = {
    "cookie", "data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "header",
    "oauth2-bearer", "referer", "request", "table", "url", "user", "user-agent",
}  # fmt: skip
_UNREAD = {
    "config": "a file of options is not read; write them out",
    "form": "a multipart body is not built, for no rule finds a credential in one; leave it out",
    "netrc": "no credential is looked up; give it with -u or -H",
    "next": "one set of options at a time; run the command twice",
    "upload-file": "nothing is uploaded; give the body with --data-binary @FILE and -X PUT",
}
# Of the rest, what changes no decision is taken and forgotten, so that a pasted command works.
_IGNORED_SHORT_FLAGS = "#012346BJLNOSRZfgijklpqsv"
_IGNORED_SHORT_TAKING = "CDEPQUYcmortwxyz"
_PLAIN = """
    basic compressed fail fail-early fail-with-body ftp-pasv get-headers globoff http0.9 http1.0
    http1.1 http2 http2-prior-knowledge http3 http3-only include insecure ipv4 ipv6
    junk-session-cookies location location-trusted no-alpn no-buffer no-keepalive
    no-progress-meter no-sessionid parallel path-as-is post301 post302 post303 progress-bar
    proxy-insecure proxytunnel raw remote-header-name remote-name remote-time retry-all-errors
    retry-connrefused show-error show-headers silent ssl-no-revoke ssl-reqd styled-output
    tcp-fastopen tcp-nodelay tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding verbose xattr
"""
_WITH_VALUE = """
    cacert capath cert cert-type ciphers connect-timeout connect-to cookie-jar crlfile curves
    dns-servers doh-url dump-header expect100-timeout happy-eyeballs-timeout-ms interface
    keepalive-time key key-type limit-rate local-port max-filesize max-redirs max-time noproxy
    output output-dir pass pinnedpubkey preproxy proto proto-default proto-redir proxy
    proxy-cacert proxy-header proxy-user range rate resolve retry retry-delay retry-max-time
    socks4 socks4a socks5 socks5-hostname speed-limit speed-time stderr tls-max tls13-ciphers
    trace trace-ascii trace-config unix-socket write-out
"""
_FORGOTTEN_FLAGS = set(_PLAIN.split())
_FORGOTTEN_TAKING = set(_WITH_VALUE.split())
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::[0-9]*)?")
_HEADERS = {"referer", "user-agent"}
_FRAMING = {"content-length", "transfer-encoding"}  # the body is here, whole
_KNOWN = _FLAGS | _TAKING | _FORGOTTEN_FLAGS | _FORGOTTEN_TAKING


class CurlError(Exception):
    """Words that are no request: a sentence, which repeats none of them; one may be a secret."""


def options(words: Iterable[str]) -> Iterator[Given]:
    """Yield each option that matters and each other word, in order; raise CurlError."""
    rest = enumerate(words, 1)
    for number, word in rest:
        if word == "--":
            yield from (("url", word) for _, word in rest)
            return
        if word == "-" or not word.startswith("-"):
            yield "url", word
            continue
        for name, attached in _named(word, number):
            value = attached
            if value is None:
                if (following := next(rest, None)) is None:
                    raise CurlError(f"word {number} is an option without its value; add it")
                value = following[1]
            if name in _FLAGS | _TAKING:
                yield name, value


def _named(word: str, number: int) -> Iterator[tuple[str, str | None]]:
    """Yield each option of a word with its value: None where that is the next word."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        if name in _FLAGS | _FORGOTTEN_FLAGS and not equals:
            yield name, ""
        elif name in _TAKING | _FORGOTTEN_TAKING:
            yield name, value if equals else None
        else:
            raise CurlError(_unknown(name, number))
        return
    for at, letter in enumerate(word[1:], 2):
        name = _SHORT.get(letter, "")
        if name in _FLAGS or letter in _IGNORED_SHORT_FLAGS:
            yield name, ""
        elif name in _TAKING or letter in _IGNORED_SHORT_TAKING:
            yield name, word[at:] or None
            return
        else:
            raise CurlError(_unknown(name, number))


def _unknown(name: str, number: int) -> str:
    if name in _UNREAD:
        return f"--{name}: {_UNREAD[name]}"
    near = get_close_matches(name, _KNOWN, 1) if name else []
    mend = f"did you mean --{near[0]}?" if near else "leave it out if it changes no request"
    return f"word {number} is no option that is known here; {mend}"


def request(given: Iterable[Given], url: str) -> bytes:
    """Return what curl would send to a URL, its body unframed; raise CurlError."""
    values: dict[str, list[str]] = {}
    data: list[bytes] = []
    for name, value in given:
        values.setdefault(name, []).append(value)
        if name.startswith("data"):
            data.append(_data(name, value))
    scheme, found, rest = url.partition("://")
    if not found:
        rest = url
    elif scheme.lower() not in {"http", "https"}:
        raise CurlError("a URL must begin with http:// or https://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    user, _, host = authority.rpartition("@")
    if not _HOST.fullmatch(host):
        raise CurlError(
            "a URL has no host that can be; write it like https://api.hubapi.com/crm/v3"
        )
    target = os.fsencode(rest[len(authority) :].partition("#")[0])
    target = target if target.startswith(b"/") else b"/" + target
    body = b"&".join(data)
    posts = bool(data) and "get" not in values
    if data and not posts:
        target, body = target + (b"&" if b"?" in target else b"?") + body, b""
    target = re.sub(b"[^!-~]", lambda found: b"%%%02x" % found[0][0], target)
    method = "HEAD" if "head" in values else "POST" if posts else "GET"
    line = os.fsencode(values.get("request", [method])[-1]) + b" " + target + b" HTTP/1.1"
    fields = _fields({"user": [unquote(user)] if user else [], **values}, host, posts)
    return b"\r\n".join([line, *fields, b"", body])


def _fields(values: dict[str, list[str]], host: str, posts: bool) -> Iterator[bytes]:
    """Yield each header line: curl's own, unless one of `-H` takes its place, and those."""
    lines = [line for text in values.get("header", ()) for line in _lines(text)]
    given = {re.split("[:;]", line, maxsplit=1)[0].strip().lower() for line in lines}
    own = {"host": host, **_own_fields(values)}
    if posts:
        own["content-type"] = "application/x-www-form-urlencoded"
    for name, text in own.items():
        if name not in given:
            yield os.fsencode(f"{name}: {text}")
    for line in lines:
        name, _, text = line.partition(":")
        if text.strip() and name.lower() not in _FRAMING:  # one without text takes curl's own out
            yield os.fsencode(line)
        elif line.endswith(";") and name == line:
            yield os.fsencode(f"{line[:-1]}:")


def _own_fields(values: dict[str, list[str]]) -> dict[str, str]:
    """Return the headers that curl makes of options."""
    own = {name: texts[-1] for name, texts in values.items() if name in _HEADERS}
    if "oauth2-bearer" in values:
        own["authorization"] = f"Bearer {values['oauth2-bearer'][-1]}"
    elif values["user"]:
        name, _, password = values["user"][-1].partition(":")
        coded = base64.b64encode(os.fsencode(f"{name}:{password}")).decode()
        own["authorization"] = f"Basic {coded}"
    if cookies := values.get("cookie"):
        if not all("=" in text for text in cookies):
            raise CurlError("a file of cookies is not read; write them out: -b 'name=value'")
        own["cookie"] = ";".join(cookies)
    return own


def _lines(text: str) -> list[str]:
    """Return the headers that one `-H` gives."""
    return os.fsdecode(_read(text[1:])).splitlines() if text.startswith("@") else [text]


def _data(option: str, text: str) -> bytes:
    """Return what one option adds to the body."""
    if option == "data-urlencode":
        return _urlencoded(text)
    if option == "data-raw" or not text.startswith("@"):
        return os.fsencode(text)
    content = _read(text[1:])
    return content if option == "data-binary" else re.sub(rb"[\r\n\0]", b"", content)


def _urlencoded(text: str) -> bytes:
    """Return `content`, `=content`, `name=content`, `@file` or `name@file`, encoded."""
    name, mark, rest = text.partition("=")
    if not mark:
        name, mark, rest = text.partition("@")
    content = _read(rest) if mark == "@" else os.fsencode(rest if mark else name)
    encoded = quote_plus(content)
    return os.fsencode(f"{name}={encoded}" if mark and name else encoded)


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        reason = error.strerror or "it is no file"
        raise CurlError(f"a file that an option names after @ cannot be read: {reason}") from error
