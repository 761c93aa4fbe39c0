"""What a table says of a line of the decision log, which holds no credential to decide anew."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.decision import Decision, Reason
from ..core.table import Table
from .explanation import POLICY_KEYS, Explanation, guess, near
from .masking import printable
from .rows import Outcome, Tried

_PLACE = "in the log"


def explain_logged(table: Table, decision: Decision, line: Mapping[str, Any]) -> Explanation:
    """Return the decision of a line, with what the table says of its names and accounts now."""
    status = line.get("status")
    if decision.table == table.version:
        key = POLICY_KEYS.get(decision.reason)
        policy = f"{key}: {getattr(table.policy, key)}" if key else None
        hint = guess(decision, status if isinstance(status, int) else None)
        hint = hint or near(table, [str(line.get("named") or "")])
    else:
        policy = None
        hint = "Another table decided than this one: a log has no credential to decide anew."
    tried = (*_named(table, decision, line), *_accounts(table, line))
    return Explanation(decision, tried, policy, hint)


def _named(table: Table, decision: Decision, line: Mapping[str, Any]) -> Iterator[Tried]:
    """Yield what the credential named that decided, if the log has it."""
    named = decision.hublet if decision.reason is Reason.CREDENTIAL else line.get("named")
    if named and decision.credential:
        name = table.hublet_named(str(named)) or printable(str(named))
        outcome = Outcome.NAMES if name in table.hublets else Outcome.NAMES_UNLISTED
        why = outcome.value.format(name=name)
        yield Tried(decision.credential, _PLACE, outcome, None, name, why)


def _accounts(table: Table, line: Mapping[str, Any]) -> Iterator[Tried]:
    """Yield what became of the accounts that the request named."""
    given = line.get("accounts")
    ids = [it for it in given if isinstance(it, str)] if isinstance(given, list) else []
    owners = table.accounts.hublets_by_id(ids) if table.accounts else [None] * len(ids)
    for account, owner in zip(ids, owners, strict=True):
        outcome = Outcome.MOVED if owner else Outcome.NOT_MOVED
        why = f"{printable(account)}: {outcome.value.format(name=owner)}"
        yield Tried("accounts", _PLACE, outcome, None, owner, why)
