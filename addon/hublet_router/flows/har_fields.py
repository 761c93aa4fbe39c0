"""Header fields, parameters and bodies of a HAR request, which producers write in many ways."""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

type Pairs = list[tuple[str, str]]

_TO_ENCODE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~%-]")  # what is encoded stays so
_BODILESS = {"GET", "HEAD"}  # of these, producers write any size


def pairs(given: object, what: str) -> Pairs:
    """Return names with values: objects in most HAR, lists in Slack's, or one object.

    Raise ValueError for an item of another kind; `what` says of what.
    """
    found: Pairs = []
    for it in given.items() if isinstance(given, dict) else given or ():  # type: ignore[attr-defined]
        match it:
            case {"name": str(name), **rest}:
                value = rest.get("value")
            case [str(name), value] | (str(name), value):
                pass
            case _:
                raise ValueError(f"an item of its {what} has no name")
        values = value if isinstance(value, list) else [value]
        if any(isinstance(it, dict | list) for it in values):
            raise ValueError(f"an item of its {what} has no text for its value")
        if name:
            found += [(name, "" if it is None else str(it)) for it in values]
    return found


def fields_of(given: dict[str, Any]) -> Pairs:
    """Return the header fields, with the cookies that stand only in their list."""
    fields = [
        (name, line)
        for name, value in pairs(given.get("headers"), "headers")
        for line in re.split(r"[\r\n]+", value)  # how some producers join fields of one name
    ]
    cookies = pairs(given.get("cookies"), "cookies")
    if cookies and not any(name.lower() == "cookie" for name, _ in fields):
        fields.append(("cookie", "; ".join(map("=".join, cookies))))
    return fields


def body_of(method: str, given: dict[str, Any], fields: Pairs) -> bytes | None:
    """Return the body; None where there was one that the recording lacks."""
    posted = given.get("postData")
    posted = posted if isinstance(posted, dict) else {"text": posted}
    kind = str(posted.get("mimeType") or "")
    if kind and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("content-type", kind))
    if written := _written(posted):
        return written
    if params := pairs(posted.get("params"), "form"):
        return _multipart(params, kind) if "multipart" in kind else encoded(params).encode()
    sizes = [value for name, value in fields if name.lower() == "content-length"]
    sizes += [str(given.get("bodySize"))] if method not in _BODILESS else []
    return None if any(it.isdecimal() and it.strip("0") for it in sizes) else b""


def _written(posted: dict[str, Any]) -> bytes:
    """Return the body that stands there as text; nothing if none does."""
    text = posted.get("text")
    if isinstance(text, dict | list):  # a document that was not written as text
        text = json.dumps(text)
    if not isinstance(text, str):
        return b""
    if posted.get("encoding") != "base64":
        return octets(text)
    try:
        return base64.b64decode(text)
    except ValueError:
        raise ValueError("its body is no base64") from None


def _multipart(params: Pairs, kind: str) -> bytes:
    boundary = kind.partition("boundary=")[2].partition(";")[0].strip(' "')
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in params
    ]
    return octets(f"{''.join(parts)}--{boundary}--\r\n")


def encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """Return pairs as a form has them."""

    def escape(found: re.Match[str]) -> str:
        return quoted(found[0])

    return "&".join("=".join([_TO_ENCODE.sub(escape, it) for it in pair]) for pair in pairs)


def quoted(text: str) -> str:
    """Return text with each of its bytes escaped that a URL does not have."""
    return quote(text, safe="", errors="surrogatepass")


def octets(text: str) -> bytes:
    """Return text as it stands on the wire; a half of a surrogate pair is no error."""
    return text.encode("utf-8", "surrogatepass")
