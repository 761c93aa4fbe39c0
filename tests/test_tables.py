"""Other people's schemes are tables: no line of code knows one of them.

Their public vectors are the examples of the tables in `tables/`, so loading one proves where each
goes. An example says no reason; that is held here.
"""

from pathlib import Path

import pytest

from hublet_router.core.judge import decide
from hublet_router.tablefile import load

FOLDER = Path(__file__).parent / "tables"
DECISIONS: dict[str, list[tuple[str | None, str, str | None]]] = {
    "gitlab-cells": [
        ("3w5e11264sgsf", "credential", "cell"),
        ("2", "credential", "cell"),
        ("2", "credential", "cell-as-bearer"),
        ("2", "credential", "cell"),
        (None, "unknown-hublet", "cell"),
        (None, "unknown-hublet", "unreadable"),
        (None, "unknown-hublet", "unreadable"),
        (None, "unknown-hublet", "unreadable-as-bearer"),
        (None, "unknown-hublet", "unreadable-as-bearer"),
        ("legacy", "legacy", "cell"),
        ("legacy", "legacy", "cell"),
        ("legacy", "legacy", "cell"),
        ("legacy", "legacy", "cell-as-bearer"),
        ("legacy", "legacy", "cell"),
    ],
    "gitlab-organisations": [
        ("1", "credential", "organisation"),
        ("1", "credential", "organisation-as-bearer"),
        ("3w5e11264sgsf", "credential", "organisation"),
        (None, "unknown-hublet", "unreadable"),
        (None, "unknown-hublet", "unreadable"),
        (None, "unknown-hublet", "unreadable"),
        (None, "unknown-hublet", "unreadable"),
        (None, "unknown-hublet", "unreadable-as-bearer"),
        ("legacy", "legacy", "organisation"),
        ("legacy", "legacy", "organisation"),
        ("legacy", "legacy", "organisation"),
        ("legacy", "legacy", "organisation"),
        ("legacy", "legacy", "organisation"),
    ],
    "jwt-claim": [
        ("eu1", "credential", "region"),
        ("eu1", "credential", "region-by-url"),
        ("us1", "credential", "customers-region"),
        ("us1", "credential", "region"),
        (None, "conflict", "region"),
        (None, "unknown-hublet", "region"),
        (None, "legacy", "region"),
        (None, "legacy", "region"),
        (None, "anonymous", None),
    ],
    "livechat": [
        ("fra", "credential", "access-token"),
        ("dal", "credential", "access-token"),
        ("dal", "legacy", "access-token"),
        ("fra", "credential", "access-token"),
    ],
    "prefixed-keys": [
        ("eu1", "credential", "key"),
        ("us1", "credential", "key"),
        (None, "unknown-hublet", "key"),
        ("us1", "legacy", "key"),
        ("eu1", "credential", "key-as-user"),
        ("us1", "legacy", "key-as-user"),
        (None, "stray", "key"),
        ("us1", "anonymous", None),
    ],
    "sentry-dsn": [
        (None, "anonymous", None),
        (None, "unknown-hublet", "no-dsn"),
        (None, "unknown-hublet", "no-dsn"),
        ("us", "legacy", "dsn"),
        ("us", "legacy", "dsn"),
        ("us", "credential", "dsn"),
        ("de", "credential", "dsn"),
        (None, "unknown-hublet", "dsn"),
    ],
}


def test_every_table_is_here() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} == {*DECISIONS}


@pytest.mark.parametrize("name", DECISIONS)
def test_another_scheme_is_a_table(name: str) -> None:
    table = load(FOLDER / f"{name}.yaml")
    decisions = [decide(table, example.request) for example in table.examples]

    assert [(it.hublet, it.reason, it.credential) for it in decisions] == DECISIONS[name]
    assert {rule.name for rule in table.rules} <= {it.credential for it in decisions}
    assert {*table.hublets} <= {it.hublet for it in decisions}
