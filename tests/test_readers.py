import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublet_router.core.formats import (
    LEN,
    VARINT,
    _nesting,
    decode_leniently,
    json_strings,
    protobuf_fields,
)
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
    varint,
    varint_field,
)

PAT = Regex(re.compile("^pat-([a-z]{2}[0-9]{1,3})-"))
KEY = Regex(re.compile("^([a-z]{2}[0-9]{1,3})-"))
F1 = varint_field(1, 7)
EU1 = bytes_field(9, b"eu1")


@pytest.mark.parametrize(
    ("reader", "credential", "names"),
    [
        pytest.param(PAT, private_app_token("eu1"), ("eu1",), id="private app token"),
        pytest.param(PAT, "pat-na1-xxxxxxxx-xxxx", ("na1",), id="official placeholder, not hex"),
        pytest.param(PAT, "PAT-EU1-x", (), id="upper case is another text"),
        pytest.param(PAT, " pat-eu1-x", (), id="anchored"),
        pytest.param(PAT, "pat-eu1", (), id="cut short"),
        pytest.param(PAT, "pat-eu1234-x", (), id="too long for a Hublet"),
        pytest.param(PAT, "", (), id="empty"),
        pytest.param(KEY, api_key("ap1"), ("ap1",), id="api key"),
        pytest.param(KEY, UUID, (), id="plain uuid"),
        pytest.param(KEY, "demo", (), id="demo"),
        pytest.param(Regex(re.compile("^x(.*)")), "x", (), id="an empty group names none"),
        pytest.param(Regex(re.compile("^x(y)?")), "x", (), id="a group that took no part"),
        pytest.param(Regex(re.compile("([a-z]+)")), "one two", ("one",), id="first match only"),
        pytest.param(
            Regex(re.compile("^sk_([a-z0-9]+)_")), "sk_eu1_x", ("eu1",), id="Stripe-like key"
        ),
    ],
)
def test_regex(reader: Regex, credential: str, names: tuple[str, ...]) -> None:
    assert reader.names(credential) == names


@pytest.mark.parametrize(
    ("credential", "names"),
    [
        pytest.param(access_token("eu1"), ("eu1",), id="field 9 in the middle"),
        pytest.param(access_token("eu1", scopes=bytes(5)), ("eu1",), id="alignment 1"),
        pytest.param(access_token("eu1", scopes=bytes(6)), ("eu1",), id="alignment 2"),
        pytest.param(access_token("eu1", signature=bytes(25)), ("eu1",), id="signature of 25"),
        pytest.param(access_token(None), (), id="before 2021"),
        pytest.param(access_token(None, signature=b"sig" + EU1 + b"n"), (), id="in a signature"),
        pytest.param(
            access_token("na1", signature=b"s" + EU1), ("na1",), id="in a signature, and a real one"
        ),
        pytest.param(personal_access_key("eu1"), ("eu1",), id="personal access key"),
        pytest.param(base64url(F1 + EU1), ("eu1",), id="field 9 last"),
        pytest.param(base64url(EU1 + F1), ("eu1",), id="field 9 before field 1"),
        pytest.param(base64url(F1 + EU1) + "=", ("eu1",), id="padded"),
        pytest.param(base64url(F1 + EU1) + "=====", ("eu1",), id="padded too much"),
        pytest.param(access_token("eu1") + "\n", ("eu1",), id="a newline"),
        pytest.param(access_token("eu1") + ".", (), id="junk behind it is not dropped"),
        pytest.param("=" + access_token("eu1"), (), id="padding in front"),
        pytest.param(base64url(F1) + "==" + base64url(EU1), (), id="padding inside"),
        pytest.param(base64url(F1 + EU1 + EU1), ("eu1", "eu1"), id="twice the same"),
        pytest.param(
            base64url(F1 + EU1 + bytes_field(9, b"na1")), ("eu1", "na1"), id="contradicts itself"
        ),
        pytest.param(base64url(EU1), (), id="no field 1"),
        pytest.param(base64url(F1), (), id="no field 9"),
        pytest.param(base64url(F1 + bytes_field(9, b"")), (), id="field 9 is empty"),
        pytest.param(base64url(F1 + varint_field(9, 1)), (), id="field 9 is a varint"),
        pytest.param(base64url(F1 + b"\x4d" + b"eu12"), (), id="field 9 is a fixed32"),
        pytest.param(base64url(F1 + b"\x49" + b"eu123456"), (), id="field 9 is a fixed64"),
        pytest.param(base64url(F1 + bytes_field(9, b"\xff\xfe")), (), id="not UTF-8"),
        pytest.param(base64url(F1 + bytes_field(9, "éu1".encode())), ("éu1",), id="UTF-8"),
        pytest.param(base64url(F1 + b"\xca\x00\x03eu1"), ("eu1",), id="overlong tag"),
        pytest.param(base64url(F1 + b"\x4a\x83\x80\x00eu1"), ("eu1",), id="overlong length"),
        pytest.param(base64url(b"\x08" + b"\x80" * 9 + b"\x01" + EU1), ("eu1",), id="ten bytes"),
        pytest.param(base64url(b"\x08" + b"\x80" * 10 + b"\x01" + EU1), (), id="eleven bytes"),
        pytest.param(base64url(F1 + b"\x15abcd" + EU1), ("eu1",), id="a fixed32 is skipped"),
        pytest.param(base64url(F1 + b"\x11abcdefgh" + EU1), ("eu1",), id="a fixed64 is skipped"),
        pytest.param(base64url(F1 + EU1 + b"\x15abc"), (), id="a fixed32 cut short"),
        pytest.param(base64url(F1 + EU1 + b"\x11abcdefg"), (), id="a fixed64 cut short"),
        pytest.param(base64url(F1 + EU1 + b"\x13\x14"), ("eu1",), id="a group is skipped"),
        pytest.param(base64url(F1 + b"\x4b" + EU1 + b"\x4c"), (), id="in a group"),
        pytest.param(base64url(F1 + EU1 + b"\x13\x1b\x14\x1c"), (), id="groups that cross"),
        pytest.param(base64url(F1 + EU1 + b"\x14"), (), id="an end of no group"),
        pytest.param(base64url(F1 + EU1 + b"\x13"), (), id="a group without end"),
        pytest.param(base64url(F1 + bytes_field(9, b"") + EU1), ("eu1",), id="an empty one first"),
        pytest.param(base64url(F1 + EU1 + bytes_field(9, b"")), (), id="an empty one last"),
        pytest.param(base64url(F1 + EU1 + b"\x16"), (), id="wire type 6"),
        pytest.param(base64url(F1 + EU1 + b"\x17"), (), id="wire type 7"),
        pytest.param(base64url(F1 + EU1 + b"\x02\x00"), (), id="field number 0"),
        pytest.param(
            base64url(F1 + EU1 + varint_field((1 << 29) - 1, 0)), ("eu1",), id="highest number"
        ),
        pytest.param(base64url(F1 + EU1 + varint_field(1 << 29, 0)), (), id="number too high"),
        pytest.param(base64url(F1 + b"\x4a\xff\xff\xff\xff\xff\xff\x7feu1"), (), id="huge length"),
        pytest.param(base64url(F1 + b"\x4a\x04eu1"), (), id="length one too many"),
        pytest.param(base64url(F1 + EU1 + b"\x80"), (), id="ends inside a tag"),
        pytest.param("demo", (), id="demo"),
        pytest.param(UUID, (), id="uuid"),
        pytest.param(private_app_token("eu1"), (), id="private app token"),
        pytest.param("", (), id="empty"),
        pytest.param("A", (), id="no whole byte"),
        pytest.param("é" + access_token("eu1"), (), id="not ASCII"),
    ],
)
def test_protobuf(credential: str, names: tuple[str, ...]) -> None:
    assert Protobuf(9).names(credential) == names
    lenient = Protobuf(9, lenient=True)
    plain = decode_leniently(credential.encode("latin-1", "replace"))
    assert {*lenient.names(credential)} <= {
        name for _, name in lenient.sightings((), [("", plain)])
    }


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


def test_protobuf_fields_keep_order_and_value() -> None:
    message = varint_field(1, 300) + bytes_field(2, b"ab") + varint_field(1, 0)

    assert protobuf_fields(message) == [
        (1, VARINT, varint(300)),
        (2, LEN, b"ab"),
        (1, VARINT, b"\0"),
    ]


REGION = Jwt("region")
NESTED = Jwt("customer.region")
LINK = Jwt("https://example.com/region")


@pytest.mark.parametrize(
    ("reader", "credential", "names"),
    [
        pytest.param(REGION, jwt({"region": "eu1"}), ("eu1",), id="a claim"),
        pytest.param(NESTED, jwt({"customer": {"region": "eu1"}}), ("eu1",), id="dotted"),
        pytest.param(NESTED, jwt({"customer.region": "eu1"}), ("eu1",), id="a key with a dot"),
        pytest.param(
            NESTED,
            jwt('{"customer.region": "eu1", "customer": {"region": "na1"}}'),
            ("eu1", "na1"),
            id="both spellings are read",
        ),
        pytest.param(LINK, jwt({"https://example.com/region": "eu1"}), ("eu1",), id="a URL"),
        pytest.param(
            Jwt("app.https://example.com/region"),
            jwt({"app": {"https://example.com/region": "eu1"}}),
            ("eu1",),
            id="a URL below a key",
        ),
        pytest.param(REGION, jwt({"region": ["eu1", "na1"]}), ("eu1", "na1"), id="a list"),
        pytest.param(
            NESTED,
            jwt({"customer": [{"region": "eu1"}, {"x": 1}, {"region": "na1"}]}),
            ("eu1", "na1"),
            id="a list on the way",
        ),
        pytest.param(
            REGION, jwt('{"region": "eu1", "region": "na1"}'), ("eu1", "na1"), id="duplicate"
        ),
        pytest.param(
            NESTED,
            jwt('{"customer": {"region": "eu1"}, "customer": {"region": "na1"}}'),
            ("eu1", "na1"),
            id="duplicate on the way",
        ),
        pytest.param(REGION, jwt({"other": "eu1"}), (), id="absent"),
        pytest.param(REGION, jwt({"region": ""}), (), id="empty"),
        pytest.param(REGION, jwt({"region": None}), (), id="null"),
        pytest.param(REGION, jwt({"region": True}), (), id="a truth value"),
        pytest.param(REGION, jwt({"region": 1}), ("1",), id="a number"),
        pytest.param(REGION, jwt({"region": 1.5}), ("1.5",), id="a fraction"),
        pytest.param(REGION, jwt({"region": {"region": "eu1"}}), (), id="an object"),
        pytest.param(NESTED, jwt({"customer": "region"}), (), id="a string on the way"),
        pytest.param(
            REGION, jwt('{"n": ' + "9" * 5000 + ', "region": "eu1"}'), ("eu1",), id="huge"
        ),
        pytest.param(REGION, jwt('{"n": NaN, "region": "eu1"}'), (), id="NaN"),
        pytest.param(REGION, jwt('["region", "eu1"]'), (), id="no object"),
        pytest.param(REGION, jwt('"region"'), (), id="only text"),
        pytest.param(REGION, jwt('{"region": "eu1"'), (), id="cut short"),
        pytest.param(REGION, jwt(b'{"region": "\xff"}'), (), id="not UTF-8"),
        pytest.param(REGION, jwt(b"[" * 30000), (), id="nested too deep"),
        pytest.param(REGION, jwt(""), (), id="no payload"),
        pytest.param(REGION, "a.b", (), id="two parts"),
        pytest.param(REGION, jwt({"region": "eu1"}) + ".d.e", (), id="five parts, encrypted"),
        pytest.param(REGION, "..", (), id="three empty parts"),
        pytest.param(REGION, "a.A.c", (), id="no whole byte"),
        pytest.param(REGION, "a.é.c", (), id="not ASCII"),
        pytest.param(REGION, "", (), id="empty text"),
        pytest.param(
            REGION, f".{base64url(b'{"region": "eu1"} ')}==.", ("eu1",), id="padded, unsigned"
        ),
        pytest.param(REGION, ".eyJyZWdpb24iOiJldTE/In0.", ("eu1?",), id="standard alphabet"),
    ],
)
def test_jwt(reader: Jwt, credential: str, names: tuple[str, ...]) -> None:
    assert reader.names(credential) == names


@pytest.mark.parametrize(
    ("pattern", "credential", "names"),
    [
        pytest.param("^([a-z0-9]+):", base64url(b"eu1:secret"), ("eu1",), id="user and password"),
        pytest.param("^([a-z0-9]+):", "ZXUxOnNlY3JldA==", ("eu1",), id="padded"),
        pytest.param("^\xfb\xff([a-z0-9]+)", "-_9ldTE", ("eu1",), id="url alphabet"),
        pytest.param("^\xfb\xff([a-z0-9]+)", "+/9ldTE", ("eu1",), id="standard alphabet"),
        pytest.param("^([a-z0-9]+):", base64url(b"eu1"), (), id="the pattern does not match"),
        pytest.param("^([a-z0-9]+):", "eu1:secret", (), id="not base64"),
        pytest.param("^([a-z0-9]+):", "ZXUx\nOnNlY3JldA", ("eu1",), id="a newline inside"),
        pytest.param("^([a-z0-9]+):", "ZXUxO", (), id="no whole byte"),
        pytest.param("(.)", "", (), id="empty"),
        pytest.param("(.)", "é", (), id="not ASCII"),
    ],
)
def test_base64(pattern: str, credential: str, names: tuple[str, ...]) -> None:
    assert Base64(re.compile(pattern)).names(credential) == names


@pytest.mark.parametrize(
    ("credential", "names"),
    [
        pytest.param(f"key-{base64url(b'eu1:x')}.01", ("eu1",), id="a part"),
        pytest.param(f"key-{base64url(b'eu2')}.01", (), id="a part that names none"),
        pytest.param(base64url(b"eu1:x"), (), id="no such part"),
        pytest.param("key-A.01", (), id="a part that is no base64"),
        pytest.param("key-.01", (), id="an empty part"),
    ],
)
def test_base64_of_a_part(credential: str, names: tuple[str, ...]) -> None:
    reader = Base64(re.compile("^([a-z]{2}[0-9]):"), re.compile(r"^key-([^.]*)\.01$"))

    assert reader.names(credential) == names
    assert reader.recognises(credential) is bool(names)


@pytest.mark.parametrize(
    ("credential", "ids"),
    [
        pytest.param(access_token("eu1"), ("62515",), id="a number"),
        pytest.param(base64url(varint_field(1, 1) + b"\x1d\x07\0\0\0"), ("7",), id="fixed width"),
        pytest.param(
            base64url(varint_field(1, 1) + varint_field(3, 7) + varint_field(3, 8)),
            ("7", "8"),
            id="two",
        ),
        pytest.param(base64url(varint_field(1, 1) + bytes_field(3, b"7")), (), id="no number"),
        pytest.param(base64url(varint_field(1, 1)), (), id="no such field"),
        pytest.param(base64url(varint_field(3, 7)), (), id="no field 1"),
        pytest.param("demo", (), id="no message"),
    ],
)
def test_protobuf_ids(credential: str, ids: tuple[str, ...]) -> None:
    assert Protobuf(3).ids(credential) == ids


@pytest.mark.parametrize(
    ("document", "path", "found"),
    [
        pytest.param(b'{"a": "x"}', "a", ["x"], id="a key"),
        pytest.param(b'{"a": {"b": {"c": "x"}}}', "a.b.c", ["x"], id="three keys"),
        pytest.param(b'{"a": {"b.c": "x"}}', "a.b.c", ["x"], id="the rest is one key"),
        pytest.param(b'{"a.b": {"c": "x"}}', "a.b.c", [], id="only the whole rest is one key"),
        pytest.param(b'[{"a": "x"}, [{"a": "y"}]]', "a", ["x", "y"], id="lists"),
        pytest.param(b'{"a": ["x", ["y"], {"a": "z"}]}', "a", ["x", "y"], id="a list at the end"),
        pytest.param(b'{"": "x"}', "", ["x"], id="an empty key"),
        pytest.param(b'{"a": "x"} y', "a", [], id="something behind it"),
        pytest.param(b"", "a", [], id="empty"),
        pytest.param('{"a": "é"}'.encode("utf-16"), "a", [], id="UTF-16, as RFC 4627 had it"),
        pytest.param(b'\xef\xbb\xbf{"a": "x"}', "a", ["x"], id="a byte order mark"),
    ],
)
def test_json_strings(document: bytes, path: str, found: list[str]) -> None:
    assert list(json_strings(document, path)) == found


def call_deep[T](frames: int, call: Callable[[], T]) -> T:
    """Call below that many frames of Python, as an engine with many layers does."""
    return call() if frames == 0 else call_deep(frames - 1, call)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        pytest.param(b"[" * 1001 + b'{"a": "eu1"}' + b"]" * 1001, [], id="too deep"),
        pytest.param(
            b'{"b": [' + b"{}, " * 1500 + b'{}], "a": "eu1"}', ["eu1"], id="long, not deep"
        ),
        pytest.param(b'{"b": "' + b"[" * 1500 + b'\\"[", "a": "eu1"}', ["eu1"], id="in a string"),
    ],
)
def test_json_is_read_to_a_depth_that_no_real_document_has(
    document: bytes, found: list[str]
) -> None:
    assert list(json_strings(document, "a")) == found


@pytest.mark.parametrize(
    ("reader", "credential", "known"),
    [
        pytest.param(PAT, private_app_token("eu1"), True, id="regex"),
        pytest.param(PAT, access_token(None), False, id="regex of another kind"),
        pytest.param(Protobuf(9), access_token("eu1"), True, id="protobuf"),
        pytest.param(Protobuf(9), access_token(None), True, id="protobuf that names none"),
        pytest.param(Protobuf(9), private_app_token("eu1"), False, id="no protobuf"),
        pytest.param(Protobuf(9), "demo", False, id="protobuf by accident"),
        pytest.param(Jwt("region"), jwt({"a": 1}), True, id="jwt that names none"),
        pytest.param(Jwt("region"), "a.b.c", False, id="no jwt"),
        pytest.param(Jwt("region"), "eyJhbGciOiJub25lIn0", False, id="a part of a jwt"),
        pytest.param(Base64(re.compile("^(eu1):")), base64url(b"eu1:x"), True, id="base64"),
        pytest.param(Base64(re.compile("^(eu1):")), base64url(b"x"), False, id="other base64"),
    ],
)
def test_a_reader_recognises_its_kind(reader: Reader, credential: str, known: bool) -> None:
    assert reader.recognises(credential) is known


def test_json_strings_do_not_depend_on_how_deep_the_caller_stands() -> None:
    document = b'{"a": ' + b"[" * 500 + b'"x"' + b"]" * 500 + b"}"

    assert call_deep(600, lambda: list(json_strings(document, "a"))) == list(
        json_strings(document, "a")
    )


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
    document=st.binary() | st.text().map(str.encode),
    path=st.sampled_from(["", "a", "a.b", "."]),
)
def test_no_bytes_make_json_strings_raise(document: bytes, path: str) -> None:
    assert list(json_strings(document, path)) == list(json_strings(document, path))


@given(
    hublet=st.from_regex(r"[a-z]{2}[0-9]{1,3}", fullmatch=True),
    scopes=st.binary(max_size=200),
    signature=st.binary(max_size=25),
)
def test_every_access_token_names_its_hublet(hublet: str, scopes: bytes, signature: bytes) -> None:
    token = access_token(hublet, scopes=scopes, signature=signature)

    assert Protobuf(9).names(token) == (hublet,)
    assert Protobuf(9).names(access_token(None, scopes=scopes, signature=signature)) == ()


# A string that does not end, and more brackets than may be nested: each `"` once was searched to
# the end of the text.
HOSTILE = b'"a\\' * 21000 + b"[" * 1001


@pytest.mark.parametrize(
    ("document", "depth"),
    [
        (HOSTILE, 0),
        (b"[" * 1200 + HOSTILE, 1200),
        (b'["\\\\",' * 1100, 1100),
        (b'["\\"[[[",' * 1100, 1100),
        (b"[]" * 1100, 1),
    ],
    ids=["open string", "brackets first", "escaped backslash", "escaped quote", "side by side"],
)
def test_brackets_in_strings_do_not_nest(document: bytes, depth: int) -> None:
    assert _nesting(document) == depth


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


@pytest.mark.parametrize(("reader", "text"), SEEN.values(), ids=SEEN)
def test_a_name_is_seen_in_a_text_or_in_what_is_decoded_of_it(reader: Reader, text: str) -> None:
    coded = [(it, decode_leniently(it.encode())) for it in (text, "a.b.c", "nothing")]
    assert [*reader.sightings([it for it, _ in coded], coded)] == [(text, "eu1")]


def test_an_account_is_any_text_and_names_no_hublet() -> None:
    reader = Account()
    assert (reader.names("7"), reader.ids("7"), reader.recognises("7")) == ((), ("7",), True)
    assert [*reader.sightings(["7"], [("7", b"7")])] == []
