"""Why a request went where it went: the decision, its rows, the policy, and a hint."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.decision import Action, Decision, Reason
from ..core.findings import Finding, findings
from ..core.judge import check_request, judge
from ..core.request import Request
from ..core.table import Table
from .masking import aligned, printable
from .rows import Outcome, Rows, Tried

POLICY_KEYS = {
    Reason.LEGACY: "legacy",
    Reason.ANONYMOUS: "anonymous",
    Reason.UNKNOWN_HUBLET: "unknown",
    Reason.CONFLICT: "conflict",
    Reason.UNREADABLE: "unreadable",
    Reason.STRAY: "stray",
}
"""The key of the policy that a reason follows."""

_LOG = "in the log"
_GUESSED = {Reason.LEGACY, Reason.ANONYMOUS}
_WRONG_PLACE = {401, 403, 404}  # what a Hublet may answer for a customer that it does not know


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with everything that was tried for it, in the order of the table.

    `policy` is what the table says where no single known Hublet was named (`legacy: default`),
    `hint` what a person might not see.
    """

    decision: Decision
    tried: tuple[Tried, ...]
    policy: str | None
    hint: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the decision's keys and those of the explanation."""
        tried = [one.as_json() for one in self.tried]
        return {
            **self.decision.as_json(), "tried": tried, "policy": self.policy, "hint": self.hint
        }  # fmt: skip

    def as_text(self) -> str:
        """Return the decision, a row for each rule that looked at the request, and the policy."""
        looked = [one for one in self.tried if one.outcome is not Outcome.NOT_HERE]
        rows = [(one.rule, one.place, one.why, one.shape or "") for one in looked]
        lines = [self.decision.summary, *(f"  {line}" for line in aligned(rows))]
        if absent := self.rules(Outcome.NOT_HERE):
            lines.append(f"{Outcome.NOT_HERE.value}: {', '.join(absent)}")
        if self.policy:
            lines.append(f"policy {self.policy}")
        lines.append(f"table {self.decision.table}")
        return "\n".join([*lines, self.hint] if self.hint else lines)

    def rules(self, outcome: Outcome) -> list[str]:
        """Return each rule of which something came to an outcome, once."""
        return [*dict.fromkeys(one.rule for one in self.tried if one.outcome is outcome)]


def explain(table: Table, request: Request, status: int | None = None) -> Explanation:
    """Decide a request and say why; `status` is that of its answer, if it has one."""
    decision = check_request(table, request)
    if decision:  # no rule looks at the request
        return Explanation(
            decision, (), _foreign(table, decision), _obstacle(table, request, decision)
        )
    found = findings(table, request)
    decision, settled = judge(table, request, found)
    rows = Rows(table, request, found, decision, settled)
    tried = (*rows.rules(), *rows.accounts(), *rows.stray())
    names = [name for it in found for name in it.hublets]
    hint = _guess(decision, status) or _near(table, names)
    return Explanation(decision, tried, _policy(table, request, found, decision), hint)


def explain_logged(table: Table, decision: Decision, line: Mapping[str, Any]) -> Explanation:
    """Return what a line of the decision log says, and what the table says of it now.

    The line holds no credential to decide anew.
    """
    status = line.get("status")
    if decision.table == table.version:
        key = POLICY_KEYS.get(decision.reason)
        policy = f"{key}: {getattr(table.policy, key)}" if key else None
        hint = _guess(decision, status if isinstance(status, int) else None)
        hint = hint or _near(table, [str(line.get("named") or "")])
    else:
        policy = None
        hint = "Another table decided than this one: a log has no credential to decide anew."
    tried = (*_logged_name(table, decision, line), *_logged_accounts(table, line))
    return Explanation(decision, tried, policy, hint)


def _policy(table: Table, request: Request, found: list[Finding], decision: Decision) -> str | None:
    """Return what the table says where no single known Hublet was named."""
    policy = table.policy
    if key := POLICY_KEYS.get(decision.reason):
        return f"{key}: {getattr(policy, key)}"
    if policy.conflict == "refuse":
        return None
    strict = table.with_policy(conflict="refuse")
    is_conflict = judge(strict, request, found)[0].reason is Reason.CONFLICT
    return "conflict: first" if is_conflict else None


def _foreign(table: Table, decision: Decision) -> str | None:
    """Return the policy for foreign hosts; hosts that differ are refused, come what may."""
    policy = table.policy.foreign
    is_applied = (policy == "pass") == (decision.action is Action.PASS)
    is_foreign = decision.reason is Reason.FOREIGN_HOST
    return f"foreign: {policy}" if is_foreign and is_applied else None


def _obstacle(table: Table, request: Request, decision: Decision) -> str:
    """Return what keeps the rules from looking at a request."""
    if decision.reason is Reason.TOO_LARGE:
        return "Its path is over 20 KiB."
    if decision.reason is Reason.UNREADABLE:
        return "Its path or a header holds a control character."
    if not request.hosts:
        return "It names no host."
    if not request.host:
        return "It names hosts that differ."
    what = "The server name of its TLS" if table.owns(request.host) else "Its host"
    return f"{what} is not in 'domains'."


def _near(table: Table, names: Iterable[str]) -> str | None:
    """Return a sentence where a name is nearly a listed one."""
    sentence = next(filter(None, (near_name(table, name) for name in names)), None)
    return sentence and f"{sentence[0].upper()}{sentence[1:]}."


def _guess(decision: Decision, status: int | None) -> str | None:
    """Return a sentence where an answer may be due to a guess."""
    if status in _WRONG_PLACE and decision.reason in _GUESSED and decision.hublet:
        return (
            f"Nothing named a Hublet, so {decision.hublet} was a guess: {status} may mean another."
        )
    return None


def near_name(table: Table, name: str) -> str | None:
    """Return a sentence for a name that is a listed one in another case, or a longer form of it.

    Such as `EU` or `eu-central-1` for `eu`. It says only what the table itself has: the name may be
    anything at all.
    """
    if table.hublet_named(name):
        return None
    folded = name.lower()
    for known in sorted([*table.hublets, *table.aliases], key=len, reverse=True):
        begins, rest = folded.startswith(known.lower()), folded[len(known) : len(known) + 1]
        if not begins or (rest.isdigit() and known[-1].isdigit()):  # eu10 is no longer eu1
            continue
        what = "a longer form of" if rest else "another case of"
        hublet = table.hublet_named(known)
        fix = f"if it is the same, list it in 'aliases' of Hublet '{hublet}'"
        return f"a name is {what} '{known}'; {fix}"
    return None


def _logged_name(table: Table, decision: Decision, line: Mapping[str, Any]) -> Iterator[Tried]:
    """Yield what the credential named that decided, if the log has it."""
    named = decision.hublet if decision.reason is Reason.CREDENTIAL else line.get("named")
    if named and decision.credential:
        name = table.hublet_named(str(named)) or printable(str(named))
        outcome = Outcome.NAMES if name in table.hublets else Outcome.NAMES_UNLISTED
        why = outcome.value.format(name=name)
        yield Tried(decision.credential, _LOG, outcome, None, name, why)


def _logged_accounts(table: Table, line: Mapping[str, Any]) -> Iterator[Tried]:
    """Yield what became of the accounts that the request named."""
    given = line.get("accounts")
    ids = [it for it in given if isinstance(it, str)] if isinstance(given, list) else []
    owners = table.accounts.hublets_by_id(ids) if table.accounts else [None] * len(ids)
    for account, owner in zip(ids, owners, strict=True):
        outcome = Outcome.MOVED if owner else Outcome.NOT_MOVED
        why = f"{printable(account)}: {outcome.value.format(name=owner)}"
        yield Tried("accounts", _LOG, outcome, None, owner, why)
