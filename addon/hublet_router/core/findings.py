"""Findings: what the credentials of a request say, read once and by one loop."""

from enum import StrEnum
from typing import NamedTuple

from .lookup import Lookup, Rule
from .places import Form, Place
from .readers import Account
from .request import Request
from .table import Table

MAX_CREDENTIAL = 16 * 1024
"""Characters of a credential that are read; a request with a longer one is refused."""


MAX_VALUES = 100
"""Credentials of one place that are read; a request with more of them is refused."""


class Unread(StrEnum):
    """Why nothing was read where something is: that is another finding than "no credential"."""

    LONG_CREDENTIAL = "a credential over 16 KiB"
    MANY = "over 100 credentials in one place"
    LONG_BODY = "a body over 64 KiB"
    BODY = "a body in another format or coding"
    VALUE = "a value that servers read in different ways"


class Finding(NamedTuple):
    """One credential of a request: where it stands, the rule that read it, and what it names.

    `rule` is the first of the place if none read it. `credential` is None if it is `unread`,
    and if an account stands there, beside the credentials. `hublets` has no aliases.
    """

    place: Place
    rule: Rule
    credential: str | None
    hublets: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    unread: Unread | None = None

    @property
    def is_beside(self) -> bool:
        """Whether it is not about a credential, but about an account that stands beside those."""
        return isinstance(self.rule.reader, Account)


def findings(table: Table, request: Request) -> list[Finding]:
    """Read every credential of a request, place by place, in the order of the table."""
    found: list[Finding] = []
    unfit: Lookup | None = None  # the first place in a body that is of another format
    is_read = not request.body
    for lookup in table.index.lookups_in(request):
        values = lookup.values(request)
        if lookup.in_body:
            if request.body is None:
                found.append(_unread(lookup, Unread.LONG_BODY))
                continue
            if values is None and not (isinstance(lookup.place, Form) and request.form is not None):
                unfit = unfit or lookup
                continue
            is_read = True
        if values is None:
            found.append(_unread(lookup, Unread.VALUE))
        elif values:
            if len(values) > MAX_VALUES:
                found.append(_unread(lookup, Unread.MANY))
            else:
                found += [_read(lookup, text) for text in values]
    # A path may take several formats: one of them must be it, and no other one.
    if unfit and (not is_read or request.is_mistyped):
        found.append(_unread(unfit, Unread.BODY))
    return found


def _read(lookup: Lookup, text: str) -> Finding:
    if len(text) > MAX_CREDENTIAL:
        return _unread(lookup, Unread.LONG_CREDENTIAL)
    rule, hublets, accounts = lookup.read(text)
    return Finding(lookup.place, rule, None if lookup.is_beside else text, hublets, accounts)


def _unread(lookup: Lookup, why: Unread) -> Finding:
    return Finding(lookup.place, lookup.rules[0], None, unread=why)
