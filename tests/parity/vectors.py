"""Cases that chance seldom hits."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from hublet_router.core.paths import MAX_PATH
from hublet_router.core.request import Request
from hublet_router.export.pattern import pattern_program
from hublet_router.export.program import program
from hublet_router.tablefile import load, loads
from synthetic import access_token, api_key, bytes_field, jwt, private_app_token, varint_field

from .cases import decided
from .kit import Case

ROOT = Path(__file__).parents[2]
EU, NA = private_app_token("eu1"), private_app_token("na1")
API = "api.hubapi.com"
TO_NA = ("authorization", f"Bearer {NA}")
LONG = 16 * 1024

PATTERNS = {
    "^(a)$": ("a", "a\n", "a\n\n", "\n", "ab"),
    "(?m)^(a)$": ("a\nb", "b\na", "b\na\n", "ab"),
    r"\A(a)\Z": ("a", "a\n"),
    r"\b(a?)": ("", "a", "-", "é"),
    r"\B(a?)": ("", "a", "-", "aa"),
    "^(a{1,2}?)b": ("ab", "aab", "aaab", "b"),
    "^(a{1,2})b": ("ab", "aab", "aaab", "b"),
    "^(a*)ab": ("aab", "ab", "b"),
    "^(a*+)ab": ("aab",),
    "^(?!(a)b)a": ("aa", "ab"),
    "^(?=(a))a|b": ("a", "b", "ab"),
    "(?:x(a))?b|(?:xa)": ("xab", "xa", "b"),
    "(?:(?:ab){1,2}){2}+(c)": ("ababc", "abababc"),
    "^([\u0100-\U0001f600]+)\ud83d": ("\u0101\U0001f600", "\u0101\ud83d", "ÿ"),
    "(?i)^(k)s$": ("\u212aſ", "KS", "ks"),
}

type Fields = tuple[tuple[str, str], ...]


def vectors() -> Iterator[Case]:
    """Yield every example of every table, and requests at the edges of the shipped one."""
    for path in (*sorted((ROOT / "tests" / "tables").glob("*.yaml")), ROOT / "hublets.yaml"):
        table = load(path)
        yield Case("program", program(table))
        for example in table.examples:
            yield decided(table, example.request)
            for of in ("region", "other"):
                beside = (*example.request.headers, ("x", f"{jwt({of: 'eu1'})}.x"))
                yield decided(table, replace(example.request, headers=beside))
    for it in (table, loads(_lenient())):
        yield Case("program", program(it))
        for request in _requests():
            yield decided(it, request)
    for source, texts in PATTERNS.items():
        pattern = re.compile(source)
        yield Case("pattern", pattern_program(pattern))
        for text in texts:
            found = pattern.search(text)
            yield Case("search", text, (found[1] or "") if found else None)


def _lenient() -> bytes:
    """Return the shipped table with the policy that lets most through, and a domain with labels."""
    text = (ROOT / "hublets.yaml").read_bytes()
    text = text.replace(b'"https://127.0.0.1:9442"', b'"https://127.0.0.1:9442", aliases: [eu9]')
    text = text.replace(b"conflict: refuse ", b"conflict: first ")
    text = text.replace(b"unreadable: refuse ", b"unreadable: ignore ")
    text = text.replace(b"domains:", b'domains: ["*.hubapi.com", api.hubapi.com]\nunused:', 1)
    text = re.sub(rb"\nunused:.*(\n +.*)*", b"", text)
    text = text.replace(b"    - {protobuf: 3}\n", b'    - {regex: "^pat-[a-z0-9]+-([0-9]{7})-"}\n')
    return text.partition(b"\nexamples:")[0] + b"\n"


def _requests() -> Iterator[Request]:
    """Yield requests for the shipped table."""
    yield from _long_ones()
    yield from _strays()
    yield from _apart()
    yield from _messages()
    yield from _accounts()
    yield from _bodies()


def _long_ones() -> Iterator[Request]:
    for count in (100, 101):
        yield Request("GET", (API,), f"/x?{'&hapikey=demo' * count}")
    for length in (MAX_PATH, MAX_PATH + 1):
        yield Request("GET", (API,), "/" + "x" * (length - 1) + "?a=b")
    for length in (LONG - 1, LONG, LONG + 1):
        for text in (EU.ljust(length, "x"), f"%F0%9F%98%80{'y' * (length - 1)}", "é" * length):
            quoted = text if "%" in text else text.encode().decode("latin-1")
            yield Request("GET", (API,), f"/x?hapikey={quoted}")
            yield _get(("private-app", quoted))


def _strays() -> Iterator[Request]:
    for text in (EU, NA, private_app_token("eu9")):
        for value in (text, text.upper(), f"a/{text}", f"https://{text}.example.com/x", f"{text}="):
            yield _get(TO_NA, ("x", value))
        for short in (text[:15], text[:16]):
            for dash in ("-", "%2D", "\\u002d"):
                yield _get(TO_NA, ("x", short.replace("-", dash)))
        coded = text
        for _ in range(5):
            coded = (f"%{ord(coded[0]):02X}" + coded[1:]).replace("%", "%25")
            yield _get(TO_NA, ("x", coded))
    message = b"\x11\x4d\x7e" + b"\0" * 6 + varint_field(1, 1) + bytes_field(9, b"na1")
    like_a_key = base64.urlsafe_b64encode(message).decode()  # eu1-… in lower case
    for fields in ((), (TO_NA,)):  # what was its own is a stray where it is none
        yield _get(*fields, ("authorization" if not fields else "x", f"Bearer {like_a_key}"))
    for name in ("private-app", "x"):  # and so is what was judged to lose
        yield _get(("authorization", f"Bearer {EU}"), (name, NA))
    for key in ("EU1-0", "ZZ1-0"):
        yield Request("GET", (API,), f"/x?hapikey={key}")
    for host in ("eu1-000-app.hubapi.com", API):
        yield Request("GET", (host,), "/", (TO_NA, ("x", host)))


def _apart() -> Iterator[Request]:
    """Yield what is no whole credential, or more than one."""
    coded = "base64-" + base64.b64encode(f'{{"a": "{EU}"}}'.encode()).decode()
    yield _get(("x", coded))
    for key in ("\x01eu1-1", "[EU1-1]", '"Bearer eu1-1', "xeu1-1", "eu1,1", "+eu1-1", "a.eu1-1 b"):
        yield Request("GET", (API,), f"/x?hapikey={quote(key)}")
    for names in ("s0 s1", "s.10 s.9", "s1 t2", "s s", '"s0" "s1"'):
        first, second = names.split()
        for cut in (6, 30):
            yield _get(("cookie", f'{first}="{EU[:cut]}"; {second}={EU[cut:]}'))
            yield _get(("cookie", f"{second}={EU[cut:]}"), ("cookie", f"{first}={EU[:cut]}"))
    basic = base64.b64encode(EU.encode()).decode()
    yield _get(("authorization", f"Basic {basic[:6]}"), ("authorization", basic[6:]))
    for text in (f"%70{EU[1:]}", f"\\160{EU[1:]}", EU):
        basic = base64.b64encode(text.encode()).decode()
        yield _get(("authorization", f'Basic "{basic[:9]}" {basic[9:]}'))
    for path in (
        "/%C4%B0ntegration",
        "/oauth/v1/acceſſ-tokenſ/",
        "/OAUTH/v1/access-tokens/",
        "/é/",
    ):
        yield Request("GET", (API,), f"{quote(path, safe='/%')}{access_token('eu1')}")


def _messages() -> Iterator[Request]:
    for data in (
        varint_field(1, 1) + bytes_field(9, b"eu1") + bytes_field(2, b"\xff" * 62),
        bytes_field(9, b"eu1") + bytes_field(2, bytes(range(200, 256))),
        bytes_field(1, b"?\xfe\xff") + bytes_field(9, b"eu1") + bytes_field(2, b"\xfb\xef\xbe" * 9),
    ):
        for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
            for form in ("{}", "/{}/", "x/{}+y", "a={}"):
                escaped = text.replace("+", "%2B").replace("/", "%2f")
                for it in (text, escaped, escaped.replace("%2B", "%2b")):
                    yield _get(TO_NA, ("x", form.format(it)))
                yield Request("GET", (API,), f"/oauth/v1/access-tokens/{escaped}")


def _accounts() -> Iterator[Request]:
    tokens = (EU, NA, private_app_token("ap1"), access_token("ap1"), access_token(None))
    kinds: list[Fields] = [(), *((("authorization", f"Bearer {it}"),) for it in tokens)]
    yield _get(("private-app", "pat-na1-5865761-0"))
    for target in ("/submissions/v3/integration/submit/{}/f", "/x?portalId={}"):
        for account in (
            "5865761",
            "05865761",
            "5865761%20",
            "62515",
            "٥",
            "5865761&portalId=62515",
            "62515&portalId=5865761",
            "eu1-1",
            "%2B5865761",
        ):
            for fields in kinds:
                yield Request("GET", (API,), target.format(account), fields)


def _bodies() -> Iterator[Request]:
    key, apart = b"code=" + api_key("eu1").encode(), b"x=" + EU.encode("utf-16-be")
    for body in (b"", key, None, b"code=%zz", b"x" * 64 * 1024, apart):
        for target in ("/oauth/v1/token", "/OAUTH//v1/./token;x", "/crm"):
            for kind in (
                "application/x-www-form-urlencoded",
                "application/x-www-form-urlencoded2",
                "null",
            ):
                yield Request("POST", (API,), target, (("content-type", kind),), body)
    for data in (b"null", b"{}", b"code=x&token=%2565u1-1", b'["x"]', b"1"):
        for kind in ("application/x-www-form-urlencoded", "application/json"):
            yield Request("POST", (API,), "/oauth/v1/token", (("content-type", kind),), data)
    for data in (b"null", b'"x"', b"\xef\xbb\xbf{}", b'{"tokenKey": "%s"}' % EU.encode(), b"{}{}"):
        target = "/oauth/v2/private-apps/get/access-token-info"
        yield Request("POST", (API,), target, (), data)


def _get(*fields: tuple[str, str]) -> Request:
    return Request("GET", (API,), "/crm/v3/objects", fields)
