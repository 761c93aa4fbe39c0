"""Findings: what the credentials of a request say, read once and by one loop."""

from typing import NamedTuple

from .lookup import Rule
from .places import Place
from .request import Request
from .table import Table

MAX_CREDENTIAL = 16 * 1024
"""Characters of a credential that are read; a request with a longer one is refused."""


class Finding(NamedTuple):
    """One credential of a request: where it stands, the rule that read it, and what it names.

    `credential` is None if it would be in a body that cannot be read. `rule` is the first of the
    place if none could read it.
    """

    place: Place
    rule: Rule
    credential: str | None
    hublets: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


def findings(table: Table, request: Request) -> list[Finding]:
    """Read every credential of a request, place by place, in the order of the table."""
    found = []
    for lookup in table.index.lookups_for(request.path):
        if lookup.in_body and request.body is None:
            found.append(Finding(lookup.place, lookup.rules[0], None))
            continue
        for text in lookup.values(request):
            if len(text) > MAX_CREDENTIAL:
                found.append(Finding(lookup.place, lookup.rules[0], text))
            else:
                rule, hublets, accounts = lookup.read(text)
                found.append(Finding(lookup.place, rule, text, hublets, accounts))
    return found
