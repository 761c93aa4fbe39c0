"""Answers that name another Hublet, and the lines of a table that would send requests there."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..core.decision import Decision, Reason
from ..core.findings import Finding, findings
from ..core.json_documents import json_strings
from ..core.judge import decide
from ..core.request import Request
from ..core.table import MIGRATING, MISDIRECTED, Table, account_id
from .masking import counted

_OURS = "hublet-router; error="  # a router's own answer says nothing of a Hublet
_PLAIN_ID = re.compile(r"[A-Za-z0-9]+")


class Misdirection(NamedTuple):
    """What an answer says: which Hublet is right, or None if the table does not list it."""

    hublet: str | None = None
    is_migrating: bool = False

    def __str__(self) -> str:
        return "migrating" if self.is_migrating else self.hublet or "-"


def detect_misdirection(
    table: Table, status: int, headers: Iterable[tuple[str, str]], body: bytes | None
) -> Misdirection | None:
    """Return what an answer says of the right Hublet; None if it is not about that.

    The names of `headers` are in lower case. A `body` of None cannot be read. The table's own
    status may mean other things too, so it needs a name if the table says where one stands.
    """
    how = table.misdirected
    if status not in how.statuses:
        return None
    fields = list(headers)
    if any(name == "proxy-status" and _OURS in value for name, value in fields):
        return None
    named = [value.strip() for name, value in fields if name == how.header]
    if how.json and body:
        named += json_strings(body, how.json)
    is_sure = status != how.status or body is None or not (how.header or how.json)
    if not (named or is_sure or status == MISDIRECTED):
        return None
    listed = next(filter(None, map(table.hublet_named, named)), None)
    is_migrating = status == MIGRATING and how.status != MIGRATING
    return Misdirection(listed, is_migrating)


class AccountMoves:
    """The accounts that have moved, by recorded answers, and that the table still lacks."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.moved: dict[str, Counter[str]] = {}  # account -> answers by Hublet
        self._now: dict[str, Decision] = {}  # account -> what the table decides
        self._rest: Counter[str] = Counter()

    def add(self, request: Request, answer: Misdirection) -> None:
        """Count an answer for the account of its request, if that names exactly one."""
        decision = decide(self.table, request)
        if answer.is_migrating:
            self._rest["an account is being moved; record again later"] += 1
        elif not answer.hublet:
            self._rest["no Hublet of the table is named"] += 1
        elif answer.hublet != decision.hublet:
            ids = accounts_in(findings(self.table, request))
            if len(ids) == 1:
                (account,) = ids
                self.moved.setdefault(account, Counter())[answer.hublet] += 1
                self._now.setdefault(account, decision)
            elif ids:
                self._rest["the request names more than one account"] += 1
            else:
                self._rest["no item of `accounts.ids` finds an account in the request"] += 1

    def moves(self) -> dict[str, str]:
        """Return the accounts that have moved, each with the Hublet that all its answers named."""
        return {account: next(iter(it)) for account, it in self.moved.items() if len(it) == 1}

    def lines(self) -> Iterator[str]:
        """Yield lines for the table, as YAML; what needs a person's decision is a comment."""
        if self.moved or self._rest:
            yield "# For the table, from answers that name another Hublet:"
        moves = self.moves()
        if moves:
            yield from ("accounts:", "  moved:")
        for account, hublet in moves.items():
            now = self._now[account]
            note = f"{counted(self.moved[account].total(), 'answer')}; now {now.summary}"
            # Beside a credential that names a Hublet, an account counts only if it says from where.
            is_named = now.reason is Reason.CREDENTIAL
            move = f"{{from: {now.hublet}, to: {hublet}}}" if is_named else hublet
            yield f"    {_key(account)}: {move}  # {note}"
        for account, counts in self.moved.items():
            if account not in moves:
                named = ", ".join(f"{name} ({count})" for name, count in counts.items())
                yield f"# {_key(account)}: the answers differ: {named}"
        for why, count in self._rest.items():
            yield f"# {counted(count, 'answer')}: {why}"


def accounts_in(found: Iterable[Finding]) -> set[str]:
    """Return the accounts in findings; nothing that is a credential as well."""
    found = list(found)
    secrets = {account_id(it.credential) for it in found if it.credential}
    return {account_id(account) for it in found for account in it.accounts} - secrets


def _key(account: str) -> str:
    return account if _PLAIN_ID.fullmatch(account) else json.dumps(account)
