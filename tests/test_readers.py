import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from hublet_router.core.formats import LEN, decode_leniently, write_varint
from hublet_router.core.readers import Account, Base64, Jwt, Protobuf, Reader, Regex
from synthetic import (
    UUID,
    access_token,
    access_token_message,
    api_key,
    base64url,
    bytes_field,
    jwt,
    personal_access_key,
    private_app_token,
    varint_field,
)

PAT = Regex(re.compile("^pat-([a-z]{2}[0-9]{1,3})-"))
KEY = Regex(re.compile("^([a-z]{2}[0-9]{1,3})-"))
F1 = varint_field(1, 7)
EU1 = bytes_field(9, b"eu1")


@cases(
    ("reader", "credential", "names"),
    {
        "private app token": (PAT, private_app_token("eu1"), ("eu1",)),
        "official placeholder, not hex": (PAT, "pat-na1-xxxxxxxx-xxxx", ("na1",)),
        "upper case is another text": (PAT, "PAT-EU1-x", ()),
        "anchored": (PAT, " pat-eu1-x", ()),
        "cut short": (PAT, "pat-eu1", ()),
        "too long for a Hublet": (PAT, "pat-eu1234-x", ()),
        "empty": (PAT, "", ()),
        "api key": (KEY, api_key("ap1"), ("ap1",)),
        "plain uuid": (KEY, UUID, ()),
        "demo": (KEY, "demo", ()),
        "an empty group names none": (Regex(re.compile("^x(.*)")), "x", ()),
        "a group that took no part": (Regex(re.compile("^x(y)?")), "x", ()),
        "first match only": (Regex(re.compile("([a-z]+)")), "one two", ("one",)),
        "Stripe-like key": (Regex(re.compile("^sk_([a-z0-9]+)_")), "sk_eu1_x", ("eu1",)),
    },
)
def test_regex(reader: Regex, credential: str, names: tuple[str, ...]) -> None:
    assert reader.names(credential) == names


@cases(
    ("credential", "names"),
    {
        "field 9 in the middle": (access_token("eu1"), ("eu1",)),
        "alignment 1": (access_token("eu1", scopes=bytes(5)), ("eu1",)),
        "alignment 2": (access_token("eu1", scopes=bytes(6)), ("eu1",)),
        "signature of 25": (access_token("eu1", signature=bytes(25)), ("eu1",)),
        "before 2021": (access_token(None), ()),
        "in a signature": (access_token(None, signature=b"sig" + EU1 + b"n"), ()),
        "in a signature, and a real one": (access_token("na1", signature=b"s" + EU1), ("na1",)),
        "personal access key": (personal_access_key("eu1"), ("eu1",)),
        "field 9 last": (base64url(F1 + EU1), ("eu1",)),
        "field 9 before field 1": (base64url(EU1 + F1), ("eu1",)),
        "padded": (base64url(F1 + EU1) + "=", ("eu1",)),
        "padded too much": (base64url(F1 + EU1) + "=====", ("eu1",)),
        "a newline": (access_token("eu1") + "\n", ("eu1",)),
        "junk behind it is not dropped": (access_token("eu1") + ".", ()),
        "padding in front": ("=" + access_token("eu1"), ()),
        "padding inside": (base64url(F1) + "==" + base64url(EU1), ()),
        "twice the same": (base64url(F1 + EU1 + EU1), ("eu1", "eu1")),
        "contradicts itself": (base64url(F1 + EU1 + bytes_field(9, b"na1")), ("eu1", "na1")),
        "no field 1": (base64url(EU1), ()),
        "no field 9": (base64url(F1), ()),
        "field 9 is empty": (base64url(F1 + bytes_field(9, b"")), ()),
        "field 9 is a varint": (base64url(F1 + varint_field(9, 1)), ()),
        "field 9 is a fixed32": (base64url(F1 + b"\x4d" + b"eu12"), ()),
        "field 9 is a fixed64": (base64url(F1 + b"\x49" + b"eu123456"), ()),
        "not UTF-8": (base64url(F1 + bytes_field(9, b"\xff\xfe")), ()),
        "UTF-8": (base64url(F1 + bytes_field(9, "éu1".encode())), ("éu1",)),
        "overlong tag": (base64url(F1 + b"\xca\x00\x03eu1"), ("eu1",)),
        "overlong length": (base64url(F1 + b"\x4a\x83\x80\x00eu1"), ("eu1",)),
        "ten bytes": (base64url(b"\x08" + b"\x80" * 9 + b"\x01" + EU1), ("eu1",)),
        "eleven bytes": (base64url(b"\x08" + b"\x80" * 10 + b"\x01" + EU1), ()),
        "a fixed32 is skipped": (base64url(F1 + b"\x15abcd" + EU1), ("eu1",)),
        "a fixed64 is skipped": (base64url(F1 + b"\x11abcdefgh" + EU1), ("eu1",)),
        "a fixed32 cut short": (base64url(F1 + EU1 + b"\x15abc"), ()),
        "a fixed64 cut short": (base64url(F1 + EU1 + b"\x11abcdefg"), ()),
        "a group is skipped": (base64url(F1 + EU1 + b"\x13\x14"), ("eu1",)),
        "in a group": (base64url(F1 + b"\x4b" + EU1 + b"\x4c"), ()),
        "groups that cross": (base64url(F1 + EU1 + b"\x13\x1b\x14\x1c"), ()),
        "an end of no group": (base64url(F1 + EU1 + b"\x14"), ()),
        "a group without end": (base64url(F1 + EU1 + b"\x13"), ()),
        "an empty one first": (base64url(F1 + bytes_field(9, b"") + EU1), ("eu1",)),
        "an empty one last": (base64url(F1 + EU1 + bytes_field(9, b"")), ()),
        "wire type 6": (base64url(F1 + EU1 + b"\x16"), ()),
        "wire type 7": (base64url(F1 + EU1 + b"\x17"), ()),
        "field number 0": (base64url(F1 + EU1 + b"\x02\x00"), ()),
        "highest number": (base64url(F1 + EU1 + varint_field((1 << 29) - 1, 0)), ("eu1",)),
        "number too high": (base64url(F1 + EU1 + varint_field(1 << 29, 0)), ()),
        "huge length": (base64url(F1 + b"\x4a\xff\xff\xff\xff\xff\xff\x7feu1"), ()),
        "length one too many": (base64url(F1 + b"\x4a\x04eu1"), ()),
        "ends inside a tag": (base64url(F1 + EU1 + b"\x80"), ()),
        "demo": ("demo", ()),
        "uuid": (UUID, ()),
        "private app token": (private_app_token("eu1"), ()),
        "empty": ("", ()),
        "no whole byte": ("A", ()),
        "not ASCII": ("é" + access_token("eu1"), ()),
    },
)
def test_protobuf(credential: str, names: tuple[str, ...]) -> None:
    assert Protobuf(9).names(credential) == names
    lenient = Protobuf(9, lenient=True)
    plain = decode_leniently(credential.encode("latin-1", "replace"))
    assert {*lenient.names(credential)} <= {
        name for _, name in lenient.sightings((), [("", plain)])
    }


@pytest.mark.parametrize("more", [b"", b"\0", b"\x80\0", b"\x80\x80\x80\x80\x10"])
@pytest.mark.parametrize("number", [1, 9, 15, 16, 200, 2047, 2048, (1 << 29) - 1])
def test_a_name_is_seen_behind_any_tag_of_its_field(number: int, more: bytes) -> None:
    """A tag may be longer than it need be, and what is above its 32 bits does not count."""
    tag = write_varint(number << 3 | LEN)
    tag = tag[:-1] + bytes([tag[-1] | 0x80]) + more if more else tag
    reader = Protobuf(number, lenient=True)

    assert [*reader.sightings((), [("", tag + b"\3eu1")])] == [("", "eu1")]
    assert [*Protobuf(number ^ 8, lenient=True).sightings((), [("", tag + b"\3eu1")])] == []


@pytest.mark.parametrize("hublet", ["na1", "eu1", "ap1"])
def test_a_synthetic_access_token_begins_as_a_published_one(hublet: str) -> None:
    assert access_token(hublet).startswith("C")
    assert personal_access_key(hublet).startswith("CiR")


@pytest.mark.parametrize("standard", ["+", "/"])
def test_protobuf_is_read_in_either_alphabet(standard: str) -> None:
    url = {"+": "-", "/": "_"}[standard]
    scopes = {"+": b"\xfb\xef\xbe" * 2, "/": b"\xff" * 6}[standard]
    token = access_token("eu1", scopes=scopes)

    assert url in token
    assert Protobuf(9).names(token) == ("eu1",)
    assert Protobuf(9).names(token.replace(url, standard)) == ("eu1",)


@pytest.mark.parametrize("field", [1, 2, 10, 536870911])
def test_protobuf_reads_the_field_that_the_table_names(field: int) -> None:
    message = bytes_field(1, b"one") + bytes_field(field, b"here") + EU1

    assert Protobuf(field).names(base64url(message))[-1] == "here"


def test_a_truncated_token_names_a_hublet_only_where_a_shorter_message_ends() -> None:
    message = access_token_message("eu1")
    after_field_9 = message.index(EU1, message.index(b"signature")) + len(EU1)
    # f10 (4 bytes), f11, f12, f13 and f14 (2 bytes each) follow; between them it is a whole message
    whole = {after_field_9 + more for more in (0, 4, 6, 8, 10, 12)}

    naming = {
        cut
        for cut in range(len(message) + 1)
        if Protobuf(9).names(base64url(message[:cut])) == ("eu1",)
    }
    silent = {
        cut for cut in range(len(message) + 1) if Protobuf(9).names(base64url(message[:cut])) == ()
    }

    assert naming == whole
    assert silent == set(range(len(message) + 1)) - whole


def test_a_token_cut_at_any_character_names_its_own_hublet_or_none() -> None:
    token = access_token("eu1")

    named = {Protobuf(9).names(token[:cut]) for cut in range(len(token))}

    assert named == {(), ("eu1",)}


REGION = Jwt("region")
NESTED = Jwt("customer.region")
LINK = Jwt("https://example.com/region")


@cases(
    ("reader", "credential", "names"),
    {
        "a claim": (REGION, jwt({"region": "eu1"}), ("eu1",)),
        "dotted": (NESTED, jwt({"customer": {"region": "eu1"}}), ("eu1",)),
        "a key with a dot": (NESTED, jwt({"customer.region": "eu1"}), ("eu1",)),
        "both spellings are read": (
            NESTED,
            jwt('{"customer.region": "eu1", "customer": {"region": "na1"}}'),
            ("eu1", "na1"),
        ),
        "a URL": (LINK, jwt({"https://example.com/region": "eu1"}), ("eu1",)),
        "a URL below a key": (
            Jwt("app.https://example.com/region"),
            jwt({"app": {"https://example.com/region": "eu1"}}),
            ("eu1",),
        ),
        "a list": (REGION, jwt({"region": ["eu1", "na1"]}), ("eu1", "na1")),
        "a list on the way": (
            NESTED,
            jwt({"customer": [{"region": "eu1"}, {"x": 1}, {"region": "na1"}]}),
            ("eu1", "na1"),
        ),
        "duplicate": (REGION, jwt('{"region": "eu1", "region": "na1"}'), ("eu1", "na1")),
        "duplicate on the way": (
            NESTED,
            jwt('{"customer": {"region": "eu1"}, "customer": {"region": "na1"}}'),
            ("eu1", "na1"),
        ),
        "absent": (REGION, jwt({"other": "eu1"}), ()),
        "empty": (REGION, jwt({"region": ""}), ()),
        "null": (REGION, jwt({"region": None}), ()),
        "a truth value": (REGION, jwt({"region": True}), ()),
        "a number": (REGION, jwt({"region": 1}), ("1",)),
        "a fraction": (REGION, jwt({"region": 1.5}), ("1.5",)),
        "an object": (REGION, jwt({"region": {"region": "eu1"}}), ()),
        "a string on the way": (NESTED, jwt({"customer": "region"}), ()),
        "huge": (REGION, jwt('{"n": ' + "9" * 5000 + ', "region": "eu1"}'), ("eu1",)),
        "NaN": (REGION, jwt('{"n": NaN, "region": "eu1"}'), ()),
        "no object": (REGION, jwt('["region", "eu1"]'), ()),
        "only text": (REGION, jwt('"region"'), ()),
        "cut short": (REGION, jwt('{"region": "eu1"'), ()),
        "not UTF-8": (REGION, jwt(b'{"region": "\xff"}'), ()),
        "nested too deep": (REGION, jwt(b"[" * 30000), ()),
        "no payload": (REGION, jwt(""), ()),
        "two parts": (REGION, "a.b", ()),
        "five parts, encrypted": (REGION, jwt({"region": "eu1"}) + ".d.e", ()),
        "three empty parts": (REGION, "..", ()),
        "no whole byte": (REGION, "a.A.c", ()),
        "not ASCII": (REGION, "a.é.c", ()),
        "empty text": (REGION, "", ()),
        "padded, unsigned": (REGION, f".{base64url(b'{"region": "eu1"} ')}==.", ("eu1",)),
        "standard alphabet": (REGION, ".eyJyZWdpb24iOiJldTE/In0.", ("eu1?",)),
    },
)
def test_jwt(reader: Jwt, credential: str, names: tuple[str, ...]) -> None:
    assert reader.names(credential) == names


@cases(
    ("pattern", "credential", "names"),
    {
        "user and password": ("^([a-z0-9]+):", base64url(b"eu1:secret"), ("eu1",)),
        "padded": ("^([a-z0-9]+):", "ZXUxOnNlY3JldA==", ("eu1",)),
        "url alphabet": ("^\xfb\xff([a-z0-9]+)", "-_9ldTE", ("eu1",)),
        "standard alphabet": ("^\xfb\xff([a-z0-9]+)", "+/9ldTE", ("eu1",)),
        "the pattern does not match": ("^([a-z0-9]+):", base64url(b"eu1"), ()),
        "not base64": ("^([a-z0-9]+):", "eu1:secret", ()),
        "a newline inside": ("^([a-z0-9]+):", "ZXUx\nOnNlY3JldA", ("eu1",)),
        "no whole byte": ("^([a-z0-9]+):", "ZXUxO", ()),
        "empty": ("(.)", "", ()),
        "not ASCII": ("(.)", "é", ()),
    },
)
def test_base64(pattern: str, credential: str, names: tuple[str, ...]) -> None:
    assert Base64(re.compile(pattern)).names(credential) == names


@cases(
    ("credential", "names"),
    {
        "a part": (f"key-{base64url(b'eu1:x')}.01", ("eu1",)),
        "a part that names none": (f"key-{base64url(b'eu2')}.01", ()),
        "no such part": (base64url(b"eu1:x"), ()),
        "a part that is no base64": ("key-A.01", ()),
        "an empty part": ("key-.01", ()),
    },
)
def test_base64_of_a_part(credential: str, names: tuple[str, ...]) -> None:
    reader = Base64(re.compile("^([a-z]{2}[0-9]):"), re.compile(r"^key-([^.]*)\.01$"))

    assert reader.names(credential) == names
    assert reader.recognises(credential) is bool(names)


@cases(
    ("credential", "ids"),
    {
        "a number": (access_token("eu1"), ("62515",)),
        "fixed width": (base64url(varint_field(1, 1) + b"\x1d\x07\0\0\0"), ("7",)),
        "two": (
            base64url(varint_field(1, 1) + varint_field(3, 7) + varint_field(3, 8)),
            ("7", "8"),
        ),
        "no number": (base64url(varint_field(1, 1) + bytes_field(3, b"7")), ()),
        "no such field": (base64url(varint_field(1, 1)), ()),
        "no field 1": (base64url(varint_field(3, 7)), ()),
        "no message": ("demo", ()),
    },
)
def test_protobuf_ids(credential: str, ids: tuple[str, ...]) -> None:
    assert Protobuf(3).ids(credential) == ids


@cases(
    ("reader", "credential", "known"),
    {
        "regex": (PAT, private_app_token("eu1"), True),
        "regex of another kind": (PAT, access_token(None), False),
        "protobuf": (Protobuf(9), access_token("eu1"), True),
        "protobuf that names none": (Protobuf(9), access_token(None), True),
        "no protobuf": (Protobuf(9), private_app_token("eu1"), False),
        "protobuf by accident": (Protobuf(9), "demo", False),
        "jwt that names none": (Jwt("region"), jwt({"a": 1}), True),
        "no jwt": (Jwt("region"), "a.b.c", False),
        "a part of a jwt": (Jwt("region"), "eyJhbGciOiJub25lIn0", False),
        "base64": (Base64(re.compile("^(eu1):")), base64url(b"eu1:x"), True),
        "other base64": (Base64(re.compile("^(eu1):")), base64url(b"x"), False),
    },
)
def test_a_reader_recognises_its_kind(reader: Reader, credential: str, known: bool) -> None:
    assert reader.recognises(credential) is known


READERS: list[Reader] = [
    PAT,
    Regex(re.compile("(.)?")),
    Protobuf(9),
    Protobuf(1),
    REGION,
    Jwt("a.b"),
    Base64(re.compile("(.+)")),
]


@given(text=st.text() | st.text("ABCDab01-_=.+/", max_size=64))
def test_no_text_makes_a_reader_raise(text: str) -> None:
    names = [name for reader in READERS for name in reader.names(text)]

    assert all(isinstance(name, str) and name for name in names)


@given(data=st.binary())
def test_no_bytes_in_base64_make_a_reader_raise(data: bytes) -> None:
    texts = (base64url(data), f"a.{base64url(data)}.c")
    names = [name for reader in READERS for text in texts for name in reader.names(text)]

    assert all(isinstance(name, str) and name for name in names)


@given(
    hublet=st.from_regex(r"[a-z]{2}[0-9]{1,3}", fullmatch=True),
    scopes=st.binary(max_size=200),
    signature=st.binary(max_size=25),
)
def test_every_access_token_names_its_hublet(hublet: str, scopes: bytes, signature: bytes) -> None:
    token = access_token(hublet, scopes=scopes, signature=signature)

    assert Protobuf(9).names(token) == (hublet,)
    assert Protobuf(9).names(access_token(None, scopes=scopes, signature=signature)) == ()


SEEN: dict[str, tuple[Reader, str]] = {
    "regex": (PAT, private_app_token("eu1")),
    "protobuf": (Protobuf(9), access_token("eu1")),
    "jwt": (Jwt("region"), jwt({"region": "eu1"})),
    "base64": (Base64(re.compile("^([a-z0-9]+):")), base64url(b"eu1:xy")),
    "base64 of a part": (
        Base64(re.compile("^([a-z0-9]+):"), re.compile("^key-(.+)$")),
        f"key-{base64url(b'eu1:xy')}",
    ),
}


@cases(("reader", "text"), SEEN)
def test_a_name_is_seen_in_a_text_or_in_what_is_decoded_of_it(reader: Reader, text: str) -> None:
    coded = [(it, decode_leniently(it.encode())) for it in (text, "a.b.c", "nothing")]
    assert [*reader.sightings([it for it, _ in coded], coded)] == [(text, "eu1")]


@pytest.mark.parametrize(
    "token",
    [
        jwt({"region": "eu1"}).rpartition(".")[0],
        *(jwt('{"region": "eu1"}'.encode(it)) for it in ("utf-16", "utf-16-be", "utf-32")),
        jwt(b"\xfe\xff" + '{"region": "eu1"}'.encode("utf-16-be")),
        jwt('\ufeff{"region": "eu1"}x'),
        jwt("{region:eu1}"),
    ],
    ids=[
        "no signature",
        "UTF-16",
        "UTF-16BE",
        "UTF-32",
        "UTF-16BE with a mark",
        "junk",
        "no quotes",
    ],
)
def test_a_token_is_seen_as_lenient_servers_read_it(token: str) -> None:
    assert (token, "eu1") in REGION.sightings([token], [])


@pytest.mark.parametrize("prefix", ["", "bearer.", "a.b.c.", "eyJ.", "a.eyJ.eyJhbGciOiJIUzI1NiJ9."])
@pytest.mark.parametrize("suffix", ["", ".signature", ".a.b"])
def test_a_token_is_seen_with_a_prefix(prefix: str, suffix: str) -> None:
    text = f"{prefix}{jwt({'region': 'eu1'})}{suffix}"
    assert (text, "eu1") in Jwt("region").sightings([text], ())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"x.eyJ.{base64url(b'{"a":"b"}')}.", ["b"]),  # the shortest payload there is
        (f"x.eyJ.{base64url(b'{"a":1}')}.", []),
        (f".{base64url(b'{"a":1}')}.", ["1"]),
        (f"x.y.{base64url(b'{"a":"b"}')}.", []),  # behind no head
        (f"x.eyJ.{base64url(b'{"a":"b"}')}", []),
    ],
)
def test_what_stands_behind_the_head_of_a_token_is_its_payload(text: str, names: list[str]) -> None:
    seen = [name for _, name in Jwt("a").sightings([text], ())]
    assert [name for name in seen if name.isalnum()] == names


def test_an_account_is_any_text_and_names_no_hublet() -> None:
    reader = Account()
    assert (reader.names("7"), reader.ids("7"), reader.recognises("7")) == ((), ("7",), True)
    assert [*reader.sightings(["7"], [("7", b"7")])] == []
