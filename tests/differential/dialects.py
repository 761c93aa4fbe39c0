r"""The dialects: ways to write a credential into a request that some server may read.

Each line has a label and a template, two blanks between them. In a template, `@` is the credential,
`{name}` is the name that a rule reads, and the others are spellings of it; `{path}`, `{first}` and
`{rest}` are a rule's path and its pieces. Escapes are those of Python.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

CONTACTS, FORM, REFRESH = "/crm/v3/contacts", "/oauth/v1/token", "/localdevauth/v1/auth/refresh"
INFO = "/oauth/v2/private-apps/get/access-token-info"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
JSON = "application/json"

PARAMETERS = r"""
plain                {name}=@
last                 {name}=&{name}=@
first                {name}=@&{name}=x
array                {name}[]=@
index                {name}[0]=@
member               {name}[a]=@
open bracket         {name}[=@
escaped brackets     {name}%5B%5D=@
upper case           {NAME}=@
escaped name         {percent}=@
name escaped twice   {percent2}=@
hyphen               {hyphen}=@
dot                  {dot}=@
plus for _           {plus}=@
plus before          +{name}=@
bracket for _        {bracket}=@
plus behind          {name}+=@
NUL behind           {name}%00=@
semicolon            a=1;{name}=@
comma                a=1,{name}=@
escaped ampersand    a=1%26{name}=@
no name              =@
name alone           @
two equals           {name}==@
escaped equals       {name}%3D@
entity               a=1&amp;{name}=@
question mark        a=1?{name}=@
hash                 a=1#{name}=@
colon                {name}:@
line                 a=1%0A{name}=@
quoted name          "{name}"=@
JSON in a value      a={{"{name}":"@"}}
malformed before     %zz=1&{name}=@
malformed behind     {name}=@&%zz=1
"""
DOCUMENTS = r"""
plain                {{"{name}": "@"}}
upper case           {{"{NAME}": "@"}}
first letter         {{"{Name}": "@"}}
escaped name         {{"{unicode}": "@"}}
last                 {{"{name}": "", "{name}": "@"}}
first                {{"{name}": "@", "{name}": ""}}
array                {{"{name}": ["@"]}}
member               {{"a": {{"{name}": "@"}}}}
in an array          [{{"{name}": "@"}}]
comment              /* */ {{"{name}": "@"}}
line comment         {{"{name}": "@"}} // x
hash comment         # x\n{{"{name}": "@"}}
single quotes        {{'{name}': '@'}}
bare name            {{{name}: "@"}}
comma at the end     {{"{name}": "@",}}
two documents        {{}} {{"{name}": "@"}}
junk behind          {{"{name}": "@"}} x
junk before          )]}}'\n{{"{name}": "@"}}
byte order mark      \xef\xbb\xbf{{"{name}": "@"}}
NaN                  {{"a": NaN, "{name}": "@"}}
infinity             {{"a": -Infinity, "{name}": "@"}}
a lone text          "@"
leading zero         {{"a": 01, "{name}": "@"}}
control              {{"a": "\x01", "{name}": "@"}}
form feed            \x0c{{"{name}": "@"}}
Unicode fold         {{"{fold}": "@"}}
lone surrogate       {{"a": "\\ud800", "{name}": "@"}}
text in a text       {{"a": "{{\\"{name}\\": \\"@\\"}}"}}
invalid UTF-8        {{"a": "\xff", "{name}": "@"}}
prototype            {{"__proto__": {{"{name}": "@"}}}}
"""
PARTS = r"""
plain                --x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n@\r\n--x--\r\n
bare name            --x\r\nContent-Disposition: form-data; name={name}\r\n\r\n@\r\n--x--\r\n
file                 --x\r\nContent-Disposition: form-data; name={name}; filename=a\r\n\r\n@\r\n--
extended name        --x\r\nContent-Disposition: form-data; name*=utf-8''{name}\r\n\r\n@\r\n--x--
line feeds           --x\nContent-Disposition: form-data; name="{name}"\n\n@\n--x--\n
no end               --x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n@\r\n
"""
PATHS = r"""
slash                {path}/
slashes              //{first}//{rest}
dots                 /x/../{first}/./{rest}
escaped dots         /x/%2e%2e/{first}/%2E/{rest}
upper case           {PATH}
escaped              /{percent}/{rest}
escaped twice        /{percent2}/{rest}
backslashes          \\{first}\\{rest}
escaped slash        /{first}%2F{rest}
escaped backslash    /{first}%5C{rest}
parameters           /{first};a=b/{rest};c=d
parameter dots       /x/..;/{first}/{rest}
suffix               {path}.json
absolute             http://api.hubapi.com{path}
NUL                  {path}%00
blank                {path}%20
blank before         /%20{first}/{rest}
tab behind           /{first}%09/{rest}
overlong             /{first}%c0%af{rest}
full width           /{first}%ef%bc%8f{rest}
hash                 {path}#a
"""
ANYWHERE = r"""
segment              /crm/@/x
parameter            /crm;hapikey=@/x
last segment         /@
fragment             /a#@
ampersand            /crm&hapikey=@
escaped query        /crm%3Fhapikey=@
"""
COOKIES = r"""
plain                sid=@
quoted               sid="@"
second               a=b; sid=@
comma                a=b, sid=@
no blank             a=b;sid=@
twice                sid=x; sid=@
twice, first         sid=@; sid=x
upper case           SID=@
version              $Version=1; sid="@"; $Path=/
blanks               sid = @
no name              @
escaped name         s%69d=@
signed               sid=s%3A@
JSON                 sid=j%3A%22@%22
array                sid[]=@
octal                sid="\\145u1-0000-0000-0000-0000-000000000000"
tab                  a=b;\tsid=@
semicolon first      ;sid=@
quote before         a b="; sid=@
open quote           a="b; sid=@
of no rule           a="@"
octal, of no rule    a="\\145u1-0000-0000-0000-0000-000000000000"
"""
HEADERS = r"""
plain                Authorization: Bearer @
lower case           authorization: bearer @
blanks               Authorization:   Bearer \t @
no blank             Authorization: Bearer@
twice                Authorization: Bearer x\nAuthorization: Bearer @
twice, first         Authorization: Bearer @\nAuthorization: Bearer x
list                 Authorization: Bearer x, Bearer @
no scheme            Authorization: @
scheme twice         Authorization: Bearer Bearer @
token                Authorization: Token @
parameter            Authorization: Bearer token="@"
tab                  Authorization: Bearer\t@
colon                Authorization: Bearer: @
equals               Authorization: Bearer=@
private app          Private-App: @
underscore           Private_App: @
proxy                Proxy-Authorization: Bearer @
API key              X-Api-Key: @
forwarded            X-Forwarded-Authorization: Bearer @
encoded word         Authorization: =?utf-8?q?Bearer_@?=
folded               Authorization: Bearer\n @
original URL         X-Original-URL: /crm/v3/contacts?hapikey=@
rewritten URL        X-Rewrite-URL: /crm/v3/contacts?hapikey=@
referer              Referer: https://app.hubspot.com/?hapikey=@
user of Basic        Authorization: Basic @
user, with junk      Authorization: basic @
user on two lines    Authorization: Basic @
"""
FORM_TYPES = (
    URLENCODED, f"{URLENCODED}; charset=utf-8", URLENCODED.upper(), f"{URLENCODED} ;a=b", "",
    "text/plain", JSON, "*/*", f"{URLENCODED}, text/plain", f"text/plain, {URLENCODED}",
    f"{URLENCODED};charset=iso-8859-1", f"{URLENCODED}x", "multipart/form-data",
)  # fmt: skip
JSON_TYPES = (
    JSON, f"{JSON}; charset=utf-8", JSON.upper(), "text/json", "", "application/vnd.api+json",
    f"{JSON}, text/plain", "text/plain", URLENCODED, f"{JSON};charset=iso-8859-1",
    "application/x-json", "application/problem+json",
)  # fmt: skip
ZIPPED = ("gzip", "deflate", "x-gzip")
CODINGS = (*ZIPPED, "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037")
"""Codings of a whole body: of its content, or of its characters."""


class Dialect(NamedTuple):
    """A place of a rule, the name that the rule reads there, and a way to write both."""

    place: str
    name: str
    label: str
    target: str = CONTACTS
    fields: str = ""
    body: str = ""
    media_type: str = ""
    coding: str = ""
    is_row: bool = True
    """Whether a table of dialects has a row for it: the others are the same with another type."""


def dialects() -> Iterator[Dialect]:
    """Yield every dialect."""
    for target, name in ((CONTACTS, "hapikey"), (FORM, "refresh_token")):
        for label, text in _lines(PARAMETERS, name):
            yield Dialect("query", name, label, f"{target}?{text}", is_row=target == CONTACTS)
    for label, text in _lines(COOKIES):
        yield Dialect("cookie", "sid", label, fields=f"Cookie: {text}")
    for label, text in _lines(HEADERS):
        yield Dialect("header", "authorization", label, fields=text)
    for target, name in (
        ("/oauth/v1/access-tokens/", "access"),
        ("/oauth/v1/refresh-tokens/", "r"),
    ):
        yield Dialect("path", target, "plain", f"{target}@")
        for label, path in _paths(f"{target}@"):
            yield Dialect("path", target, label, path, is_row=name == "r")
    for label, path in _lines(ANYWHERE):
        yield Dialect("path", "", label, path)
    yield from _bodies("form", FORM, "refresh_token", PARAMETERS, FORM_TYPES)
    for target, name in ((REFRESH, "encodedOAuthRefreshToken"), (INFO, "tokenKey")):
        yield from _bodies("json", target, name, DOCUMENTS, JSON_TYPES)


def _bodies(
    place: str, target: str, name: str, texts: str, media_types: tuple[str, ...]
) -> Iterator[Dialect]:
    usual = media_types[0]
    is_first = target != INFO
    for (label, text), media_type in product(_lines(texts, name), media_types):
        is_plain, is_usual = label == "plain", media_type == usual
        of_type = f"`{media_type}`" if media_type else "no type"
        yield Dialect(
            place, name, of_type if is_plain else label, target, body=text, media_type=media_type,
            is_row=is_first and (is_plain or is_usual),
        )  # fmt: skip
    plain = dict(_lines(texts, name))["plain"]
    for label, path in _paths(target):
        yield Dialect(
            place, name, f"path: {label}", path, body=plain, media_type=usual, is_row=is_first
        )
    for label, text in _lines(PARTS, name):
        yield Dialect(
            place, name, f"multipart: {label}", target, body=text, media_type=MULTIPART,
            is_row=is_first,
        )  # fmt: skip
    for coding, is_named in product(CODINGS, (True, False)):
        media_type = f"{usual}; charset={coding}" if is_named else usual
        label = f"in {coding}" if is_named or coding in ZIPPED else f"in {coding}, not named"
        yield Dialect(
            place, name, label, target, body=plain, media_type=media_type, coding=coding,
            is_row=is_first and not (is_named and coding in ZIPPED),
        )  # fmt: skip


def _lines(text: str, name: str = "") -> Iterator[tuple[str, str]]:
    spellings = _spellings(name)
    for line in text.strip().splitlines():
        label, template = re.split(" {2,}", line, maxsplit=1)
        plain = template.encode("latin-1").decode("unicode_escape")
        yield label, plain.format_map(spellings) if name else plain


def _spellings(name: str) -> dict[str, str]:
    if not name:
        return {}
    code = f"{ord(name[0]):02x}{name[1:]}"
    return {
        "name": name, "NAME": name.upper(), "Name": name[0].upper() + name[1:],
        "hyphen": name.replace("_", "-"), "dot": name.replace("_", "."),
        "plus": name.replace("_", "+"),
        "bracket": name.replace("_", "["), "percent": f"%{code}", "percent2": f"%25{code}",
        "unicode": f"\\u00{code}",
        "fold": name.replace("k", "\\u212a").replace("s", "\\u017f"),
    }  # fmt: skip


def _paths(path: str) -> Iterator[tuple[str, str]]:
    _, first, rest = path.split("/", 2)
    code = f"{ord(first[0]):02x}{first[1:]}"
    pieces = {"path": path, "first": first, "rest": rest, "PATH": path.upper()}
    pieces |= {"percent": f"%{code}", "percent2": f"%25{code}"}
    for label, template in _lines(PATHS):
        yield label, template.format_map(pieces)
