"""The request that curl would send for its options."""

import base64
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import quote_plus, unquote

from ..core.places import Cookie, Header
from ..core.request import MAX_BODY, Request
from ..core.table import Table
from .curl_words import CurlError, Given, read_file

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::[0-9]*)?")
_GLOB = re.compile(r"\{[^{}]*\}|\[(?:[0-9]+-[0-9]+|[A-Za-z]-[A-Za-z])(?::[0-9]+)?\]")
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_BOUNDARY = b"------------------------hublet-router-explain"
_MULTIPART = f"multipart/form-data; boundary={_BOUNDARY.decode()}"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PART_TYPE = re.compile(r";\s*type=([^;]+)")
_SCHEMES = {
    "anyauth", "aws-sigv4", "basic", "digest", "negotiate", "ntlm", "ntlm-wb", "oauth2-bearer",
}  # fmt: skip

_CURLS = {"accept", "accept-encoding", "content-length", "content-type", "expect", "user-agent"}
"""Headers that people give without a value, so that curl leaves out its own."""

_NO_VALUE = "a header of -H has no value: curl does not send it"

type Values = dict[str, list[str]]
"""What each option was given, by its long name."""


def request(given: Sequence[Given], url: str, table: Table) -> Request:
    """Return what curl would send to a URL; raise CurlError.

    What curl would look up elsewhere, in a file of cookies, of passwords or of a body, only matters
    if a rule of the table reads it.
    """
    values: Values = {}
    for name, value in given:
        values.setdefault(name, []).append(value)
    if "globoff" not in values and _GLOB.search(url):
        raise CurlError(
            "curl sends a request for each part of {…} and [1-3]; write one URL, or -g if the marks"
            " are the URL's own"
        )
    user, host, target = _split_url(url)
    if user:
        values.setdefault("user", [user])
    sent = _upload(values["upload-file"][-1]) if "upload-file" in values else _body(given)
    query = [
        os.fsencode(text[1:]) if text.startswith("+") else _urlencoded("url-query", text)
        for text in values.get("url-query", ())
    ]
    if "get" in values and sent.method == "POST":
        if sent.lack:
            raise sent.lack
        sent, query = _Body("GET"), [sent.content]
    headers = tuple(_headers(values, host, sent.kind))
    asked = Request(
        _method(values, sent.method),
        tuple(value for name, value in headers if name == "host"),
        _target(values, target, query),
        body=sent.content if len(sent.content) <= MAX_BODY else None,
    ).with_fields(headers)
    if sent.lack and table.reads_body(asked):
        raise sent.lack
    _refuse_lookups(values, table, asked)
    return asked


def _method(values: Values, usual: str) -> str:
    own = "HEAD" if "head" in values and usual != "PUT" else usual
    return _latin_1(values.get("request", [own])[-1])


def _target(values: Values, target: bytes, query: list[bytes]) -> str:
    if "upload-file" in values and target.endswith(b"/") and b"?" not in target:
        target += os.fsencode(PurePath(values["upload-file"][-1]).name)
    if query:
        target += (b"&" if b"?" in target else b"?") + b"&".join(query)
    target = re.sub(b"[^!-~]", lambda found: b"%%%02x" % found[0][0], target)
    return _latin_1(values.get("request-target", [os.fsdecode(target)])[-1])


def _refuse_lookups(values: Values, table: Table, request: Request) -> None:
    """Raise CurlError where a rule reads what curl would look up in a file."""
    has_cookie_file = not all("=" in text for text in values.get("cookie", ()))
    has_password_file = values.keys() & {"netrc", "netrc-file", "netrc-optional"}
    for lookup in table.index.lookups_for(request.paths):
        match lookup.place:
            case Cookie() if has_cookie_file:
                raise CurlError("a file of cookies is not read; write them out: -b 'name=value'")
            case Header("authorization", None | "basic") if has_password_file:
                raise CurlError("no password is looked up; give it with -u or -H")


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


def _headers(values: Values, host: str, kind: str) -> Iterator[tuple[str, str]]:
    """Yield each header: curl's own, unless one of `-H` takes its place, and those.

    `kind` is the media type of the body.
    """
    lines = [line for text in values.get("header", ()) for line in _lines(text)]
    given = {re.split("[:;]", line, maxsplit=1)[0].strip().lower() for line in lines}
    own = {"host": host, **_own_headers(values)}
    if kind:
        own.setdefault("content-type", kind)
    for name, text in own.items():
        if name not in given:
            yield name, _latin_1(text)
    for line in lines:
        name, _, text = line.partition(":")
        key, value = _latin_1(name.lower()), _latin_1(text.strip())
        if value:  # a header without a value removes curl's own
            yield key, value
        elif line.endswith(";") and name == line:
            yield key.removesuffix(";"), ""
        elif key not in {*own, *_CURLS}:
            print(_NO_VALUE, file=sys.stderr)


def _own_headers(values: Values) -> dict[str, str]:
    own: dict[str, str] = {}
    for name in values.keys() & {"referer", "user-agent"}:
        own[name] = values[name][-1]
    if "json" in values:
        own |= {"content-type": _JSON, "accept": _JSON}
    # With several schemes, curl waits for a 401 that says which.
    schemes = values.keys() & _SCHEMES or {"basic"}
    if schemes == {"oauth2-bearer"}:
        own["authorization"] = f"Bearer {values['oauth2-bearer'][-1]}"
    elif schemes == {"basic"} and "user" in values:
        name, _, password = values["user"][-1].partition(":")
        coded = base64.b64encode(os.fsencode(f"{name}:{password}")).decode()
        own["authorization"] = f"Basic {coded}"
    if cookies := [text for text in values.get("cookie", ()) if "=" in text]:
        own["cookie"] = ";".join(cookies)
    return own


class _Body(NamedTuple):
    """The method that options make curl use, a body with its media type, and what it lacks.

    A documented command names files that its reader does not have: they count as empty.
    """

    method: str
    content: bytes = b""
    kind: str = ""
    lack: CurlError | None = None


def _upload(name: str) -> _Body:
    try:
        return _Body("PUT", read_file("upload-file", name))
    except CurlError as error:
        return _Body("PUT", lack=error)


def _body(given: Sequence[Given]) -> _Body:
    """Return the body of all other options; curl puts no `&` before a piece of JSON."""
    if parts := [_part(name, text) for name, text in given if name in {"form", "form-string"}]:
        return _Body("POST", b"".join([*parts, b"--", _BOUNDARY, b"--\r\n"]), _MULTIPART)
    pieces: list[bytes] = []
    lack = None
    for name, text in given:
        if name == "json" or name.startswith("data"):
            try:
                piece = _data(name, text)
            except CurlError as error:
                piece, lack = b"", error
            pieces += [b"&", piece] if pieces and name != "json" else [piece]
    return _Body("POST", b"".join(pieces), _FORM, lack) if pieces else _Body("GET")


def _part(option: str, text: str) -> bytes:
    """Return one part of a multipart body, which no rule reads."""
    name, equals, content = text.partition("=")
    if not equals:
        raise CurlError("a form needs name=content")
    head = f'Content-Disposition: form-data; name="{name}"'
    if option == "form" and content[:1] in {"@", "<"}:
        file = content[1:].partition(";")[0].strip('"')
        if content[0] == "@":
            head += f'; filename="{PurePath(file).name}"'
        data = _upload(file).content
    elif option == "form":
        quoted, kind = _QUOTED.match(content), _PART_TYPE.search(content)
        plain = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else content.partition(";")[0]
        data = os.fsencode(plain)
        head += f"\r\nContent-Type: {kind[1]}" if kind else ""
    else:
        data = os.fsencode(content)
    return b"--%b\r\n%b\r\n\r\n%b\r\n" % (_BOUNDARY, os.fsencode(head), data)


def _latin_1(text: str) -> str:
    """Return text of the command line as a `Request` has it: one character a byte."""
    return os.fsencode(text).decode("latin-1")


def _lines(text: str) -> list[str]:
    """Return the headers that one `-H` gives."""
    return (
        os.fsdecode(read_file("header", text[1:])).splitlines() if text.startswith("@") else [text]
    )


def _data(option: str, text: str) -> bytes:
    if option == "data-urlencode":
        return _urlencoded(option, text)
    if option == "data-raw" or not text.startswith("@"):
        return os.fsencode(text)
    content = read_file(option, text[1:])
    return content if option in {"data-binary", "json"} else re.sub(rb"[\r\n\0]", b"", content)


def _urlencoded(option: str, text: str) -> bytes:
    """Return `content`, `=content`, `name=content`, `@file` or `name@file`, encoded."""
    name, mark, rest = text.partition("=")
    if not mark:
        name, mark, rest = text.partition("@")
    content = read_file(option, rest) if mark == "@" else os.fsencode(rest if mark else name)
    encoded = quote_plus(content)
    return os.fsencode(f"{name}={encoded}" if mark and name else encoded)
