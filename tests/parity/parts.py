"""Cases of single parts: what a whole request seldom comes to."""

import base64
import re
from collections.abc import Callable, Iterator
from random import Random

from hublet_router.core.formats import decode_base64, protobuf_fields
from hublet_router.core.json_documents import json_strings, lenient_strings, parse_json
from hublet_router.core.parameters import decode_value, fold_name
from hublet_router.core.places import Cookie, Header, Place, Query
from hublet_router.core.readers import Jwt, Protobuf
from hublet_router.core.request import Request, host_name
from hublet_router.core.runs import _unescaped, runs_of
from hublet_router.export.pattern import TooLongError, pattern_program
from hublet_router.export.program import made_of
from hublet_router.tablefile.errors import Faults
from hublet_router.tablefile.rules import parse_pattern
from hublet_router.tablefile.structure import Text
from synthetic import bytes_field, varint, varint_field

from .kit import Case
from .texts import HUBLETS, character, credential, damaged, document, message

WIDE = "\u0130\u017f\u212a\u0131\u03a3\u1e9e\u2028\u3000\ud83d\U0001f600\ufeff\ufffd\u0660\u01c5"


def parts(seed: int, each: int) -> Iterator[Case]:
    """Yield as many cases of each part."""
    random = Random(seed)
    for _ in range(each):
        for part in _PARTS:
            yield part(random)


def wild(random: Random, most: int = 24) -> str:
    """Return text of delimiters, odd characters, and sometimes what is no character of the wire."""
    text = "".join(character(random) for _ in range(random.randrange(most)))
    return damaged(random, text) + (random.choice(WIDE) if random.random() < 0.1 else "")


def _path(random: Random) -> Case:
    pieces = (
        "/", "..", ".", "%2e", "%2F", "%252e%252e", ";a=b", "\\", "%5C", "%5c..", "oauth", ".json",
        "token.é", "#", "%23", "%3b", "%00", "\t", "%ff", "//", "%25252f", "%u006f", "%U005c",
        "%u00e9", "%u00256f", "%uFF0f", "%ud800", "/%20", "/%1f%85", "/%ef%bb%bf", "%c0%AF",
        "%C1%a1", "%e0%80%af", "%f0%80%80%ae", "%ef%bc%8f", "%ef%bc%81", "\xef\xbd\x9e", "/%c2%85",
    )  # fmt: skip
    path = "".join(random.choice(pieces) for _ in range(random.randrange(10)))
    path = path if random.random() < 0.7 else wild(random).replace("?", "")
    path = path.encode("utf-8", "replace").decode("latin-1")
    path = path.partition("?")[0]
    read = Request("GET", (), path).paths
    return Case("paths", path, [read[0], sorted(read, key=_as_javascript)])


def _host(random: Random) -> Case:
    host = random.choice(("api.a.example:443", "[::1]:8", "API.x.", "a", "[a]", "É.é"))
    host = damaged(random, host)
    return Case("host", host, host_name(host))


def _fold(random: Random) -> Case:
    name = (
        random.choice(
            (
                " Refresh_Token[]",
                "a-b.c d",
                "[x]",
                "a[b.c",
                "a[b[c",
                "a\0[b",
                "İK",
                "ΑΣ",
                "\x1fx\xa0",
            )
        )
        if random.random() < 0.5
        else wild(random)
    )
    return Case("fold", name, fold_name(name))


def _pairs_case(random: Random) -> Case:
    text = "&".join(f"{wild(random, 6)}={wild(random, 9)}" for _ in range(random.randrange(4)))
    pairs = [pair.partition("=") for pair in text.replace(";", "&").split("&") if pair]
    read = [[fold_name(decode_value(name)), decode_value(value)] for name, _, value in pairs]
    return Case("pairs", text, read)


_BEARERS = (
    "Bearer x.y==", "bearer\tx", "Bearer: x", "Bearer", 'BEARER "x"', "Bearer a=b=", "x", "",
    "Bearerx",
)  # fmt: skip
_COOKIES = ('a=b; s-id="x"', "s_id=1;S-ID=2", "s-id=a%b", "s-id", 's-id=" "')


def _place(random: Random) -> Case:
    scheme = random.choice((None, "bearer"))
    value = damaged(random, random.choice(_BEARERS))
    place: Place = Header("authorization", scheme)
    data = {"kind": "header", "name": "authorization", "scheme": scheme}
    name = "authorization"
    if random.random() < 0.5:
        value = damaged(random, random.choice(_COOKIES))
        place, name, data = Cookie("s-id"), "cookie", {"kind": "cookie", "name": "s-id"}
    fields = ((name, value), ("x", "y"), (name, random.choice(("", value, "Bearer z", "s-id=z"))))
    target = "/"
    if random.random() < 0.3:
        place, data = Query("s-id"), {"kind": "query", "name": "s-id"}
        value = damaged(random, random.choice(("a", "%C1%A5", "a%2565", "+", "a+b;s_id=c", "é")))
        target = f"/?{random.choice(('s-id', 'S.ID[]', 's%2Did', 's_id '))}={value}"
    values = place.values(Request("GET", (), target, fields))
    operand = {"hosts": [], "target": target, "headers": fields}
    return Case("place", [data, operand], values if values is None else [*values])


def _json(random: Random) -> Case:
    path = random.choice(("a", "a.b", "A-b.c", "é.k", "s.k", "https://x.y/z"))
    text = document(random, path, credential(random, "key", "eu1"))
    if random.random() < 0.4:
        text = damaged(random, text)
    if random.random() < 0.1:
        deep = random.choice((999, 1000, 1001))
        texts = "[" * deep + "]" * deep, '{"a":' * deep + '"\\"["' + "}" * deep
        text = random.choice((*texts, '{"a": "b"} \\"' + "[" * deep))
    data = text.encode("latin-1", "replace")
    if random.random() < 0.05:
        data = text.encode(random.choice(("utf-16", "utf-8-sig")))
    if random.random() < 0.3:
        return _lenient_json(random, data, path)
    try:
        parse_json(data)
        answer = [*json_strings(data, path)]
    except ValueError:
        answer = None
    return Case("json", [data.decode("latin-1"), path], answer)


def _lenient_json(random: Random, data: bytes, path: str) -> Case:
    data = random.choice((b"", b"", b" \n", b"\xef\xbb\xbf", b"/**/")) + data
    data += random.choice((b"", b"}", b' "', b"\\", b"\xff"))
    if random.random() < 0.1:
        data = data.decode("latin-1").encode(random.choice(("utf-16", "utf-16-be", "utf-32")))
    answer = [*lenient_strings(data, path)]
    return Case("lenient", [data.decode("latin-1"), path], answer)


def _base64(random: Random) -> Case:
    data = random.randbytes(random.randrange(12))
    encode = random.choice((base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes))
    text = encode(data).decode()
    if random.random() < 0.6:
        text = damaged(random, text)
    if random.random() < 0.2:
        text = "".join(random.choice("AQg=\n -_+/\u3000") for _ in range(random.randrange(9)))
    try:
        answer = decode_base64(text).decode("latin-1")
    except ValueError:
        answer = None
    return Case("base64", text, answer)


def _message(random: Random) -> bytes:
    if random.random() < 0.4:
        return message(random, random.choice(HUBLETS))
    pieces = (
        lambda: varint(random.getrandbits(random.choice((3, 8, 29, 35, 64, 70)))),
        lambda: varint_field(
            random.choice((1, 3, 9)), random.getrandbits(random.choice((1, 14, 63)))
        ),
        lambda: bytes_field(
            random.choice((1, 3, 9)),
            random.choice((b"eu1", b"", b"\xff", "é".encode(), b"\xed\xa0\x80")),
        ),
        lambda: bytes([random.choice((9, 25, 73))]) + random.randbytes(8),
        lambda: bytes([random.choice((13, 29, 77))]) + random.randbytes(4),
        lambda: varint_field(random.choice((1 << 26, 1 << 28)), 1),
        lambda: varint(random.choice((1, 2)) << 32) + b"\0",
        lambda: (
            bytes([random.choice((11, 27, 75))])
            + random.choice((b"", b"\x08\x01"))
            + bytes([random.choice((12, 28, 76))])
        ),
        lambda: b"\x80" * random.choice((8, 9, 10)) + b"\x01",
        lambda: bytes([random.choice((11, 12, 14, 15, 7, 0))]),
        lambda: (
            b"\x08" + b"\xff" * random.choice((8, 9, 10)) + random.choice((b"\x01", b"\x7f", b""))
        ),
    )
    return b"".join(random.choice(pieces)() for _ in range(random.randint(1, 4)))


def _protobuf(random: Random) -> Case:
    data, lenient = _message(random), random.random() < 0.5
    try:
        fields = protobuf_fields(data, lenient=lenient)
        answer = [[number, kind, it.decode("latin-1")] for number, kind, it in fields]
    except ValueError:
        answer = None
    return Case("protobuf", [data.decode("latin-1"), lenient], answer)


def _ids(random: Random) -> Case:
    reader = Protobuf(random.choice((1, 3, 9)), lenient=random.random() < 0.5)
    text = base64.b64encode(_message(random)).decode()
    return Case("ids", [made_of(reader), text], [*reader.ids(text)])


def _names(random: Random) -> Case:
    readers = (Protobuf(9), Protobuf(9, lenient=True), Jwt("region"), Jwt("customer.region"))
    reader: Protobuf | Jwt = random.choice(readers)
    kind = "jwt" if isinstance(reader, Jwt) else "protobuf"
    text = credential(random, kind, random.choice(HUBLETS))
    if kind == "protobuf" and random.random() < 0.5:
        text = base64.b64encode(_message(random)).decode()
    return Case("names", [made_of(reader), text], [*reader.names(text)])


def _runs_case(random: Random) -> Case:
    words = (
        "eu1-0000-0000-0000-0000", "pat-eu1-00000000/", "https://", "eu1-app.example.com", "/",
        "+", " ", ":", "é", "%2F", "%2B", "a.b.c-d.ef", "ABCDEFGHIJKLMNOP", "?", "\0", "@", "~",
        "sk_eu1:", "\\u0041", "\\145u1-0000-0000-0000", "\\", "\\002", "ZXUxLTAwMDAtMDAwMC0wMDAw",
        "%252f", "$", "!AbCdEfGhIjKl*",
    )  # fmt: skip
    text = "".join(random.choice(words) for _ in range(random.randrange(9)))
    text = damaged(random, text)
    layers = runs_of(text) if len(text) >= 16 else ()
    answer = [
        [
            sorted({*it.texts}),
            sorted(f"{text}\0{plain.decode('latin-1')}" for text, plain in it.plains),
        ]
        for it in layers
    ]
    return Case("runs", text, answer)


def _unescape_case(random: Random) -> Case:
    pieces = (
        "\\", "\\\\", "u0065", "x65", "/", "n", "%", "%u0065", "%25", "%c3%a9", "%ff", "e",
        "\\u00e9", "\\ud83d", "é", "%e9\xe9", "\\\\/", "145", "\\055", "\\400",
    )  # fmt: skip
    text = "".join(random.choice(pieces) for _ in range(random.randrange(9)))
    layers = [it.decode("latin-1") for it in _unescaped(text.encode("latin-1"))]
    return Case("unescape", text, layers)


def _as_javascript(text: str) -> bytes:
    """Return what JavaScript sorts text by."""
    return text.encode("utf-16-be", "surrogatepass")


_PARTS: tuple[Callable[[Random], Case], ...] = (
    _path, _host, _fold, _pairs_case, _place, _json, _base64, _protobuf, _ids, _names, _runs_case,
    _unescape_case,
)  # fmt: skip


# ---- patterns

_ATOMS = (
    "a", "b", "1", "-", "é", "ß", "k", "\\.", ".", "[a-c]", "[^a]", "[0-9_-]", r"\w", r"\W", r"\d",
    r"\s", r"\S", r"[^\W\d]", "[à-ÿ]", "\U0001f600", "[\u212a\U0001f600-\U0001f602]",
)  # fmt: skip
_PLACES = ("^", "$", r"\A", r"\Z", r"\b", r"\B")
_REPEATS = ("*", "+", "?", "{2}", "{1,3}", "{0,2}", "{3,}")


def pattern_source(random: Random) -> str:
    """Return a random regular expression with one group, more often one that the loader takes."""
    source = _branches(random, 3, True)
    flags = random.choice(("", "", "", "(?i)", "(?s)", "(?m)", "(?a)", "(?ims)"))
    return flags + random.choice(("^", "^", r"\A", "")) + source


def _branches(random: Random, depth: int, holds_group: bool) -> str:
    count = random.choice((1, 1, 1, 2, 3))
    chosen = random.randrange(count) if holds_group else -1
    return "|".join(_sequence(random, depth, at == chosen) for at in range(count))


def _sequence(random: Random, depth: int, holds_group: bool) -> str:
    items = [_item(random, depth) for _ in range(random.randint(1, 3))]
    if holds_group:
        inner = _branches(random, depth - 1, False) if depth else random.choice(_ATOMS)
        form = random.choice(
            ("({})",) * 4
            + ("({})?", "({})??", "(?:x({}))?", "(?=({}))", "(?>({}))", "(?i:({}))", "(?!({})b)")
        )
        items.insert(random.randrange(len(items) + 1), form.format(inner))
    return "".join(items)


def _item(random: Random, depth: int) -> str:
    kind = random.random()
    if kind < 0.15:
        return random.choice(_PLACES)
    if kind < 0.7 or not depth:
        item = random.choice(_ATOMS)
    else:
        form = random.choice(
            ("(?:{})", "(?:{})", "(?>{})", "(?i:{})", "(?={})", "(?!{})", "(?s-i:{})")
        )
        item = form.format(_branches(random, depth - 1, False))
        if form.startswith(("(?=", "(?!")):
            return item
    if random.random() < 0.45:
        item += random.choice(_REPEATS) + random.choice(("", "", "?", "+"))
    return item


def text_for(random: Random) -> str:
    """Return a text for a random pattern."""
    odd = "aab1k.-\n é\xdf\u212a\U0001f600\U0001f601_AK\xff"
    letters = odd if random.random() < 0.7 else "aab1-"
    return "".join(random.choice(letters) for _ in range(random.randrange(14)))


def patterns(seed: int, count: int, texts: int = 10) -> Iterator[Case]:
    """Yield cases of random patterns that the loader takes, each with several texts."""
    random = Random(seed)
    while count:
        faults = Faults()
        pattern = parse_pattern(faults, Text(pattern_source(random), (1, 1)), "it", groups=1)
        if pattern is None:
            continue
        if random.random() < 0.3:
            pattern = re.compile(pattern.pattern, pattern.flags | re.IGNORECASE)
        try:
            yield Case("pattern", pattern_program(pattern))
        except TooLongError:
            continue
        count -= 1
        for _ in range(texts):
            text = text_for(random)
            found = pattern.search(text)
            yield Case("search", text, (found[1] or "") if found else None)
