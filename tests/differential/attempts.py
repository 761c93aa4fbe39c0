"""Requests to try: each dialect, with a credential that is written in one way or another."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from random import Random
from typing import NamedTuple
from urllib.parse import quote

from synthetic import access_token, api_key, personal_access_key, private_app_token

from .dialects import Dialect, dialects


class Attempt(NamedTuple):
    """One request, the credential in it with its Hublet, and whether that is the only one."""

    dialect: Dialect
    spelling: str
    credential: str
    hublet: str
    is_alone: bool
    raw: bytes


def _escape(text: str) -> str:
    return "".join(f"%{ord(char):02X}" for char in text)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PLAIN = "as it is"
SPELLINGS: dict[str, Callable[[str], str]] = {
    PLAIN: str,
    "percent": _escape,
    "one percent": lambda text: f"%{ord(text[0]):02x}{text[1:]}",
    "percent twice": lambda text: _escape(_escape(text)),
    "%u": lambda text: "".join(f"%u{ord(char):04x}" for char in text),
    "quotes": lambda text: f'"{text}"',
    "blanks": lambda text: f" {text}\t",
    "plus first": lambda text: f"+{text}",
    "a NUL behind": lambda text: f"{text}%00",
    "standard base64": lambda text: text.replace("-", "+").replace("_", "/"),
    "padding": lambda text: text + "=" * (-len(text) % 4),
    "a backslash": lambda text: text[:1] + "\\" + text[1:],
    "an octal escape": lambda text: f"\\{ord(text[0]):03o}{text[1:]}",
    "octal escapes": lambda text: "".join(f"\\{ord(char):03o}" for char in text),
    "quoted pairs": lambda text: "".join(f"\\{char}" for char in text),
    "escapes of JSON": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "in a list": lambda text: f"a,{text}",
    "a suffix": lambda text: f"{text}.c2lnbmF0dXJl",
    "in JSON": lambda text: json.dumps({"a": text}),
    "in base64": _base64,
    "a line break in it": lambda text: f"{text[:9]}\r\n {text[9:]}",
    "an escaped line break in it": lambda text: f"{text[:9]}%0D%0A{text[9:]}",
}
KINDS: tuple[Callable[[str], str], ...] = (
    private_app_token, api_key, access_token, personal_access_key,
    lambda hublet: access_token(hublet, scopes=b"\xfb\xff\xfe"),
)  # fmt: skip
JUNK = ('"', ",", ".", "~", " ", "%", "(", "\t", "*")
"""Marks that lenient decoders of base64 skip."""

_PROPER: dict[str, Callable[[str], str]] = {
    "authorization": private_app_token, "tokenKey": private_app_token,
    "encodedOAuthRefreshToken": personal_access_key, "/oauth/v1/access-tokens/": access_token,
}  # fmt: skip
_ZIPPED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress,
}  # fmt: skip


def attempts(number: int, seed: int = 0) -> list[Attempt]:
    """Return each dialect as it is, then as many of all kinds as make up the number."""
    random, every = Random(seed), [*dialects()]
    made = [attempt(it, PLAIN, random, "eu1", "") for it in every]
    pairs = (("eu1", ""), ("eu1", "na1"), ("ap1", "eu1"), ("na1", "eu1"))
    while len(made) < number:
        spelling = random.choice([*SPELLINGS])
        made.append(attempt(random.choice(every), spelling, random, *random.choice(pairs)))
    return made


def attempt(dialect: Dialect, spelling: str, random: Random, hublet: str, other: str) -> Attempt:
    """Write a request with the Hublet's credential in a dialect, and another one's beside it.

    The other one stands in its proper place; without `other` there is none. What is spelled as it
    is, is of the kind that the rule of the place reads; else it is of any.
    """
    kind = _PROPER.get(dialect.name, api_key) if spelling == PLAIN else random.choice(KINDS)
    credential = kind(hublet)
    written = SPELLINGS[spelling](credential)
    target = dialect.target.replace("@", quote(written, safe="/%=&+:;,\\\"'{}@"))
    in_field = _base64(f"{written}:") if dialect.label.startswith("user") else written
    if dialect.label == "user, with junk":
        in_field = random.choice(JUNK).join(in_field)
    if dialect.label == "user on two lines":
        in_field = f"{in_field[:6]}\nAuthorization: {in_field[6:]}"
    fields = dialect.fields.replace("@", in_field).replace("\n", "\r\n").split("\r\n")
    if other and dialect.place == "header":
        target += f"?hapikey={api_key(other)}"
    elif other:
        fields.insert(
            random.choice((0, len(fields))), f"Authorization: Bearer {private_app_token(other)}"
        )
    is_json = dialect.place == "json" and spelling != "escapes of JSON"
    body = _coded(
        dialect.body.replace("@", json.dumps(written)[1:-1] if is_json else written), dialect.coding
    )
    if dialect.media_type:
        fields.append(f"Content-Type: {dialect.media_type}")
    if dialect.coding in _ZIPPED:
        fields.append(f"Content-Encoding: {dialect.coding}")
    if body:
        fields.append(f"Content-Length: {len(body)}")
    first = f"{'POST' if body else 'GET'} {target} HTTP/1.1"
    lines = [first, "Host: api.hubapi.com", *filter(None, fields), "Connection: close", "", ""]
    raw = "\r\n".join(lines).encode("latin-1") + body
    return Attempt(dialect, spelling, credential, hublet, not other, raw)


def _coded(text: str, coding: str) -> bytes:
    if not coding:
        return text.encode("latin-1")
    if coding in _ZIPPED:
        return _ZIPPED[coding](text.encode("latin-1"))
    return text.replace("-", "+AC0-").encode() if coding == "utf-7" else text.encode(coding)
