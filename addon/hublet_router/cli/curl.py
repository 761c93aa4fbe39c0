"""curl's command line: which request curl would send for it."""

import base64
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote_plus, unquote

from ..core.request import MAX_BODY, Request

type Given = tuple[str, str]
"""The long name of an option with its value; a word that is not an option has the name `url`."""

_SHORT = {
    "A": "user-agent", "F": "form", "G": "get", "H": "header", "I": "head", "K": "config",
    "T": "upload-file", "X": "request", "b": "cookie", "d": "data", "e": "referer", "h": "help",
    "n": "netrc", "u": "user",
}  # fmt: skip
_FLAGS = {"get", "head"}
_VALUES = {
    "cookie", "data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "header", "json",
    "oauth2-bearer", "referer", "request", "url", "url-query", "user", "user-agent",
}  # fmt: skip
_UNSUPPORTED = {
    "config": "a file of options is not read; write them out",
    "form": "a multipart body is not built, for no rule finds a credential in one; leave it out",
    "format": "this option is not curl's; put it before curl's words",
    "help": "put it first: hublet-router explain --help",
    "netrc": "no credential is looked up; give it with -u or -H",
    "next": "one set of options at a time; run the command twice",
    "table": "this option is not curl's; put it before curl's words",
    "upload-file": "nothing is uploaded; give the body with --data-binary @FILE and -X PUT",
}
# What changes no decision is accepted and ignored, so that a pasted command works.
_IGNORED_FLAGS = """
    basic compressed fail fail-early fail-with-body ftp-pasv get-headers globoff http0.9 http1.0
    http1.1 http2 http2-prior-knowledge http3 http3-only include insecure ipv4 ipv6
    junk-session-cookies location location-trusted no-alpn no-buffer no-keepalive
    no-progress-meter no-sessionid parallel path-as-is post301 post302 post303 progress-bar
    proxy-insecure proxytunnel raw remote-header-name remote-name remote-time retry-all-errors
    retry-connrefused show-error show-headers silent ssl-no-revoke ssl-reqd styled-output
    tcp-fastopen tcp-nodelay tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tr-encoding verbose xattr
"""
_IGNORED_VALUES = """
    cacert capath cert cert-type ciphers connect-timeout connect-to cookie-jar crlfile curves
    dns-servers doh-url dump-header expect100-timeout happy-eyeballs-timeout-ms interface
    keepalive-time key key-type limit-rate local-port max-filesize max-redirs max-time noproxy
    output output-dir pass pinnedpubkey preproxy proto proto-default proto-redir proxy
    proxy-cacert proxy-header proxy-user range rate resolve retry retry-delay retry-max-time
    socks4 socks4a socks5 socks5-hostname speed-limit speed-time stderr tls-max tls13-ciphers
    trace trace-ascii trace-config unix-socket write-out
"""
_ARITY = {
    **dict.fromkeys((*_FLAGS, *_IGNORED_FLAGS.split(), *"#012346BJLNOSRZfgijklpqsv"), 0),
    **dict.fromkeys((*_VALUES, *_IGNORED_VALUES.split(), *"CDEPQUYcmortwxyz"), 1),
}
"""How many values each option takes, by its long name, or by its letter if it is ignored."""

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::[0-9]*)?")
_JSON = "application/json"
_FRAMING = {"content-length", "transfer-encoding"}  # the body is here, whole


class CurlError(Exception):
    """Words that make no request: a sentence that repeats none of them, since one may be secret."""


def options(words: Sequence[str]) -> list[Given]:
    """Return each option that matters and each other word, in order; raise CurlError."""
    given: list[Given] = []
    rest = list(words)
    while rest:
        number, word = len(words) - len(rest) + 1, rest.pop(0)
        if word == "--":
            return given + [("url", url) for url in rest]
        if word == "-" or not word.startswith("-"):
            given.append(("url", word))
            continue
        *flags, (last, value) = _split(word, number)
        if value is None and not rest:
            raise CurlError(f"word {number} is an option without its value; add it")
        found = [*flags, (last, rest.pop(0) if value is None else value)]
        given += [(name, text or "") for name, text in found if name in _FLAGS | _VALUES]
    return given


def _split(word: str, number: int) -> list[tuple[str, str | None]]:
    """Return each option of a word: with "" if it takes no value, None if that is the next word."""
    if word.startswith("--"):
        name, equals, value = word[2:].partition("=")
        arity = _ARITY.get(name)
        if arity is None or (equals and not arity):
            raise CurlError(_unknown(name, number))
        return [(name, value if equals or not arity else None)]
    found: list[tuple[str, str | None]] = []
    for at, letter in enumerate(word[1:], 2):
        name = _SHORT.get(letter, letter)
        arity = _ARITY.get(name)
        if arity is None:
            raise CurlError(_unknown(name, number))
        if arity:
            return [*found, (name, word[at:] or None)]
        found.append((name, ""))
    return found


def _unknown(name: str, number: int) -> str:
    if name in _UNSUPPORTED:
        return f"--{name}: {_UNSUPPORTED[name]}"
    near = get_close_matches(name, [known for known in _ARITY if known[1:]], 1)
    fix = f"did you mean --{near[0]}?" if near else "leave it out if it changes no request"
    return f"word {number} is not a known option; {fix}"


def request(given: Sequence[Given], url: str) -> Request:
    """Return what curl would send to a URL; raise CurlError."""
    values: dict[str, list[str]] = {}
    for name, value in given:
        values.setdefault(name, []).append(value)
    user, host, target = _split_url(url)
    if user:
        values.setdefault("user", [user])
    query = [_url_query(text) for text in values.get("url-query", ())]
    body = _body(given)
    if body is not None and "get" in values:
        query, body = [body], None
    if query:
        target += (b"&" if b"?" in target else b"?") + b"&".join(query)
    target = re.sub(b"[^!-~]", lambda found: b"%%%02x" % found[0][0], target)
    method = "HEAD" if "head" in values else "GET" if body is None else "POST"
    method = _latin_1(values.get("request", [method])[-1])
    headers = tuple(_headers(values, host, posts=body is not None))
    hosts = tuple(value for name, value in headers if name == "host")
    codings = {value.lower() for name, value in headers if name == "content-encoding"}
    is_readable = len(body or b"") <= MAX_BODY and codings <= {"identity"}
    sent = body or b"" if is_readable else None
    return Request(method, hosts, target.decode("latin-1"), headers, sent)


def _split_url(url: str) -> tuple[str, str, bytes]:
    """Return user and password, the host with its port, and the target without a fragment."""
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
    return unquote(user), host, target if target.startswith(b"/") else b"/" + target


def _headers(values: dict[str, list[str]], host: str, *, posts: bool) -> Iterator[tuple[str, str]]:
    """Yield each header: curl's own, unless one of `-H` takes its place, and those."""
    lines = [line for text in values.get("header", ()) for line in _lines(text)]
    given = {re.split("[:;]", line, maxsplit=1)[0].strip().lower() for line in lines}
    own = {"host": host, **_own_headers(values)}
    if posts:
        own.setdefault("content-type", "application/x-www-form-urlencoded")
    for name, text in own.items():
        if name not in given:
            yield name, _latin_1(text)
    for line in lines:
        name, _, text = line.partition(":")
        key, value = _latin_1(name.lower()), _latin_1(text.strip())
        if value and key not in _FRAMING:  # a header without a value removes curl's own
            yield key, value
        elif line.endswith(";") and name == line:
            yield key.removesuffix(";"), ""


def _own_headers(values: dict[str, list[str]]) -> dict[str, str]:
    """Return the headers that curl makes of options."""
    own: dict[str, str] = {}
    for name in values.keys() & {"referer", "user-agent"}:
        own[name] = values[name][-1]
    if "json" in values:
        own |= {"content-type": _JSON, "accept": _JSON}
    if "oauth2-bearer" in values:
        own["authorization"] = f"Bearer {values['oauth2-bearer'][-1]}"
    elif "user" in values:
        name, _, password = values["user"][-1].partition(":")
        coded = base64.b64encode(os.fsencode(f"{name}:{password}")).decode()
        own["authorization"] = f"Basic {coded}"
    if cookies := values.get("cookie"):
        if not all("=" in text for text in cookies):
            raise CurlError("a file of cookies is not read; write them out: -b 'name=value'")
        own["cookie"] = ";".join(cookies)
    return own


def _body(given: Iterable[Given]) -> bytes | None:
    """Return the body that options give, or None; curl puts no `&` before a piece of JSON."""
    body = None
    for name, text in given:
        if name == "json":
            body = (body or b"") + _data(name, text)
        elif name.startswith("data"):
            body = (b"" if body is None else body + b"&") + _data(name, text)
    return body


def _url_query(text: str) -> bytes:
    return os.fsencode(text[1:]) if text.startswith("+") else _urlencoded(text)


def _latin_1(text: str) -> str:
    """Return text of the command line as a `Request` has it: one character a byte."""
    return os.fsencode(text).decode("latin-1")


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
    return content if option in {"data-binary", "json"} else re.sub(rb"[\r\n\0]", b"", content)


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
