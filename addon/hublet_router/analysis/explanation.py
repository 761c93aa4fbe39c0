"""Why a request went where it went: the decision, its rows, the policy, and a hint."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..core.decision import Action, Decision, Reason
from ..core.findings import Finding, findings
from ..core.judge import check_request, judge
from ..core.request import Request
from ..core.table import Table
from .near_names import near_name
from .rows import NOT_HERE, Outcome, Rows, Tried

POLICY_KEYS = {
    Reason.LEGACY: "legacy",
    Reason.ANONYMOUS: "anonymous",
    Reason.UNKNOWN_HUBLET: "unknown",
    Reason.CONFLICT: "conflict",
    Reason.UNREADABLE: "unreadable",
    Reason.STRAY: "stray",
}
"""The key of the policy that a reason follows."""

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
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [self.decision.summary]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(f"  {'  '.join(cells)}".rstrip())
        absent = [one.rule for one in self.tried if one.outcome is Outcome.NOT_HERE]
        if absent:
            lines.append(f"{NOT_HERE}: {', '.join(dict.fromkeys(absent))}")
        if self.policy:
            lines.append(f"policy {self.policy}")
        lines.append(f"table {self.decision.table}")
        return "\n".join([*lines, self.hint] if self.hint else lines)


def explain(table: Table, request: Request, status: int | None = None) -> Explanation:
    """Decide a request and say why; `status` is that of its answer, if it has one."""
    decision = check_request(table, request)
    if decision:  # no rule looks at the request
        return Explanation(decision, (), _foreign(table, decision), _obstacle(request, decision))
    found = findings(table, request)
    decision, settled = judge(table, request, found)
    rows = Rows(table, request, found, decision, settled)
    tried = (*rows.rules(), *rows.accounts(), *rows.stray())
    names = [name for it in found for name in it.hublets]
    hint = guess(decision, status) or near(table, names)
    return Explanation(decision, tried, _policy(table, request, found, decision), hint)


def _policy(table: Table, request: Request, found: list[Finding], decision: Decision) -> str | None:
    """Return what the table says where no single known Hublet was named."""
    policy = table.policy
    if key := POLICY_KEYS.get(decision.reason):
        return f"{key}: {getattr(policy, key)}"
    if policy.conflict == "refuse":
        return None
    strict = replace(table, policy=replace(policy, conflict="refuse"))
    is_conflict = judge(strict, request, found)[0].reason is Reason.CONFLICT
    return "conflict: first" if is_conflict else None


def _foreign(table: Table, decision: Decision) -> str | None:
    """Return the policy for foreign hosts; hosts that differ are refused, come what may."""
    policy = table.policy.foreign
    is_applied = (policy == "pass") == (decision.action is Action.PASS)
    is_foreign = decision.reason is Reason.FOREIGN_HOST
    return f"foreign: {policy}" if is_foreign and is_applied else None


def _obstacle(request: Request, decision: Decision) -> str:
    """Return what keeps the rules from looking at a request."""
    if decision.reason is not Reason.FOREIGN_HOST:
        return "Its path or a header holds a control character."
    if not request.hosts:
        return "It names no host."
    return "Its host is not in 'domains'." if request.host else "It names hosts that differ."


def near(table: Table, names: Iterable[str]) -> str | None:
    """Return a sentence where a name is nearly a listed one."""
    sentence = next(filter(None, (near_name(table, name) for name in names)), None)
    return sentence and f"{sentence[0].upper()}{sentence[1:]}."


def guess(decision: Decision, status: int | None) -> str | None:
    """Return a sentence where an answer may be due to a guess."""
    if status in _WRONG_PLACE and decision.reason in _GUESSED and decision.hublet:
        return (
            f"Nothing named a Hublet, so {decision.hublet} was a guess: {status} may mean another."
        )
    return None
