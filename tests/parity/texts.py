"""Random text for the cases: aimed at a grammar, and then damaged."""

import base64
from random import Random
from urllib.parse import quote

from synthetic import access_token_message, api_key, base64url, bytes_field, jwt, varint_field

DELIMITERS = "?#&;=%+/\\.,:\"'()[]{}<>@|~_- \t"
ODD = "\0\n\r\x0b\x1c\x1f\x7f\x85\xa0\xad\xb5\xdf\xe9\xff"
ESCAPES = ("%u{:04x}", "\\u{:04x}", "\\\\u{:04X}", "\\x{:02x}", "\\{:c}", "\\{:03o}")
PIECES = (
    "%", "%2", "%c3%a9", "%ff", "%ed%a0%80", "%F0%9F%98%80", "%00", "%ef%bb%bf", "//", "/../",
    "/./", "%2f", "%5c", "\\/", "==", "://a.b-c.de ", "[]",
)  # fmt: skip
HUBLETS = ("na1", "eu1", "ap1", "a10", "a20", "na2", "EU1", "e", "")


def character(random: Random) -> str:
    """Return a character of the wire, mostly one that means something."""
    kind = random.random()
    if kind < 0.6:
        return random.choice(DELIMITERS)
    return random.choice(ODD) if kind < 0.7 else random.choice("aAeukKzZ0159")


def damaged(random: Random, text: str, most: int = 3) -> str:
    """Return a text with a few characters put in, taken out, changed, coded, doubled or moved."""
    for _ in range(random.randint(0, most)):
        at = random.randrange(len(text) + 1)
        end = min(len(text), at + random.choice((1, 1, 1, 4, 20)))
        piece = text[at:end]
        match random.randrange(11):
            case 0 | 1:
                piece = character(random) + piece
            case 2:
                piece = ""
            case 3:
                piece = character(random)
            case 4:
                piece += piece
            case 5:
                piece = "".join(f"%{ord(it) & 255:02x}" for it in piece)
            case 6:
                piece = "".join(f"%25{ord(it) & 255:02X}" for it in piece)
            case 7:
                piece = piece.swapcase()
            case 8:
                form = random.choice(ESCAPES)
                piece = "".join(form.format(min(ord(it), 255)) for it in piece)
            case 9:
                piece = quote(piece.encode("latin-1", "replace"), safe="")
            case 10:
                piece = random.choice(PIECES)
        text = text[:at] + piece + text[end:]
    return text


def message(random: Random, hublet: str) -> bytes:
    """Return a protobuf message of a token, sometimes a broken one."""
    data = access_token_message(hublet or None, scopes=bytes(random.randrange(5)))
    kind = random.random()
    if kind < 0.15:
        data += access_token_message(random.choice(HUBLETS) or None)
    elif kind < 0.25:
        data += varint_field(
            random.choice((1, 3, 9)), random.getrandbits(random.choice((7, 31, 63, 70, 72)))
        )
    elif kind < 0.35:
        data = data[: random.randrange(len(data))]
    elif kind < 0.45:
        at = random.randrange(len(data))
        data = data[:at] + random.randbytes(random.randint(1, 3)) + data[at + 1 :]
    elif kind < 0.5:
        data = data[9:]  # no field 1
    elif kind < 0.55:
        data += bytes_field(9, b"")
    return data


def credential(random: Random, kind: str, hublet: str) -> str:
    """Return a credential for a reader of that kind, or of a random one."""
    if random.random() < 0.1:
        kind = random.choice(("key", "pat", "protobuf", "jwt", "base64", "short"))
    match kind:
        case "pat":
            text = f"pat-{hublet}-00000000-0000-0000-0000-00000000{random.randrange(10000):04}"
        case "key":
            text = api_key(hublet or None)
        case "protobuf":
            text = base64url(message(random, hublet))
            if random.random() < 0.2:
                text = base64.b64encode(message(random, hublet)).decode()
        case "jwt":
            claim = random.choice(("region", "Region", "customer.region", "re-gion"))
            sub = random.choice((1, "62515", 4.2e1))
            text = jwt({claim: hublet, "sub": sub, "customer": {"region": hublet}})
            if random.random() < 0.2:
                text = jwt(f'{{"region": "{hublet}", "region": ["{random.choice(HUBLETS)}", 1]}}')
        case "base64":
            text = base64url(f"sk_{hublet}_SYNTHETIC0000:".encode())
        case _:
            text = hublet + random.choice(("", "-", "-1", ":x", "demo"))
    if kind == "jwt" and random.random() < 0.1:
        text = random.choice((f"{text}.x", f"a.{text}", f"a.b.{text}", text.rpartition(".")[0]))
    return damaged(random, text, 2) if random.random() < 0.15 else text


def document(random: Random, path: str, text: str) -> str:
    """Return a JSON document that holds a text at a path, and perhaps elsewhere."""
    value = random.choice(
        ("4.2e1", '"{}"', '"{}"', '["{}", 1]', '{{"a": "{}"}}', ' "{}"', "{}")
    ).format(text)
    names = path.split(".")
    if random.random() < 0.2:
        names = [path]
    if random.random() < 0.2:
        names = [name.upper().replace("-", "_") for name in names]
    if random.random() < 0.1:
        names = [name.replace("s", "\\u017f").replace("k", "\\u212a") for name in names]
    for name in reversed(names):
        more = random.choice(
            (
                "",
                "",
                f'"{name}": "{text}x", ',
                '"k": [1, -0.5e3, null, true], ',
                '"\\u00e9\\ud83d\\ude00": "\\ud83d\\n", ',
            )
        )
        value = f'{{{more}"{name}": {value}}}'
    if random.random() < 0.1:
        value = (
            random.choice(
                (
                    value + " ", "\ufeff" + value, value + "x", f"[{value}]", "NaN", "01", "[1.]",
                    '"\t"', '{"a" 1}', "null", value[:-1], '{"a": Infinity}', "[,]", "{}", "-",
                    '"\\u12"',
                )
            )
            .encode()
            .decode("latin-1")
        )  # fmt: skip
    return value
