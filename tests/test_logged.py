"""A line of the decision log, held against a table."""

from dataclasses import replace
from typing import Any

import pytest

from flows.record import SHIPPED
from hublet_router.analysis.logged import explain_logged
from hublet_router.core.decision import Reason, refuse, route
from hublet_router.tablefile import load

TABLE = replace(load(SHIPPED), aliases={"europe": "eu1"})
OLD = "ffffffffffff"


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
def test_the_rows(
    hublet: str | None, reason: Reason, line: dict[str, Any], whys: list[str], policy: str | None
) -> None:
    version = TABLE.version
    decision = route(TABLE, hublet, reason, "rule") if hublet else refuse(reason, "rule", version)
    explanation = explain_logged(TABLE, decision, line)
    assert [f"{it.rule}: {it.why}" for it in explanation.tried] == whys
    assert {it.place for it in explanation.tried} <= {"in the log"}
    assert (explanation.decision, explanation.policy) == (decision, policy)


@pytest.mark.parametrize(
    ("table", "status", "begins"),
    [
        (TABLE.version, 401, "Nothing named a Hublet, so na1 was a guess: 401 may mean another."),
        (TABLE.version, "?", None),
        (OLD, 401, "Another table decided than this one: a log has no"),
    ],
)
def test_the_hint(table: str, status: object, begins: str | None) -> None:
    decision = route(TABLE, "na1", Reason.LEGACY, "rule")._replace(table=table)
    explanation = explain_logged(TABLE, decision, {"status": status})
    assert (explanation.hint or "")[: len(begins or "x")] == (begins or "")
    assert (explanation.policy is None) is (table == OLD)


def test_a_name_that_is_nearly_a_listed_one_is_hinted_at() -> None:
    decision = refuse(Reason.UNKNOWN_HUBLET, "rule", TABLE.version)
    hint = explain_logged(TABLE, decision, {"named": "EU1"}).hint
    assert (hint or "").startswith("A name is another case of 'eu1'; if it is the same, list it")
