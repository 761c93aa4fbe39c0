"""Why a request went where it went."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublet_router.analysis.coverage import Coverage
from hublet_router.analysis.explanation import explain, explain_logged, near_name
from hublet_router.analysis.masking import describe_shape, place_name
from hublet_router.core.decision import Reason, refuse, route
from hublet_router.core.findings import findings
from hublet_router.core.paths import MAX_PATH
from hublet_router.core.request import Request
from hublet_router.core.table import Table
from hublet_router.tablefile import loads
from shipped_table import SHIPPED
from synthetic import (
    UUID,
    access_token,
    api_key,
    base64url,
    bytes_field,
    jwt,
    private_app_token,
    varint_field,
)

TABLE = loads(
    b"""
domains: [api.hubapi.com]
hublets:
  na1: {upstream: "https://127.0.0.1:9441"}
  eu1: {upstream: "https://127.0.0.1:9442"}
  ap1: {upstream: "https://127.0.0.1:9443"}
default: na1
credentials:
  - name: private-app-token
    in: {header: authorization, scheme: bearer}
    hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-"}
  - name: access-token
    in: {header: authorization, scheme: bearer}
    hublet: {protobuf: 9}
  - name: api-key
    in: {query: hapikey}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
  - name: any-key
    in: {header: x-key}
    hublet: {regex: "^(.+)$"}
  - name: refresh-token
    paths: "^/oauth/"
    in: {form: [code, token]}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
  - name: key-in-path
    in: {path: "^/keys/([^/]+)"}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
accounts:
  ids: [{query: portalId}, {protobuf: 3}]
  moved: {7: eu1, 8: {from: eu1, to: ap1}}
"""
)
ACCOUNTS = [("accounts", "query portalId"), ("accounts", "protobuf 3")]
PLACES = [(rule.name, place_name(place)) for rule in TABLE.rules for place in rule.places]
TABLES = st.builds(
    lambda accounts, **policy: replace(TABLE, accounts=accounts).with_policy(**policy),
    accounts=st.sampled_from(
        [TABLE.accounts, None, TABLE.accounts and replace(TABLE.accounts, inside=())]
    ),
    **{key: st.sampled_from(["default", "refuse"]) for key in ("legacy", "anonymous", "unknown")},
    conflict=st.sampled_from(["refuse", "first"]),
    foreign=st.sampled_from(["refuse", "pass"]),
)
NAMES = ["na1", "eu1", "ap1", "zz9"]
SECRET = "c0ffee5ec2e7"
LONG = "pat-eu1-" + "x" * 16 * 1024
CONTRADICTION = base64url(varint_field(1, 1) + bytes_field(9, b"eu1") + bytes_field(9, b"ap1"))


def token(hublet: str, account: int) -> str:
    message = varint_field(1, 1) + varint_field(3, account) + bytes_field(6, SECRET.encode())
    return base64url(message + bytes_field(9, hublet.encode()))


TWO_ACCOUNTS = base64url(
    varint_field(1, 1) + varint_field(3, 7) + varint_field(3, 9) + bytes_field(9, b"na1")
)
OLD = base64url(varint_field(1, 1) + varint_field(5, 9))  # from before Hublets
CREDENTIALS = st.one_of(
    st.builds(token, st.sampled_from([*NAMES, SECRET]), st.integers(6, 8)),
    *(
        st.sampled_from(NAMES).map(make)
        for make in (private_app_token, api_key, lambda name: f"{name}-{SECRET}")
    ),
    st.sampled_from([UUID, access_token(None), CONTRADICTION, LONG, "eu1", SECRET]),
)
FIELDS = st.lists(
    st.tuples(st.sampled_from(["authorization", "x-key"]), CREDENTIALS).map(
        lambda field: (field[0], f"Bearer {field[1]}" if field[0] == "authorization" else field[1])
    ),
    max_size=3,
)
QUERIES = st.lists(
    st.one_of(
        CREDENTIALS.map(lambda credential: f"hapikey={credential}"),
        st.integers(6, 8).map(lambda account: f"portalId={account}"),
    ),
    max_size=3,
)
REQUESTS = st.builds(
    lambda hosts, path, tail, query, headers, body: Request(
        "POST", hosts, f"{path}{tail}?{'&'.join(query)}", tuple(headers), body
    ),
    st.sampled_from([("api.hubapi.com",)] * 5 + [(), ("api.hubapi.com", "x.example")]),
    st.sampled_from(["/", "/oauth/", "/keys/"]),
    CREDENTIALS,
    QUERIES,
    FIELDS,
    st.none() | st.lists(CREDENTIALS.map("code={}".format)).map("&".join).map(str.encode),
)


@settings(max_examples=300, deadline=None)
@given(table=TABLES, seen=REQUESTS, status=st.sampled_from([None, 401]))
def test_law_4_an_explanation_holds_no_credential(
    table: Table, seen: Request, status: int | None
) -> None:
    explanation = explain(table, seen, status)
    said = f"{explanation!r} {explanation.as_text()} {json.dumps(explanation.as_json())}"
    for it in findings(table, seen):
        assert not it.credential or len(it.credential) < 8 or it.credential not in said
    for written in (SECRET, UUID, base64url(SECRET.encode())[1:-1]):
        assert written not in said


def seen_with(*authorizations: str, target: str = "/", **more: Any) -> Request:
    headers = [("authorization", f"Bearer {credential}") for credential in authorizations]
    key = [("x-key", more.pop("key"))] if "key" in more else []
    return Request("POST", more.pop("hosts", ("api.hubapi.com",)), target, (*headers, *key), **more)


EU1, NA1, ZZ9 = (private_app_token(name) for name in ("eu1", "na1", "zz9"))
FIRST = TABLE.with_policy(conflict="first")
HERE = "header authorization bearer"


@pytest.mark.parametrize(
    ("status", "seen", "hint"),
    [
        (401, seen_with(), "Nothing named a Hublet, so na1 was a guess: 401 may mean another."),
        (404, seen_with(OLD), "Nothing named a Hublet, so na1 was a guess: 404 may mean another."),
        (200, seen_with(), None),
        (None, seen_with(), None),
        (401, seen_with(EU1), None),
        (401, seen_with(hosts=()), "It names no host."),
        (None, seen_with(hosts=("x.example",)), "Its host is not in 'domains'."),
        (None, seen_with(hosts=("api.hubapi.com", "x")), "It names hosts that differ."),
        (None, seen_with(target="/\r"), "Its path or a header holds a control character."),
        (None, seen_with(target="/" + "x" * MAX_PATH), "Its path is over 20 KiB."),
        (
            None,
            replace(seen_with(), sni="x.example"),
            "The server name of its TLS is not in 'domains'.",
        ),
    ],
)
def test_hints(status: int | None, seen: Request, hint: str | None) -> None:
    assert explain(TABLE, seen, status).hint == hint


def test_no_hint_at_a_guess_for_a_refused_request() -> None:
    assert explain(TABLE.with_policy(anonymous="refuse"), seen_with(), 401).hint is None


def test_as_text() -> None:
    seen = seen_with(OLD, target="/keys/?portalId=9")
    assert explain(TABLE, seen, 401).as_text().splitlines() == [
        "na1 ← legacy (access-token)",
        f"  private-app-token  {HERE}  not of its kind             {describe_shape(OLD, TABLE)}",
        f"  access-token       {HERE}  it names none: decided      {describe_shape(OLD, TABLE)}",
        "  api-key            query hapikey                no credential there",
        "  any-key            header x-key                 no credential there",
        "  key-in-path        path                         no credential there",
        "  accounts           query portalId               not among those that moved"
        "  1 character of 0-9",
        "  accounts           protobuf 3                   no account there",
        "not for this path: refresh-token",
        "policy legacy: default",
        f"table {TABLE.version}",
        "Nothing named a Hublet, so na1 was a guess: 401 may mean another.",
    ]
    assert explain(TABLE, seen_with(hosts=("x",))).as_text().splitlines() == [
        "refused: foreign-host",
        "policy foreign: refuse",
        f"table {TABLE.version}",
        "Its host is not in 'domains'.",
    ]


def test_as_json() -> None:
    explanation = explain(TABLE, seen_with(EU1))
    written = explanation.as_json()
    assert {**written, **explanation.decision.as_json()} == written
    assert written["tried"][0] == {
        "rule": "private-app-token",
        "place": HERE,
        "found": True,
        "shape": describe_shape(EU1, TABLE),
        "named": "eu1",
        "why": "names eu1: decided",
    }
    assert written["tried"][2] == {
        "rule": "api-key",
        "place": "query hapikey",
        "found": False,
        "shape": None,
        "named": None,
        "why": "no credential there",
    }
    assert (written["policy"], written["hint"]) == (None, None)


def test_an_explanation_is_immutable() -> None:
    explanation = explain(TABLE, seen_with(EU1))
    with pytest.raises(FrozenInstanceError):
        explanation.policy = "legacy: default"  # type: ignore[misc]


NEARLY = loads(b"""
domains: [api.test]
hublets:
  eu: {upstream: "https://eu.test"}
  eu1: {upstream: "https://eu1.test", aliases: [Frankfurt]}
  us: {upstream: "https://us.test"}
default: us
credentials: [{name: token, in: {header: authorization, scheme: bearer}, hublet: {jwt: region}}]
""")


def nearly(what: str, known: str, hublet: str) -> str:
    fix = f"if it is the same, list it in 'aliases' of Hublet '{hublet}'"
    return f"a name is {what} '{known}'; {fix}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("eu", None),
        ("Frankfurt", None),
        ("EU", nearly("another case of", "eu", "eu")),
        ("Eu1", nearly("another case of", "eu1", "eu1")),
        ("FRANKFURT", nearly("another case of", "Frankfurt", "eu1")),
        ("eu-central-1", nearly("a longer form of", "eu", "eu")),
        ("EU1a", nearly("a longer form of", "eu1", "eu1")),
        ("frankfurt-2", nearly("a longer form of", "Frankfurt", "eu1")),
        ("eu10", nearly("a longer form of", "eu", "eu")),
        ("ap1", None),
        ("e", None),
        ("", None),
    ],
)
def test_a_name_that_is_nearly_listed(name: str, sentence: str | None) -> None:
    assert near_name(NEARLY, name) == sentence


def asked(region: str) -> Request:
    return Request(
        "GET", ("api.test",), "/", (("authorization", f"Bearer {jwt({'region': region})}"),)
    )


def test_explain_says_so_and_shows_nothing_of_the_name() -> None:
    explanation = explain(NEARLY, asked("eu-secret-5ec2e7"))

    assert explanation.decision.reason == "unknown-hublet"
    assert explanation.hint == (
        "A name is a longer form of 'eu'; if it is the same, list it in 'aliases' of Hublet 'eu'."
    )
    assert "5ec2e7" not in explanation.as_text()
    assert explain(NEARLY, asked("eu")).hint is None


def test_coverage_counts_them() -> None:
    coverage = Coverage(NEARLY)
    for region in ("EU", "EU", "eu", "asia", "us-east-1"):
        coverage.add(asked(region))

    assert coverage.near.most_common() == [
        (nearly("another case of", "eu", "eu"), 2),
        (nearly("a longer form of", "us", "us"), 1),
    ]


LOGGED = replace(SHIPPED, aliases={"europe": "eu1"})
OTHER_TABLE = "ffffffffffff"


@pytest.mark.parametrize(
    ("hublet", "reason", "line", "whys", "policy"),
    [
        ("eu1", Reason.CREDENTIAL, {}, ["rule: names eu1"], None),
        ("na1", Reason.LEGACY, {}, [], "legacy: default"),
        (None, Reason.UNKNOWN_HUBLET, {"named": "zz9"},
         ["rule: names zz9, which is not listed"], "unknown: refuse"),
        (None, Reason.UNKNOWN_HUBLET, {"named": "eu1"}, ["rule: names eu1"], "unknown: refuse"),
        (None, Reason.UNKNOWN_HUBLET, {"named": "europe"}, ["rule: names eu1"], "unknown: refuse"),
        (None, Reason.UNKNOWN_HUBLET, {}, [], "unknown: refuse"),
        ("eu1", Reason.MOVED, {"accounts": ["5865761", "1"]},
         ["accounts: 5865761: moved to eu1", "accounts: 1: not among those that moved"], None),
        ("eu1", Reason.MOVED, {"accounts": "?"}, [], None),
        ("eu1", Reason.MOVED, {"accounts": [None, 1]}, [], None),
    ],
)  # fmt: skip
def test_the_rows_of_a_line(
    hublet: str | None, reason: Reason, line: dict[str, Any], whys: list[str], policy: str | None
) -> None:
    version = LOGGED.version
    decision = route(LOGGED, hublet, reason, "rule") if hublet else refuse(reason, "rule", version)
    explanation = explain_logged(LOGGED, decision, line)
    assert [f"{it.rule}: {it.why}" for it in explanation.tried] == whys
    assert {it.place for it in explanation.tried} <= {"in the log"}
    assert (explanation.decision, explanation.policy) == (decision, policy)


@pytest.mark.parametrize(
    ("table", "status", "begins"),
    [
        (LOGGED.version, 401, "Nothing named a Hublet, so na1 was a guess: 401 may mean another."),
        (LOGGED.version, "?", None),
        (OTHER_TABLE, 401, "Another table decided than this one: a log has no"),
    ],
)
def test_the_hint_of_a_line(table: str, status: object, begins: str | None) -> None:
    decision = route(LOGGED, "na1", Reason.LEGACY, "rule")._replace(table=table)
    explanation = explain_logged(LOGGED, decision, {"status": status})
    assert (explanation.hint or "")[: len(begins or "x")] == (begins or "")
    assert (explanation.policy is None) is (table == OTHER_TABLE)


def test_a_logged_name_that_is_nearly_a_listed_one_is_hinted_at() -> None:
    decision = refuse(Reason.UNKNOWN_HUBLET, "rule", LOGGED.version)
    hint = explain_logged(LOGGED, decision, {"named": "EU1"}).hint
    assert (hint or "").startswith("A name is another case of 'eu1'; if it is the same, list it")
