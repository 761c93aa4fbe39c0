"""What is suspicious in a table that loads, as far as its own examples show it.

Nothing is guessed from patterns. Each rule and each Hublet needs an example, and all rules that can
read an example's credential are compared there.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..core.findings import MAX_CREDENTIAL, Finding, findings
from ..core.judge import check_request
from ..core.lookup import Rule
from ..core.table import Example, Table, Upstream


class Remark(NamedTuple):
    """Something to look at: the line and column, and what, with what to do."""

    at: tuple[int, int]
    text: str


class _Reading(NamedTuple):
    """A rule that reads names in an example's credential, whether or not it is the first."""

    example: Example
    rule: Rule
    names: tuple[str, ...]
    first: Finding


def lint(table: Table) -> list[Remark]:
    """Return what is suspicious, in the order of the file."""
    readings = [*_readings(table)]
    remarks = [
        Remark(rule.at, f"rule '{rule.name}' {text}")
        for rule in table.rules
        for text in _doubts(rule, readings)
    ]
    return sorted([*remarks, *_hublets(table, readings)])


def _readings(table: Table) -> Iterator[_Reading]:
    for example in table.examples:
        if check_request(table, example.request):
            continue  # no rule looks at it
        for it in findings(table, example.request):
            if it.credential is None or len(it.credential) > MAX_CREDENTIAL:
                continue
            for rule in table.rules:
                applies = it.place in rule.places and rule.applies_to(example.request.paths)
                if applies and (names := rule.reader.names(it.credential)):
                    yield _Reading(example, rule, names, it)


def _doubts(rule: Rule, readings: list[_Reading]) -> Iterator[str]:
    """Yield what the examples say of a rule that may not do what it was written for."""
    mine = [it for it in readings if it.rule == rule]
    if not mine:
        yield "has no example that shows it naming a Hublet; add one"
    elif not any(it.first.rule == rule for it in mine):
        worst = next((it for it in mine if it.names != it.first.hublets), mine[0])
        what = "the same Hublet" if worst.names == worst.first.hublets else "another Hublet"
        yield (
            f"decides none of its examples: on line {worst.example.at[0]},"
            f" '{worst.first.rule.name}' comes first and names {what};"
            " move it up, add an example that it decides, or remove it"
        )


def _hublets(table: Table, readings: list[_Reading]) -> Iterator[Remark]:
    """Yield the Hublets that no example leads to, and those that share an upstream."""
    reached = {table.default, *(example.hublet for example in table.examples)}
    reached |= {name for it in readings for name in it.first.hublets}
    reached |= {move.to for move in table.accounts.moved.values()} if table.accounts else set()
    owners: dict[Upstream, str] = {}
    for name, upstream in table.hublets.items():
        if name not in reached:
            text = f"no example leads to Hublet '{name}'; add one, or remove the Hublet"
            yield Remark(upstream.at, text)
        owner = owners.setdefault(upstream, name)
        if owner != name:
            text = (
                f"Hublet '{name}' has the same upstream as '{owner}'; if they are one, list it in"
                f" 'aliases' of '{owner}', so that the two names are no conflict"
            )
            yield Remark(upstream.at, text)
