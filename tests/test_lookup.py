import re
from collections.abc import Iterable, Iterator
from dataclasses import FrozenInstanceError, replace

import pytest

from cases import cases
from hublet_router.core import lookup
from hublet_router.core.lookup import (
    MAX_INDEXED,
    MAX_NAMES,
    Lookup,
    Rule,
    RuleIndex,
)
from hublet_router.core.memory import MAX_REMEMBERED
from hublet_router.core.places import Form, Header, Path, Place, Query
from hublet_router.core.readers import Account, Base64, Coded, Jwt, Protobuf, Reader, Regex
from hublet_router.core.request import Request
from synthetic import access_token, base64url, jwt, varint_field

BEARER = Header("authorization", "bearer")
PREFIX = Regex(re.compile("^([a-z0-9]+)-"))
PAT = Rule("pat", (BEARER,), PREFIX)
OAUTH = Rule("oauth", (BEARER,), Protobuf(9))
KEY = Rule("key", (Query("key"),), PREFIX)
BASIC = Rule("basic", (Header("authorization", "basic"),), Base64(re.compile("^([a-z0-9]+):")))
ACCOUNT = Protobuf(3)


def rule(name: str, *places: Place, paths: str, prefix: str = "") -> Rule:
    return Rule(name, places, PREFIX, re.compile(paths), prefix)


@cases(
    ("paths", "path", "applies"),
    {
        "no paths": (None, "/anything", True),
        "a path that matches": ("^/oauth/", "/oauth/v1/token", True),
        "a path that does not": ("^/oauth/", "/crm/oauth/", False),
        "a pattern is searched": ("/token$", "/oauth/v1/token", True),
    },
)
def test_rule_applies_to(paths: str | None, path: str, applies: bool) -> None:
    limited = Rule("key", (Query("key"),), PREFIX, re.compile(paths) if paths else None)

    assert limited.applies_to((path,)) is applies


def test_a_rule_is_frozen_and_the_same_wherever_it_stands() -> None:
    with pytest.raises(FrozenInstanceError):
        PAT.name = "other"  # type: ignore[misc]
    assert Rule("pat", (BEARER,), PREFIX, None, "/x", (9, 9)) == PAT


@cases(
    ("rules", "credential", "found"),
    {
        "one pattern": ((KEY,), "eu1-x", (KEY, ("eu1",), ())),
        "one pattern, no name": ((KEY,), "x", (KEY, (), ())),
        "the first": ((PAT, OAUTH), "eu1-x", (PAT, ("eu1",), ())),
        "the second": ((PAT, OAUTH), access_token("eu1"), (OAUTH, ("eu1",), ("62515",))),
        "none, but of a kind": ((PAT, OAUTH), access_token(None), (OAUTH, (), ("62515",))),
        "of no kind: the first": ((PAT, OAUTH), "x", (PAT, (), ())),
        "of no kind: the first, a message": ((OAUTH, PAT), "x", (OAUTH, (), ())),
        "base64": ((BASIC,), base64url(b"eu1:x"), (BASIC, ("eu1",), ())),
        "two accounts": (
            (OAUTH,),
            base64url(varint_field(1, 1) + varint_field(3, 7) + varint_field(3, 8)),
            (OAUTH, (), ("7", "8")),
        ),
        "the account of another kind's credential": (
            (Rule("any", (BEARER,), Regex(re.compile("^(C)"))), OAUTH),
            access_token("eu1"),
            (Rule("any", (BEARER,), Regex(re.compile("^(C)"))), ("C",), ()),
        ),
    },
)
def test_read(rules: tuple[Rule, ...], credential: str, found: lookup.Reading) -> None:
    look = Lookup(BEARER, rules, (ACCOUNT,))

    assert look.read(credential) == found
    assert look.read(credential) == found, "remembered"


KEYS = Rule("keys", (BEARER,), Regex(re.compile("^k_([a-z0-9]+)_")))
TOKENS = Rule("tokens", (BEARER,), Jwt("region"))
PART = Rule("part", (BEARER,), Base64(re.compile("(.+)"), of=re.compile("^k_eu1_7_(.+)")))
NUMBER, CLAIM = Regex(re.compile("^k_[a-z0-9]+_([0-9]+)")), Jwt("account")


@cases(
    ("rules", "credential", "hublets", "accounts"),
    {
        "a pattern": ((KEYS,), "k_eu1_62515_x", ("eu1",), ("62515",)),
        "none": ((KEYS,), "k_eu1_x", ("eu1",), ()),
        "an alias, with an account": ((KEYS,), "k_eu_7", ("eu1",), ("7",)),
        "a pattern on what another reader reads": ((PART,), "k_eu1_7_ZXUx", ("eu1",), ("7",)),
        "a claim": ((TOKENS,), jwt({"region": "eu", "account": 7}), ("eu1",), ("7",)),
        "a claim of another kind": ((OAUTH,), jwt({"account": 7}), (), ()),
    },
)
def test_accounts_are_read_in_credentials_of_their_kind(
    rules: tuple[Rule, ...], credential: str, hublets: tuple[str, ...], accounts: tuple[str, ...]
) -> None:
    look = Lookup(BEARER, rules, (NUMBER, CLAIM), {"eu": "eu1"})

    assert look.read(credential) == (rules[0], hublets, accounts)
    assert look.read(credential) == (rules[0], hublets, accounts), "remembered"


def test_a_single_pattern_knows_aliases() -> None:
    look = Lookup(BEARER, (PAT,), (), {"eu": "eu1"})

    assert look.read("eu-x") == (PAT, ("eu1",), ())


def test_an_account_beside_is_looked_for_apart_from_credentials() -> None:
    beside = Rule("accounts", (Query("key"), Query("id")), Account(), re.compile("^/crm"))
    index = RuleIndex((KEY,), (beside,), (NUMBER,))
    looks = index.lookups_for(("/crm/v3",))

    assert index.places == (Query("key"), Query("id"))
    assert [(it.place, it.is_beside) for it in looks] == [
        (Query("key"), False),
        (Query("key"), True),
        (Query("id"), True),
    ]
    assert [it.read("k_eu1_7") for it in looks] == [
        (KEY, (), ("7",)),
        (beside, (), ("k_eu1_7",)),
        (beside, (), ("k_eu1_7",)),
    ]
    assert [it.is_beside for it in index.lookups_for(("/x",))] == [False]


def test_a_credential_without_accounts_to_look_for_has_none() -> None:
    assert Lookup(BEARER, (PAT, OAUTH), ()).read(access_token("eu1")) == (OAUTH, ("eu1",), ())


class Counting:
    """A reader that counts what it was asked to read."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.asked = 0

    def names(self, credential: str) -> tuple[str, ...]:
        self.asked += 1
        return self.reader.names(credential)

    def recognises(self, credential: str) -> bool:
        return self.reader.recognises(credential)

    def sightings(self, texts: Iterable[str], plains: Iterable[Coded]) -> Iterator[tuple[str, str]]:
        return self.reader.sightings(texts, plains)


@pytest.mark.parametrize("credential", ["eu1-x", "x", "\ud800é"], ids=ascii)
def test_a_credential_is_read_once(credential: str) -> None:
    reader = Counting(PREFIX)
    look = Lookup(BEARER, (Rule("slow", (BEARER,), reader), OAUTH), ())

    assert look.read(credential) == look.read(credential)
    assert reader.asked == 1


def test_what_names_too_much_is_not_remembered() -> None:
    reader = Counting(Regex(re.compile("^(.*)-")))
    look = Lookup(BEARER, (Rule("slow", (BEARER,), reader),), ())
    for credential in ("x" * MAX_NAMES + "-", "x" * MAX_NAMES + "y-"):
        assert look.read(credential) == look.read(credential)

    assert reader.asked == 1 + 2


def test_only_so_many_credentials_are_remembered() -> None:
    reader = Counting(PREFIX)
    look = Lookup(BEARER, (Rule("slow", (BEARER,), reader),), ())
    for number in range(MAX_REMEMBERED):
        look.read(f"eu1-{number}")
    look.read("eu1-0")
    assert reader.asked == MAX_REMEMBERED
    look.read("eu1-one more")
    look.read("eu1-0")
    assert reader.asked == MAX_REMEMBERED + 2


def test_nothing_that_a_look_keeps_holds_a_credential() -> None:
    token = access_token("eu1")
    look = Lookup(BEARER, (PAT, OAUTH), (ACCOUNT,))
    look.read(token)

    assert look._memory
    assert token not in repr(look._memory)


def test_a_lone_pattern_is_quicker_than_a_memory() -> None:
    assert Lookup(Query("key"), (KEY,), (ACCOUNT,))._memory is None


SERIES = Rule("series", (Form("x"),), PREFIX, re.compile("^/series", re.IGNORECASE), "/series")
REFRESH = rule("refresh", Form("code"), Query("key"), paths="^/oauth/", prefix="/oauth/")
ANYWHERE = rule("anywhere", Query("token"), paths="/token$")
IN_PATH = Rule("in path", (Path(re.compile("^/keys/([^/]+)"), "/keys/"),), PREFIX)


@cases(
    ("rules", "path", "looks"),
    {
        "no rules": ((), "/", []),
        "one look a place": ((PAT, OAUTH, KEY), "/", [["pat", "oauth"], ["key"]]),
        "another path": ((KEY, REFRESH), "/crm", [["key"]]),
        "its path": ((KEY, REFRESH), "/oauth/x", [["key", "refresh"], ["refresh"]]),
        "nothing there": ((REFRESH,), "/crm", []),
        "letters that are no ASCII": ((SERIES,), "/\u017fer\u0130es", [["series"]]),
        "no literal prefix": ((KEY, ANYWHERE), "/x/token", [["key"], ["anywhere"]]),
        "no literal prefix, another path": ((KEY, ANYWHERE), "/x", [["key"]]),
        "in the path": ((KEY, IN_PATH), "/keys/eu1-x", [["key"], ["in path"]]),
        "not in the path": ((KEY, IN_PATH), "/crm", [["key"]]),
        "the order of the table": (
            (IN_PATH, REFRESH, KEY),
            "/oauth/x",
            [["in path"], ["refresh"], ["refresh", "key"]],
        ),
    },
)
def test_looks(rules: tuple[Rule, ...], path: str, looks: list[list[str]]) -> None:
    it = RuleIndex(rules)

    for _ in range(2):
        assert [[rule.name for rule in look.rules] for look in it.lookups_for((path,))] == looks


@pytest.mark.parametrize(
    "rules", [(), (KEY,), (REFRESH,), (IN_PATH, KEY), (REFRESH, IN_PATH), (ANYWHERE,)]
)
@pytest.mark.parametrize(
    "target",
    ["", "*", "/", "/crm", "/crm/", "/crm?/oauth/", "/crm#", "/c%72m", "//oauth/x", "/oauth", "?",
     "/oauth/x", "/OAuth/x?y", "/x/oauth/y", "/%6Fauth/x", "/crm.json", "oauth/x", "/KEYS/x?y"],
)  # fmt: skip
def test_for_a_normal_path_the_usual_lookups_are_found_without_its_readings(
    rules: tuple[Rule, ...], target: str
) -> None:
    any_case = [replace(it, paths=it.paths and re.compile(it.paths.pattern, re.I)) for it in rules]
    index, seen = RuleIndex(any_case), Request("GET", (), target)

    assert [*index.lookups_in(seen)] == [*index.lookups_for(seen.paths)]


def test_a_plan_keeps_its_looks_and_what_they_remember() -> None:
    it = RuleIndex((KEY, REFRESH))

    assert it.lookups_for(("/crm",)) is it.lookups_for(("/other",))
    assert it.lookups_for(("/oauth/a",)) is it.lookups_for(("/oauth/b",))


def test_no_path_makes_a_plan_grow_without_bound() -> None:
    many = [rule(f"{at}", Query("key"), paths=f"/{at}/") for at in range(7)]
    it = RuleIndex(many)
    sizes = set()
    for number in range(2**7):
        chosen = [f"{at}" for at in range(7) if number >> at & 1]
        (*looks,) = it.lookups_for(("".join(f"/{name}/" for name in chosen),))
        assert [rule.name for look in looks for rule in look.rules] == chosen

        sizes.add(len(it._by_rules))

    assert max(sizes) == MAX_INDEXED


@pytest.mark.parametrize(
    ("place", "in_body"), [(Form("code"), True), (Query("code"), False)], ids=["form", "query"]
)
def test_a_look_knows_whether_it_needs_the_body(place: Place, in_body: bool) -> None:
    assert Lookup(place, (KEY,), ()).in_body is in_body
