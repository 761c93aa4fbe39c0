"""HAR of every producer, read leniently: an entry becomes a flow of mitmproxy.

mitmproxy's own reader (`mitmproxy/io/har.py`) refuses a whole file for one field that no decision
needs, and gives requests of HTTP/2 no host. Here only a method and a URL are needed.
"""

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import unquote_plus

from mitmproxy.connection import Client, Server
from mitmproxy.http import Headers, HTTPFlow, Request, Response
from mitmproxy.net.http import status_codes

from .har_entries import ENTRY, read_entries
from .har_fields import Pairs, body_of, encoded, fields_of, octets, pairs, quoted

_URL = re.compile(
    r"(http|ws)(s?)://(?:[^/?#]*@)?([^/?#]*)([^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL
)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+)(?::([0-9]{0,5}))?")
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORM = "application/x-www-form-urlencoded"
_CREDENTIALS = {"authorization", "cookie"}


def har_flows(
    file: BinaryIO, report: Callable[[str], object], encoding: str = "utf-8-sig"
) -> Iterator[HTTPFlow]:
    """Yield a flow for each entry; raise HarError where the file is no HAR or ends too early.

    `report` gets a sentence for each entry that cannot be read, one for all those that are no
    request to a server, and one where a browser has taken the credentials out. None repeats text of
    the file.
    """
    elsewhere, is_sanitised, has_credentials = 0, False, False
    for number, entry in enumerate(read_entries(file, encoding), 1):
        try:
            flow = entry_flow(entry)
        except ValueError as error:
            report(f"entry {number} is left out: {error}")
            continue
        if flow:
            flow.metadata[ENTRY] = number
            is_sanitised = is_sanitised or "_initiator" in entry
            has_credentials = has_credentials or bool(
                _CREDENTIALS & {name.lower() for name in flow.request.headers}
            )
            yield flow
        else:
            elsewhere += 1
    if elsewhere:
        are = "entry is no request" if elsewhere == 1 else "entries are no requests"
        report(f"{elsewhere:,} {are} to a server (data:, blob:, CONNECT and the like): left out")
    if is_sanitised and not has_credentials:
        report(
            "no entry has an Authorization or a Cookie: a browser leaves them out unless a"
            " person asks for sensitive data"
        )


def entry_flow(entry: Any) -> HTTPFlow | None:
    """Return the flow of an entry, or None if it is no request to a server.

    A body that the recording lacks is None. Raise ValueError with a reason that quotes nothing.
    """
    given = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(given, dict):
        raise ValueError("it has no request")
    url, method = given.get("url"), given.get("method")
    if not isinstance(url, str):
        raise ValueError("its request has no URL")
    found = _URL.fullmatch(url.strip())
    if not found or method == "CONNECT":
        return None
    if not (isinstance(method, str) and _METHOD.fullmatch(method)):
        raise ValueError("its request has no method")
    host, port, authority = _host(found[3], 443 if found[2] else 80)
    started, ended = _times(entry)
    fields = fields_of(given)
    body = body_of(method, given, fields)
    request = Request(
        host, port, method.encode(), b"https" if found[2] else b"http", b"",
        _target(found[4], pairs(given.get("queryString"), "query")).encode(),
        _version(given.get("httpVersion")), Headers(), body, None, started, ended,
    )  # fmt: skip
    _set_fields(request, fields, authority)
    address = entry.get("serverIPAddress")
    flow = HTTPFlow(
        Client(peername=("127.0.0.1", 0), sockname=("127.0.0.1", 0), timestamp_start=started),
        Server(address=(address, port) if isinstance(address, str) and address else None),
    )
    flow.request = request
    flow.response = _response(entry.get("response"), ended)
    return flow


def _host(text: str, port: int) -> tuple[str, int, bytes]:
    """Return the name, the port, and both as they were written."""
    try:
        ascii_only = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        ascii_only = ""
    found = _HOST.fullmatch(ascii_only)
    if not found:
        raise ValueError("its URL has no host that can be")
    return found[1].strip("[]"), int(found[2] or port), ascii_only.encode()


def _target(written: str, listed: Pairs) -> str:
    """Return path and query; a parameter that stands only in the list is put back."""
    query = written.partition("?")[2]
    known = [pair.partition("=")[::2] for pair in query.split("&")]
    there = {(unquote_plus(name), unquote_plus(value)) for name, value in known}
    decoded = [(unquote_plus(name), unquote_plus(value)) for name, value in listed]
    more = Counter(name for name, _ in decoded) - Counter(unquote_plus(name) for name, _ in known)
    if missing := encoded(
        pair
        for pair, it in zip(listed, decoded, strict=True)
        if more[it[0]] and not {pair, it} & there
    ):
        written += ("&" if query else "" if written.endswith("?") else "?") + missing
    target = re.sub("[^!-~]+", lambda blanks: quoted(blanks[0]), written)
    return target if target.startswith("/") else f"/{target}"


def _set_fields(request: Request, fields: Pairs, authority: bytes) -> None:
    """Set the header, with the host where HTTP has it, and the length that the body has here."""
    pseudo = {name.lower(): value for name, value in fields if name.startswith(":")}
    authority = octets(pseudo.get(":authority", "")) or authority
    lines = [(octets(name), octets(value)) for name, value in fields if not name.startswith(":")]
    names = {name.lower() for name, _ in lines}
    if b"host" not in names:
        if request.is_http2 or request.is_http3:
            request.data.authority = authority
        else:
            lines.insert(0, (b"Host", authority))
    request.headers.fields = tuple(lines)
    body = request.raw_content
    if body and b"transfer-encoding" not in names:
        request.headers["content-length"] = str(len(body))


def _version(given: object) -> bytes:
    """Return mitmproxy's spelling of a version; producers write h2, http/2.0, HTTP/2, h3-29."""
    digits = re.search(r"(?:/|\bh)([0-9](?:\.[0-9])?)", str(given).lower())
    known = {"1.0": b"HTTP/1.0", "2": b"HTTP/2.0", "2.0": b"HTTP/2.0", "3": b"HTTP/3"}
    return known.get(digits[1], b"HTTP/1.1") if digits else b"HTTP/1.1"


def _times(entry: dict[str, Any]) -> tuple[float, float]:
    """Return the seconds of start and end, 0 where they are not known."""
    try:
        started = datetime.fromisoformat(entry["startedDateTime"]).timestamp()
        return started, started + max(float(entry.get("time") or 0), 0) / 1000
    except (KeyError, TypeError, ValueError, OverflowError):
        return 0, 0


def _response(given: Any, ended: float) -> Response | None:
    """Return the answer; None where none came. Nothing in it makes an entry unreadable."""
    given = given if isinstance(given, dict) else {}
    if not re.fullmatch("[1-9][0-9]{2}", str(given.get("status"))):
        return None
    status, body = int(given["status"]), _content(given.get("content"))
    try:
        lines = [(octets(name), octets(value)) for name, value in pairs(given.get("headers"), "")]
    except ValueError:
        lines = []
    reason = status_codes.RESPONSES.get(status, "").encode()
    response = Response(b"HTTP/1.1", status, reason, Headers(lines), body, None, ended, ended)
    if body:
        for name in ("content-encoding", "transfer-encoding"):  # the text is decoded
            response.headers.pop(name, None)
        response.headers["content-length"] = str(len(body))
    return response


def _content(given: Any) -> bytes | None:
    given = given if isinstance(given, dict) else {}
    text, size = given.get("text"), given.get("size")
    if not (text and isinstance(text, str)):
        return None if isinstance(size, int) and size > 0 else b""
    try:
        return base64.b64decode(text) if given.get("encoding") == "base64" else octets(text)
    except ValueError:
        return None
