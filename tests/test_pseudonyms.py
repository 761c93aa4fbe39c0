"""Synthetic credentials in place of real ones."""

import base64
import json
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from hublet_router.core.formats import LEN, decode_base64, protobuf_fields
from hublet_router.core.readers import Jwt, Protobuf
from hublet_router.redaction.pseudonyms import Pseudonymizer
from hublet_router.tablefile import loads
from synthetic import (
    access_token,
    api_key,
    base64url,
    bytes_field,
    jwt,
    personal_access_key,
    varint_field,
)

TABLE = loads(
    b"""
domains: [api.example.com]
default: na1
hublets: {na1: {upstream: "https://127.0.0.1:1"}, eu1: {upstream: "https://127.0.0.1:2"}}
credentials:
  - {name: pat, in: {header: a}, hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-[0-9a-zA-Z-]+$"}}
  - {name: key, in: {header: a}, hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}}
  - {name: any, in: {header: e}, hublet: {regex: "^any:([a-z0-9]+):"}}
  - {name: uuid, in: {header: a}, hublet: {regex: "^[0-9a-f]{8}-4[0-9a-f]{3}-(na1|eu1)$"}}
  - {name: proto, in: {header: b}, hublet: {protobuf: 9}}
  - {name: jwt, in: {header: c}, hublet: {jwt: region}}
  - {name: line, in: {header: d}, hublet: {base64: "(?:^|\\n)c:([a-z0-9]+)(?:\\n|$)"}}
  - {name: only, in: {header: g}, hublet: {regex: "^only-(secretname|na1)-"}}
  - {name: part, in: {header: h}, hublet: {base64: "^<(...)>", of: "^v1[.]([^.]+)[.]"}}
  - {name: either, in: {header: i}, hublet: {regex: "^k[xy]_([a-z]{2}[1-9])_[0-9]{4}(?i:z)"}}
  - {name: some, in: {header: j}, hublet: {regex: "^s([a-z]{2}[0-9])-[1-5]$"}}
  - {name: whole, in: {header: f}, hublet: {regex: "^Bearer w([a-z]{2}[0-9])x"}}
accounts: {ids: [{protobuf: 3}, {query: id}], moved: {62515: eu1}}
"""
)
KINDS: dict[str, Callable[[str, str], str]] = {
    "regex": lambda hublet, secret: f"pat-{hublet}-{secret}",
    "a short prefix": lambda hublet, secret: f"{hublet}-{secret}",
    "a pattern of all": lambda hublet, secret: f"0123abcd-4abc-{hublet}",
    "protobuf": lambda hublet, secret: access_token(
        hublet, scopes=secret.encode(), signature=secret.encode()
    ),
    "protobuf without a Hublet": lambda _, secret: access_token(None, signature=secret.encode()),
    "a key of the command line": lambda hublet, _: personal_access_key(hublet),
    "jwt": lambda hublet, secret: jwt({"region": hublet, "sub": secret, "exp": 17}),
    "no jwt": lambda hublet, secret: f"eyJ{secret}.{secret}.{secret}",
    "base64": lambda hublet, secret: base64url(f"{secret}\nc:{hublet}\n{secret}".encode()),
    "base64 in the middle": lambda hublet, secret: (
        f"v1.{base64.b64encode(f'<{hublet}>~?{secret}'.encode()).decode()}.{secret}"
    ),
    "a pattern of alternatives": lambda hublet, secret: f"kx_{hublet}_1234Z{secret}",
    "opaque": lambda _, secret: secret,
    "underscores": lambda hublet, secret: f"sk_{hublet}_{secret}",
    "with padding": lambda hublet, _: access_token(hublet) + "==",
}
KEY = bytes(32)
PSEUDONYMS = Pseudonymizer(TABLE, KEY)

secrets = st.text(string.ascii_letters + string.digits, min_size=6, max_size=40)
each_kind = pytest.mark.parametrize("kind", KINDS)


def runs(text: str) -> set[str]:
    """Every six characters in a row that are letters and digits."""
    six = (text[at : at + 6] for at in range(len(text) - 5))
    return {run for run in six if run.isalnum()}


def inside(text: str) -> str:
    """A text with all that it says in base64."""
    said = [text]
    for part in text.split("."):
        try:
            said.append(decode_base64(part).decode("latin-1"))
        except ValueError:
            continue
    return " ".join(said)


def names(text: str) -> list[tuple[str, ...]]:
    return [rule.reader.names(text) for rule in TABLE.rules]


@each_kind
@settings(deadline=None, max_examples=40)
@given(hublet=st.sampled_from(["na1", "eu1", "zz9"]), secret=secrets, key=st.binary(max_size=32))
def test_every_rule_reads_the_same_and_the_secret_is_gone(
    kind: str, hublet: str, secret: str, key: bytes
) -> None:
    old = KINDS[kind](hublet, secret)
    pseudonyms = Pseudonymizer(TABLE, key)
    new = pseudonyms.secret(old)
    assert names(new) == names(old)
    assert [rule.reader.recognises(new) for rule in TABLE.rules] == [
        rule.reader.recognises(old) for rule in TABLE.rules
    ]
    assert kind == "jwt" or len(new) == len(old)
    assert new != old
    for run in runs(secret):
        assert run not in inside(new)
    assert Pseudonymizer(TABLE, key).secret(old) == new


def test_the_same_secret_is_replaced_by_the_same_and_another_by_another() -> None:
    olds = [f"pat-eu1-{n:012}" for n in range(50)]
    news = [PSEUDONYMS.secret(old) for old in olds]
    assert len(set(news)) == len(olds)
    assert news == [Pseudonymizer(TABLE, KEY).secret(old) for old in olds]


def test_a_kind_of_reader_that_is_new_gets_text_of_the_same_shape() -> None:
    class Ends:
        def names(self, credential: str) -> tuple[str, ...]:
            return ()

        def recognises(self, credential: str) -> bool:
            return credential.endswith("!")

        def sightings(self, *_: object) -> Iterator[tuple[str, str]]:
            return iter(())

    rule = replace(TABLE.rules[0], reader=Ends())
    pseudonyms = Pseudonymizer(replace(TABLE, rules=(rule,)), KEY)
    assert Ends().recognises(pseudonyms.secret("open!"))
    assert pseudonyms.secret("open!") != "open!"


def test_a_protobuf_message_with_fields_of_every_type() -> None:
    """An account as a fixed number, text that is no text, and numbers of many bytes."""
    fixed = (b"\x1d" + (54321).to_bytes(4, "little"), b"\x19" + (54321).to_bytes(8, "little"))
    for account in fixed:
        old = varint_field(1, 1 << 63) + bytes_field(9, b"\xff\xfe") + account + b"\x25abcd"
        new = decode_base64(PSEUDONYMS.secret(base64url(old)))
        assert len(new) == len(old)
        (one, text, id_, other) = protobuf_fields(new)
        assert one[2] != varint_field(1, 1 << 63)[1:]
        assert text == (9, LEN, b"\xff\xff")
        assert int.from_bytes(id_[2], "little") == int(PSEUDONYMS.account("54321"))
        assert other[2] != b"abcd"


def test_another_key_replaces_by_another() -> None:
    """A digit alone must not be found by trying all ten."""
    keys = [bytes([n]) for n in range(50)]
    assert {Pseudonymizer(TABLE, key).secret("7") for key in keys} == set("012345689")


def test_a_name_that_is_no_hublet_is_kept_when_it_is_short_and_else_replaced_by_one_name() -> None:
    (short,) = TABLE.rules[2].reader.names(PSEUDONYMS.secret("any:zz9:abcdef"))
    assert short == "zz9"
    for name, is_kept in (("ab123", True), ("ab1234", False)):
        (read,) = TABLE.rules[2].reader.names(PSEUDONYMS.secret(f"any:{name}:abcdef"))
        assert (read == name) is is_kept
    long = [PSEUDONYMS.secret(f"any:s3cretsecret:{more}") for more in ("abcdef", "uvwxyz")]
    first, second = (TABLE.rules[2].reader.names(text) for text in long)
    assert first == second
    assert first
    assert first != ("s3cretsecret",)


def test_a_name_that_cannot_be_replaced_takes_the_whole_secret_along() -> None:
    """Nothing of it stays; that the decision changes is reported elsewhere."""
    old = "only-secretname-abcdef"
    new = PSEUDONYMS.secret(old)
    assert len(new) == len(old)
    assert not runs(old) & runs(new)


def test_a_long_name_inside_base64_is_replaced_by_another_name() -> None:
    new = PSEUDONYMS.secret(base64url(b"c:s3cretsecret"))
    (name,) = TABLE.rules[6].reader.names(new)
    assert len(name) == len("s3cretsecret")
    assert name != "s3cretsecret"


def test_an_account_becomes_another_of_its_length_wherever_it_stands() -> None:
    alias = PSEUDONYMS.account("54321")
    assert alias != "54321"
    assert len(alias) == 5
    assert PSEUDONYMS.account("0054321") == f"00{alias}"
    assert PSEUDONYMS.secret("54321") == alias
    account = decode_base64(access_token("eu1")).replace(
        varint_field(3, 62515), varint_field(3, 54321)
    )
    new = PSEUDONYMS.secret(base64url(account))
    assert Protobuf(3).ids(new) == (alias,)
    assert Protobuf(9).names(new) == ("eu1",)


def test_an_account_that_has_moved_stays() -> None:
    assert with_moved(["acme"]).secret("acme") == "acme"
    assert PSEUDONYMS.account("062515") == PSEUDONYMS.secret("062515") == "062515"
    assert Protobuf(3).ids(PSEUDONYMS.secret(access_token("eu1"))) == ("62515",)


def with_moved(accounts: Iterable[object]) -> Pseudonymizer:
    moved = ", ".join(f"{n}: na1" for n in accounts)
    text = f"""
domains: [a]
default: na1
hublets: {{na1: {{upstream: "https://127.0.0.1:1"}}}}
credentials: [{{name: x, in: {{header: a}}, hublet: {{protobuf: 9}}}}]
accounts: {{ids: [{{query: id}}], moved: {{{moved}}}}}
"""
    return Pseudonymizer(loads(text.encode()), KEY)


def test_an_account_never_becomes_one_that_has_moved() -> None:
    pseudonyms = with_moved({*range(1, 10)} - {4})
    assert {pseudonyms.account(id_) for id_ in ("name", "10")} != {"name", "10"}
    assert pseudonyms.account("0") == "4"
    assert pseudonyms.account("4") == "0"


def test_an_account_stays_where_all_others_of_its_length_have_moved() -> None:
    assert with_moved({*range(10)} - {4}).account("4") == "4"


def test_a_protobuf_token_keeps_its_fields() -> None:
    old = access_token("eu1", signature=b"a-secret-signature..")
    new = PSEUDONYMS.secret(old)
    before, after = (protobuf_fields(decode_base64(token)) for token in (old, new))
    assert [number for number, *_ in after] == [number for number, *_ in before]
    assert (9, LEN, b"eu1") in after
    assert [value for number, _, value in before if number == 6] == [b"a-secret-signature.."]
    assert (6, LEN, b"a-secret-signature..") not in after


def test_a_json_web_token_keeps_its_keys_its_claim_and_its_algorithm() -> None:
    head = base64url(b'{"alg":"HS256","typ":"JWT","kid":"a-key-of-us","cty":"1234"}')
    payload = base64url(
        b'{"iss": "https://id.example", "region": "eu1", "n": [10, 1.5e3], "on": true}'
    )
    new = PSEUDONYMS.secret(f"{head}.{payload}.c2lnbmF0dXJl")
    one, two, signature = new.split(".")
    read = json.loads(decode_base64(one))
    assert (read["alg"], read["typ"]) == ("HS256", "JWT")
    assert read["kid"] != "a-key-of-us"
    assert read["cty"] != "1234"
    odd = PSEUDONYMS.secret(f"{base64url(b'{"alg":"NineChars","typ":"EightChr"}')}.{payload}.x")
    read = json.loads(decode_base64(odd.split(".")[0]))
    assert read["alg"] != "NineChars"
    assert read["typ"] == "EightChr"
    claims = json.loads(decode_base64(two))
    assert claims["region"] == "eu1"
    assert claims["on"] is True
    assert claims["iss"] != "https://id.example"
    assert claims["n"][0] >= 10
    assert len(claims) == 4
    assert not runs(signature) & runs("c2lnbmF0dXJl")


@pytest.mark.parametrize("old", [f"eyJ.{base64url(b'{')}.x", "eyJ\xe9.a.b", "eyJh.eyJh.x"])
def test_what_only_begins_like_a_json_web_token(old: str) -> None:
    new = PSEUDONYMS.secret(old)
    assert new != old
    assert len(new) == len(old)
    assert Jwt("").recognises(new)


@pytest.mark.parametrize(
    ("before", "after"), [("user=", ""), ("", "=user"), ("0123456789abcdef,", "")]
)
def test_a_stray_credential_in_other_text_stays_one(before: str, after: str) -> None:
    old = f"{before}pat-eu1-5ec2e75ec2e7{after}"
    new = PSEUDONYMS.secret(old)
    run = new[len(before) : len(new) - len(after)]

    assert TABLE.rules[0].reader.names(run) == ("eu1",)
    assert len(new) == len(old)
    assert not runs(old) & runs(new)


DECODING = Pseudonymizer(TABLE, KEY, decodes=True)


@cases(
    ("old", "names"),
    {
        "base64": (base64url(b"x:pat-eu1-5ec2e75ec2e7"), [("eu1",)]),
        "base64 of it": (base64url(base64url(b"x:pat-eu1-5ec2e75ec2e7").encode()), [("eu1",)]),
        "escapes": ("%22pat%2Deu1%2D5ec2e75ec2e7%22", [("eu1",)]),
        "two Hublets": (
            base64url(b"pat-eu1-5ec2e75ec2e7 pat-na1-5ec2e7c0ffee"),
            [("eu1",), ("na1",)],
        ),
        "twice": (base64url(b"pat-eu1-5ec2e75ec2e7 pat-eu1-5ec2e7c0ffee"), [("eu1",)]),
    },
)
def test_a_credential_in_a_coding_stands_decoded_behind_a_comma(
    old: str, names: list[tuple[str]]
) -> None:
    """A comma, so that a rule that read none there reads none afterwards."""
    new = DECODING.secret(old)
    empty, *decoded = new.split(",")
    assert empty == ""
    assert sorted(TABLE.rules[0].reader.names(it) for it in decoded) == names
    assert not runs("pat-eu1-5ec2e75ec2e7 pat-na1-5ec2e7c0ffee" + old) & runs(new)
    assert "," not in PSEUDONYMS.secret(old)


@pytest.mark.parametrize(
    "old", [base64url(b"x:pat-zz9-5ec2e75ec2e7"), "bearer." + jwt({"region": "eu1"})]
)
def test_what_names_no_hublet_or_is_in_no_coding_gets_another_draft(old: str) -> None:
    assert DECODING.secret(old) == PSEUDONYMS.secret(old) != old


def test_another_draft_is_taken_where_the_first_one_is_read_differently() -> None:
    for digit in "12345":
        new = PSEUDONYMS.secret(f"seu1-{digit}")
        assert TABLE.rules[-2].reader.names(new) == ("eu1",)
        assert new[-1] != digit


def test_a_reader_may_see_what_stands_before() -> None:
    alone, with_it = PSEUDONYMS.secret("weu1xabcdef"), PSEUDONYMS.secret("weu1xabcdef", "Bearer ")
    assert TABLE.rules[-1].reader.names(f"Bearer {with_it}") == ("eu1",)
    assert TABLE.rules[-1].reader.names(f"Bearer {alone}") == ()


@pytest.mark.parametrize(
    ("old", "kept"),
    [
        ("", ""),
        ("***", "***"),
        ("x" * 20_000, ""),
        ("Grüße, Jürgen", ", "),
        ("\ud800 lone", " "),
        ("eu1", "eu1"),
        ("in eu1.", " eu1."),
    ],
)
def test_any_text(old: str, kept: str) -> None:
    new = PSEUDONYMS.secret(old)
    assert len(new) == len(old)
    assert kept in new
    assert (new == old) == (old == kept)


def test_a_number_gets_no_leading_zero_and_hex_stays_hex() -> None:
    for n in range(50):
        pseudonyms = Pseudonymizer(TABLE, bytes([n]))
        assert json.loads(pseudonyms.secret("10")) >= 10
        assert int(pseudonyms.secret("deadbeef00"), 16)
        assert int(pseudonyms.secret("DEADBEEF00"), 16)


def test_a_plain_key_in_basic_credentials_is_gone_when_decoded() -> None:
    old = base64.b64encode(b"user:an-old-password").decode()
    said = base64.b64decode(PSEUDONYMS.secret(old))
    assert b"passwo" not in said
    assert api_key("eu1") != PSEUDONYMS.secret(api_key("eu1"))


OTHER = loads(
    b"""
domains: [api.example.com]
default: na1
hublets:
  na1: {upstream: "https://127.0.0.1:1"}
  eu1: {upstream: "https://127.0.0.1:2", aliases: [europe, eu-central-1]}
credentials:
  - {name: host, in: {host: "^(.+)$"}, hublet: {regex: "^(.+)$"}}
  - {name: key, in: {header: a}, hublet: {regex: "^k_([a-z0-9]+)_"}}
  - {name: jwt, in: {header: c}, hublet: {jwt: region}}
accounts:
  ids: [{jwt: account.id}, {regex: "^k_[a-z0-9]+_([0-9]+)_"}, {header: x-account}]
  moved: {62515: eu1}
"""
)


@pytest.mark.parametrize("account", ["62515", "72626"])
@pytest.mark.parametrize("hublet", ["na1", "europe"])
def test_accounts_in_tokens_and_keys_stay_if_they_have_moved(account: str, hublet: str) -> None:
    pseudonyms = Pseudonymizer(OTHER, b"key")
    assert OTHER.accounts
    in_token, in_key = OTHER.accounts.inside
    token = jwt({"region": hublet, "account": {"id": int(account)}, "sub": "5ec2e7"})
    key = f"k_{hublet}_{account}_5ec2e7c0ffee"
    for text, reader, rule in ((token, in_token, OTHER.rules[2]), (key, in_key, OTHER.rules[1])):
        new = pseudonyms.secret(text)
        (id_,) = reader.ids(new)
        assert new != text
        assert (id_ == account) is (account == "62515")
        assert id_.isdecimal()
        assert rule.reader.names(new) == (hublet,)
        assert "5ec2e7" not in new


def test_a_long_name_of_a_hublet_stays() -> None:
    token = Pseudonymizer(OTHER, b"key").secret(jwt({"region": "eu-central-1"}))
    assert OTHER.rules[2].reader.names(token) == ("eu-central-1",)


def test_what_reads_hosts_reads_no_other_text() -> None:
    """Else each text would name itself, and none could be replaced."""
    key = "k_na1_72626_5ec2e7c0ffee"
    new = Pseudonymizer(OTHER, b"key").secret(key)

    assert new.startswith("k_na1_")
    assert new != key
