"""What became of each rule and account, row by row."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import cases
from hublet_router.analysis.explanation import explain
from hublet_router.analysis.masking import describe_shape
from hublet_router.analysis.rows import NOT_LISTED
from hublet_router.core.decision import Reason
from hublet_router.core.findings import findings
from hublet_router.core.judge import decide
from hublet_router.core.readers import Account
from hublet_router.core.request import Request
from hublet_router.core.table import Accounts, Move, Table
from hublet_router.tablefile import loads
from synthetic import (
    api_key,
    jwt,
)
from test_explanation import (
    ACCOUNTS,
    CONTRADICTION,
    EU1,
    FIRST,
    LONG,
    NA1,
    NAMES,
    OLD,
    PLACES,
    REQUESTS,
    SECRET,
    TABLE,
    TABLES,
    TWO_ACCOUNTS,
    ZZ9,
    seen_with,
    token,
)


@settings(max_examples=300, deadline=None)
@given(table=TABLES, seen=REQUESTS, status=st.sampled_from([None, 200, 403]))
def test_one_row_is_marked_as_the_one_that_decided(
    table: Table, seen: Request, status: int | None
) -> None:
    decision = decide(table, seen)
    explanation = explain(table, seen, status)
    assert explanation.decision == decision
    decided = [one for one in explanation.tried if one.why.endswith(": decided")]
    if decision.reason in {Reason.ANONYMOUS, Reason.CONFLICT, Reason.FOREIGN_HOST}:
        assert decided == []
    else:
        (one,) = decided
        by_account = decision.reason is Reason.MOVED
        assert one.rule == ("accounts" if by_account else decision.credential)
        if decision.reason in {Reason.CREDENTIAL, Reason.MOVED}:
            assert one.named == decision.hublet


@settings(max_examples=200, deadline=None)
@given(table=TABLES, seen=REQUESTS)
def test_each_rule_and_place_has_a_row_in_the_order_of_the_table(
    table: Table, seen: Request
) -> None:
    explanation = explain(table, seen)
    if explanation.decision.reason is Reason.FOREIGN_HOST:
        assert explanation.tried == ()
        return
    fields = 1 if table.accounts and table.accounts.inside else 0
    listed = ACCOUNTS[: 1 + fields] if table.accounts else []
    tried = [(one.rule, one.place.partition(" in ")[0]) for one in explanation.tried]
    if explanation.decision.reason is Reason.STRAY:
        where = {"path", "query", "body", "header authorization"}
        assert tried.pop()[1] in where | {place for _, place in PLACES}
    assert [*dict.fromkeys(tried)] == [*PLACES, *listed]
    for it in findings(table, seen):
        mine = [one for one in explanation.tried if one.rule == it.rule.name]
        assert it.credential is None or describe_shape(it.credential, TABLE) in {
            one.shape for one in mine
        }
        known = {name if name in NAMES else NOT_LISTED for name in it.hublets}
        assert known <= {one.named for one in mine}


@cases(
    ("table", "seen", "first", "policy", "whys"),
    {
        "credential": (
            TABLE, seen_with(EU1), "eu1 ← private-app-token", None,
            ["private-app-token: names eu1: decided",
             "access-token: named by private-app-token already"],
        ),
        "the second rule that reads it": (
            TABLE, seen_with(token("ap1", 6)), "ap1 ← access-token", None,
            ["private-app-token: not of its kind", "access-token: names ap1: decided",
             "accounts: not among those that moved"],
        ),
        "two that agree": (
            TABLE, seen_with(EU1, target=f"/?hapikey={api_key('eu1')}"),
            "eu1 ← private-app-token", None,
            ["private-app-token: names eu1: decided",
             "access-token: named by private-app-token already",
             "api-key: names eu1 too"],
        ),
        "two headers in conflict": (
            TABLE, seen_with(EU1, NA1), "refused: conflict (private-app-token)", "conflict: refuse",
            ["private-app-token: names eu1: in conflict",
             "private-app-token: names na1: in conflict",
             "access-token: named by private-app-token already",
             "access-token: named by private-app-token already"],
        ),
        "the first of a conflict": (
            FIRST, seen_with(EU1, NA1), "eu1 ← private-app-token", "conflict: first",
            ["private-app-token: names eu1: decided",
             "private-app-token: names na1, but private-app-token came first",
             "access-token: named by private-app-token already",
             "access-token: named by private-app-token already"],
        ),
        "a credential that contradicts itself": (
            FIRST, seen_with(CONTRADICTION), "eu1 ← access-token", "conflict: first",
            ["private-app-token: not of its kind", "access-token: names eu1: decided",
             "access-token: names ap1, but access-token came first"],
        ),
        "no conflict": (
            FIRST, seen_with(EU1), "eu1 ← private-app-token", None,
            ["private-app-token: names eu1: decided",
             "access-token: named by private-app-token already"],
        ),
        "unknown": (
            TABLE, seen_with(ZZ9), "refused: unknown-hublet (private-app-token)", "unknown: refuse",
            ["private-app-token: names zz9, which is not listed: decided",
             "access-token: named by private-app-token already"],
        ),
        "a secret in the place of a name": (
            TABLE.with_policy(unknown="default"), seen_with(key=SECRET),
            "na1 ← unknown-hublet (any-key)", "unknown: default",
            ["any-key: names one that is not listed: decided"],
        ),
        "of no kind at all": (
            TABLE, seen_with(token("zz9", 7)[:-8] + "!"),
            "na1 ← legacy (private-app-token)", "legacy: default",
            ["private-app-token: it names none: decided", "access-token: not of its kind"],
        ),
        "older than Hublets": (
            TABLE, seen_with(OLD), "na1 ← legacy (access-token)", "legacy: default",
            ["private-app-token: not of its kind", "access-token: it names none: decided"],
        ),
        "anonymous": (
            TABLE.with_policy(anonymous="refuse"), seen_with(),
            "refused: anonymous", "anonymous: refuse", []
        ),
        "a long credential": (
            TABLE, seen_with(LONG, target=f"/?hapikey={api_key('eu1')}"),
            "refused: too-large (private-app-token)", None,
            ["private-app-token: not read: a credential over 16 KiB: decided",
             "access-token: not read: a credential over 16 KiB",
             "api-key: names eu1, but something else cannot be read"],
        ),
        "a body that cannot be read": (
            TABLE, seen_with(OLD, target="/oauth/", body=None),
            "refused: too-large (refresh-token)", None,
            ["private-app-token: not of its kind", "access-token: it names none",
             "refresh-token: not read: a body over 64 KiB: decided",
             "refresh-token: not read: a body over 64 KiB"],
        ),
        "an account has moved": (
            TABLE, seen_with(EU1, target="/?portalId=8"), "ap1 ← moved (private-app-token)", None,
            ["private-app-token: names eu1, but an account has moved",
             "access-token: named by private-app-token already",
             "accounts: moved to ap1: decided"],
        ),
        "its own account has moved": (
            TABLE, seen_with(token("na1", 7), target="/?portalId=7"),
            "eu1 ← moved (access-token)", None,
            ["private-app-token: not of its kind",
             "access-token: names na1, but its account has moved",
             "accounts: moved to eu1: decided", "accounts: moved to eu1 too"],
        ),
        "an account and a credential agree": (
            TABLE, seen_with(EU1, target="/?portalId=7"), "eu1 ← moved (private-app-token)", None,
            ["private-app-token: names eu1 too",
             "access-token: named by private-app-token already",
             "accounts: moved to eu1: decided"],
        ),
        "an account that has not moved came first": (
            FIRST, seen_with(target="/?portalId=9&portalId=7"),
            "na1 ← anonymous", "anonymous: default",
            ["accounts: not among those that moved",
             "accounts: moved to eu1, but another account came first"],
        ),
        "the account of a credential came first": (
            FIRST, seen_with(token("na1", 7), target="/?portalId=8"),
            "eu1 ← moved (access-token)", "conflict: first",
            ["private-app-token: not of its kind",
             "access-token: names na1, but its account has moved",
             "accounts: moved to ap1, but another account came first",
             "accounts: moved to eu1: decided"],
        ),
        "a credential of two accounts": (
            TABLE, seen_with(TWO_ACCOUNTS), "refused: conflict (access-token)", "conflict: refuse",
            ["private-app-token: not of its kind", "access-token: names na1: in conflict",
             "accounts: moved to eu1: in conflict", "accounts: not among those that moved"],
        ),
        "foreign": (
            TABLE, seen_with(EU1, hosts=("x.example",)), "refused: foreign-host", "foreign: refuse",
            []
        ),
        "a foreign host passes": (
            TABLE.with_policy(foreign="pass"), seen_with(EU1, hosts=("x.example",)),
            "passed: foreign-host", "foreign: pass", []
        ),
        "hosts that differ do not pass": (
            TABLE.with_policy(foreign="pass"), seen_with(hosts=("x.example", "api.hubapi.com")),
            "refused: foreign-host", None, []
        ),
        "a control character": (
            TABLE, seen_with(EU1, target="/\r"), "refused: unreadable", None, []
        ),
    },
)  # fmt: skip
def test_the_reason_of_each_row(
    table: Table, seen: Request, first: str, policy: str | None, whys: list[str]
) -> None:
    explanation = explain(table, seen)
    nothing = {"not for this path", "no credential there", "no account there"}
    said = [f"{one.rule}: {one.why}" for one in explanation.tried if one.why not in nothing]
    assert explanation.decision.summary == first
    assert said == whys
    assert explanation.policy == policy


def test_a_rule_for_other_paths_that_shares_its_place() -> None:
    elsewhere = replace(TABLE.rules[0], name="elsewhere", paths=re.compile("^/oauth/"))
    explanation = explain(replace(TABLE, rules=(elsewhere, *TABLE.rules)), seen_with(EU1))
    assert [(one.rule, one.why) for one in explanation.tried][:2] == [
        ("elsewhere", "not for this path"),
        ("private-app-token", "names eu1: decided"),
    ]


GUARDED = TABLE.with_policy(stray="refuse")


@pytest.mark.parametrize(
    ("more", "place"),
    [
        ({"target": f"/x/{NA1}"}, "path"),
        ({"target": f"/?x={NA1}"}, "query"),
        ({"odd": NA1}, "header x-odd"),
        ({"target": "/oauth/", "body": f"x={NA1}".encode()}, "body"),
    ],
    ids=["in the path", "in the query", "in a header", "in a body that a rule reads"],
)
def test_a_stray_credential_has_a_row_with_its_place(more: dict[str, Any], place: str) -> None:
    odd = more.pop("odd", "")
    seen = seen_with(EU1, **more)
    seen = replace(seen, headers=(*seen.headers, ("x-odd", odd)))
    *_, row = explain(GUARDED, seen).tried
    assert (row.place, row.named, row.shape) == (place, "na1", None)
    assert row.why == "names na1 where no rule looks: decided"
    assert row.as_json()["found"] is False


def test_a_stray_credential_in_several_fields_has_a_row() -> None:
    cookies = ("cookie", f"s.0={NA1[:9]}"), ("cookie", f"s.1={NA1[9:]}")
    seen = seen_with(EU1)
    *_, row = explain(GUARDED, replace(seen, headers=(*seen.headers, *cookies))).tried
    assert (row.place, row.named) == ("header cookie", "na1")


def test_law_4_the_name_of_a_field_may_be_a_credential() -> None:
    seen = seen_with(EU1)
    for name, shown in ((NA1, "***"), ("x-correlation-id", "x-correlation-id")):
        odd = replace(seen, headers=(*seen.headers, (name, NA1)))
        *_, row = explain(GUARDED, odd).tried
        assert (row.place, row.named) == (f"header {shown}", "na1")


OTHER_PLACES = loads(
    b"""
domains: [api.hubapi.com]
hublets: {na1: {upstream: "https://127.0.0.1:1"}, eu1: {upstream: "https://127.0.0.1:2"}}
default: na1
credentials:
  - {name: web-token, in: {header: authorization, scheme: bearer}, hublet: {jwt: hublet}}
accounts:
  ids: [{json: account, paths: "^/"}, {jwt: account}, {regex: "^acct([0-9]+)-"}]
  moved: {7: {from: na1, to: eu1}}
"""
)


def test_accounts_in_other_places() -> None:
    headers = (("authorization", f"Bearer {jwt({'hublet': 'na1', 'account': '7'})}"),)
    seen = Request("POST", ("api.hubapi.com",), "/", headers, b'{"account": "7"}')
    rows = [row for row in explain(OTHER_PLACES, seen).tried if row.rule == "accounts"]
    assert [(row.place, row.why) for row in rows] == [
        ("json account", "moved to eu1: decided"),
        ("jwt account, regex in header authorization bearer", "moved to eu1 too"),
    ]


def test_an_account_is_no_credential_of_a_rule_that_reads_the_same_place() -> None:
    key = next(rule for rule in TABLE.rules if rule.name == "api-key")
    accounts = Accounts((replace(key, name="accounts", reader=Account()),), (), {"7": Move("eu1")})
    seen = Request("GET", ("api.hubapi.com",), "/?hapikey=eu1-7")
    tried = explain(replace(TABLE, accounts=accounts), seen).tried
    assert [row.named for row in tried if row.rule == "api-key"] == ["eu1"]


def test_an_account_that_cannot_be_read_decides() -> None:
    seen = Request("POST", ("api.hubapi.com",), "/", (), b"not JSON")
    explanation = explain(OTHER_PLACES, seen)
    assert explanation.decision.reason is Reason.UNREADABLE
    row, *_ = [row for row in explanation.tried if row.rule == "accounts"]
    assert row.why == "not read: a body in another format or coding: decided"


def test_a_stray_that_a_rule_did_not_read_stands_where_that_rule_looks() -> None:
    """Its own reader names none in it, but that of another rule does."""
    fields = (("authorization", f"Bearer {api_key('eu1')}"),)
    tried = explain(TABLE, Request("GET", ("api.hubapi.com",), "/x", fields)).tried
    (stray,) = [it for it in tried if it.outcome.name == "STRAY"]

    assert (stray.place, stray.named) == ("header authorization bearer", "eu1")
