"""What a decision says of itself."""

import pytest

from hublet_router.core.decision import NONE, Action, Decision, Reason, refuse, route
from shipped_table import SHIPPED

TO_EU1 = route(SHIPPED, "eu1", Reason.CREDENTIAL, "key")
PASSED = Decision(Action.PASS, None, None, Reason.FOREIGN_HOST, None, SHIPPED.version)


@pytest.mark.parametrize(
    ("decision", "summary"),
    [
        (TO_EU1, "eu1 ← key"),
        (route(SHIPPED, "na1", Reason.LEGACY, "key"), "na1 ← legacy (key)"),
        (route(SHIPPED, "na1", Reason.ANONYMOUS, None), "na1 ← anonymous"),
        (refuse(Reason.CONFLICT, None), "refused: conflict"),
        (refuse(Reason.UNKNOWN_HUBLET, "key"), "refused: unknown-hublet (key)"),
        (PASSED, "passed: foreign-host"),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_a_summary_is_one_line(decision: Decision, summary: str) -> None:
    assert decision.summary == summary


def test_a_route_leads_to_the_upstream_of_its_hublet() -> None:
    assert TO_EU1.upstream is SHIPPED.hublets["eu1"]
    assert TO_EU1.labels == ("eu1", "credential")
    assert refuse(Reason.CONFLICT, None).labels == (NONE, "conflict")


def test_json_is_all_of_a_decision_as_plain_text() -> None:
    written = TO_EU1.as_json()

    assert [*written.items()] == [
        ("action", "route"), ("hublet", "eu1"), ("upstream", str(SHIPPED.hublets["eu1"])),
        ("reason", "credential"), ("credential", "key"), ("table", SHIPPED.version),
    ]  # fmt: skip
    assert {type(value) for value in written.values()} == {str}
    nothing = dict.fromkeys(("hublet", "upstream", "credential", "table"))
    assert refuse(Reason.NO_TABLE).as_json() == {
        "action": "refuse",
        "reason": "no-table",
        **nothing,
    }


def test_actions_and_reasons_are_the_published_words() -> None:
    assert [*Action] == ["route", "refuse", "pass"]
    assert {*Reason} == {
        "credential", "legacy", "anonymous", "moved", "pinned", "unknown-hublet", "conflict",
        "stray", "foreign-host", "unreadable", "too-large", "no-table", "internal-error",
    }  # fmt: skip


@pytest.mark.parametrize("field", ["action", "hublet", "upstream", "reason"])
def test_a_decision_is_immutable(field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(TO_EU1, field, "eu1")
