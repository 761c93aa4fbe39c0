"""What stock servers read in requests of every dialect, held against where the router sends them.

`make differential` asks more servers, and makes more requests.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cases import cases
from differential import comparison
from differential.attempts import attempts
from differential.comparison import compare, dialect_table, table
from differential.dialects import dialects
from differential.stock import running
from hublet_router.core.table import Policy

SERVERS = ("Werkzeug", "Django", "Tornado", "Node")


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    with running(SERVERS) as it:
        yield it


def test_no_server_reads_a_credential_of_another_hublet(ports: dict[str, int]) -> None:
    result = compare(attempts(3000), ports)

    assert result.routed > 300
    assert [(it.server, it.attempt) for it in result.findings] == []
    rows = dialect_table(result, [*ports]).splitlines()[2:]
    assert "| query | escaped name | " not in "\n".join(rows), "all read it"
    assert any(row.startswith("| json | NaN | x | x | x |  | refuses") for row in rows)


LOOSE = {
    "stray": Policy(stray="ignore"),
    "unreadable": Policy(unreadable="ignore"),
    "conflict": Policy(conflict="first", stray="ignore"),
}


@cases("policy", LOOSE)
def test_each_guard_is_needed(
    policy: Policy, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one of them, some server reads what the router did not judge."""
    loose = replace(table(), policy=policy)
    monkeypatch.setattr(comparison, "table", lambda: loose)

    assert compare([*attempts(0), *attempts(3000)[-500:]], ports).findings


def test_dialects_are_what_their_tables_say() -> None:
    every = [*dialects()]
    assert len(every) == len({it[:-1] for it in every})
    assert {it.place for it in every} == {"query", "cookie", "header", "path", "form", "json"}
    unmarked = [it.label for it in every if "@" not in f"{it.target}{it.fields}{it.body}"]
    assert unmarked == ["octal", "octal, of no rule"]
