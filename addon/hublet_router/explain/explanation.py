"""Why a request went where it went: the decision, with each rule that was tried for it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..core.decision import Action, Decision, Reason
from ..core.findings import MAX_CREDENTIAL
from ..core.judge import decide
from ..core.lookup import Lookup, Rule
from ..core.request import Request
from ..core.table import Accounts, Table
from .masking import describe_shape, place_name

NOT_LISTED = "a name that is not listed"
"""Shown for what a credential names where that could be anything at all."""

ABSENT = "no credential there"
LONG = f"longer than {MAX_CREDENTIAL >> 10} KiB"
NOT_HERE = "not for this path"
OTHER = "not of its kind"
OVERRULED = ", but its account has moved"
SILENT = "it names none"
UNREAD = "the body is too long or compressed"

_LIKE_A_HUBLET = re.compile(r"[a-z]{2,4}[0-9]{0,3}")
_POLICY_KEYS = {
    Reason.LEGACY: "legacy",
    Reason.ANONYMOUS: "anonymous",
    Reason.UNKNOWN_HUBLET: "unknown",
    Reason.CONFLICT: "conflict",
}
_GUESSED = {Reason.LEGACY, Reason.ANONYMOUS}
_WRONG_PLACE = {401, 403, 404}  # what a Hublet may answer for a customer that it does not know


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule at one place, for one credential there: never its text, but its `shape`.

    `named` is the Hublet that it named; what only claims to be one is not shown. `why` ends in
    `: decided` where the decision came from it.
    """

    rule: str
    place: str
    shape: str | None
    named: str | None
    why: str

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written wherever a program reads it."""
        return {
            "rule": self.rule,
            "place": self.place,
            "found": self.shape is not None,
            "shape": self.shape,
            "named": self.named,
            "why": self.why,
        }


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
        looked = [one for one in self.tried if one.why != NOT_HERE]
        rows = [(one.rule, one.place, one.why, one.shape or "") for one in looked]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [self.decision.summary]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(f"  {'  '.join(cells)}".rstrip())
        if absent := dict.fromkeys(one.rule for one in self.tried if one.why == NOT_HERE):
            lines.append(f"{NOT_HERE}: {', '.join(absent)}")
        if self.policy:
            lines.append(f"policy {self.policy}")
        lines.append(f"table {self.decision.table}")
        return "\n".join([*lines, self.hint] if self.hint else lines)


def explain(table: Table, request: Request, status: int | None = None) -> Explanation:
    """Decide as ever, and tell why; `status` is what the request was answered, if it was."""
    decision = decide(table, request)
    asked = decision.reason is not Reason.FOREIGN_HOST  # else no rule looks at the request
    return Explanation(
        decision=decision,
        tried=_concluded(decision, [*_turns(table, request)]) if asked else (),
        policy=_policy(table, request, decision),
        hint=_hint(request, decision, status),
    )


type _Turn = tuple[int, Tried]
"""What was tried, and when the live path does it: place by place, and accounts before all."""

_ACCOUNTS = -1


def _turns(table: Table, request: Request) -> Iterator[_Turn]:
    looks = {
        look.place: (turn, look) for turn, look in enumerate(table.index.lookups_for(request.paths))
    }
    for rule in table.rules:
        for place in rule.places:
            turn, look = looks.get(place, (0, None))
            results: Iterable[_Result] = [(None, None, ABSENT)]
            if not rule.applies_to(request.paths):
                results = [(None, None, NOT_HERE)]
            elif look:
                results = _results(table, rule, look, request)
            for found, name, why in results:
                yield turn, Tried(rule.name, place_name(place), found, name, why)
    if table.accounts:
        for where, values in _account_ids(
            table.accounts, request, table.index.lookups_for(request.paths)
        ):
            for found, name, why in _moves(table.accounts, values):
                yield _ACCOUNTS, Tried("accounts", where, found, name, why)


type _Result = tuple[str | None, str | None, str]
"""The shape of what was found, the Hublet that it named, and why."""


def _results(table: Table, rule: Rule, look: Lookup, request: Request) -> Iterator[_Result]:
    """Yield what a rule makes of each credential at a place."""
    if look.in_body and request.body is None:
        yield None, None, UNREAD
        return
    values = [*(look.values(request) or ())]
    if not values:
        yield None, None, ABSENT
    for value in values:
        if len(value) > MAX_CREDENTIAL:
            yield describe_shape(value), None, LONG
        else:
            for name, why in _readings(table, rule, look, value):
                yield describe_shape(value), name, why


def _readings(table: Table, rule: Rule, look: Lookup, value: str) -> list[tuple[str | None, str]]:
    """Return each name that a rule reads in a credential, unless an earlier rule reads one."""
    reader, names, ids = look.read(value)
    if reader != rule:
        if names and look.rules.index(reader) < look.rules.index(rule):
            return [(None, f"named by {reader.name} already")]
        return [(None, SILENT if rule.reader.recognises(value) else OTHER)]
    if not names:
        return [(None, SILENT)]
    overruled = (
        OVERRULED if ids and table.accounts and all(table.accounts.hublets_by_id(ids)) else ""
    )
    told = (_named(table, name) for name in dict.fromkeys(names))
    return [(shown, why + overruled) for shown, why in told]


def _named(table: Table, name: str) -> tuple[str, str]:
    """Return what may be shown of a name, and what to say of it."""
    if name in table.hublets:
        return name, f"names {name}"
    if _LIKE_A_HUBLET.fullmatch(name):
        return name, f"names {name}, which is not listed"
    return NOT_LISTED, "names one that is not listed"


def _account_ids(
    accounts: Accounts, request: Request, looks: Iterable[Lookup]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each place for an account with what stands there."""
    for place in accounts.places:
        yield place_name(place), [*(place.values(request) or ())]
    if accounts.fields:
        where = f"protobuf {', '.join(str(field.field) for field in accounts.fields)}"
        found = []
        for look in looks:
            values = () if look.in_body and request.body is None else look.values(request) or ()
            short = (value for value in values if len(value) <= MAX_CREDENTIAL)
            if ids := [one for value in short for one in look.read(value)[2]]:
                found.append((f"{where} in {place_name(look.place)}", ids))
        yield from found or [(where, [])]


def _moves(accounts: Accounts, ids: list[str]) -> Iterator[_Result]:
    if not ids:
        yield None, None, "no account there"
    for one in ids:
        owner = next(iter(accounts.hublets_by_id([one])), None)
        yield (
            describe_shape(one),
            owner,
            f"moved to {owner}" if owner else "not among those that moved",
        )


def _concluded(decision: Decision, turns: list[_Turn]) -> tuple[Tried, ...]:
    """Mark the one that decided, and say why the others that named a Hublet did not."""
    deciding = [turn for turn in turns if _could_decide(decision, turn)]
    # a body that cannot be read refuses only when all else was looked at
    _, chosen = min(deciding, key=lambda turn: (turn[1].why == UNREAD, turn[0]), default=(0, None))
    return tuple(
        replace(
            tried, why=f"{tried.why}: decided" if tried is chosen else _aside(decision, at, tried)
        )
        for at, tried in turns
    )


def _could_decide(decision: Decision, turn: _Turn) -> bool:
    at, tried = turn
    if decision.reason is Reason.MOVED:
        return at == _ACCOUNTS and tried.named == decision.hublet
    if at == _ACCOUNTS or tried.rule != decision.credential:
        return False
    match decision.reason:
        case Reason.LEGACY:
            return tried.why == SILENT
        case Reason.TOO_LARGE:
            return tried.why in {LONG, UNREAD}
    return tried.named is not None and decision.reason is not Reason.CONFLICT


def _aside(decision: Decision, at: int, tried: Tried) -> str:
    """Return why something that did not decide did not."""
    if tried.named is None or tried.why.endswith(OVERRULED):
        return tried.why
    rest = f", but {decision.credential} came first"
    match decision.reason:
        case Reason.CONFLICT:
            rest = ": in conflict"
        case Reason.TOO_LARGE:
            rest = ", but another credential is too long"
        case Reason.CREDENTIAL | Reason.MOVED if tried.named == decision.hublet:
            rest = " too"
        case _ if at == _ACCOUNTS:
            rest = ", but another account came first"
        case Reason.MOVED:
            rest = ", but an account has moved"
    return tried.why + rest


def _policy(table: Table, request: Request, decision: Decision) -> str | None:
    """Return what the table says where no single known Hublet was named."""
    policy = table.policy
    if key := _POLICY_KEYS.get(decision.reason):
        return f"{key}: {getattr(policy, key)}"
    if decision.reason is Reason.FOREIGN_HOST:  # two hosts that differ are refused, come what may
        passes = policy.foreign == "pass"
        return f"foreign: {policy.foreign}" if passes == (decision.action is Action.PASS) else None
    if policy.conflict == "first":
        strict = replace(table, policy=replace(policy, conflict="refuse"))
        if decide(strict, request).reason is Reason.CONFLICT:
            return "conflict: first"
    return None


def _hint(request: Request, decision: Decision, status: int | None) -> str | None:
    """Return a sentence where the answer may be due to a guess, or the host is not ours."""
    if decision.reason is Reason.FOREIGN_HOST:
        if not request.hosts:
            return "It names no host."
        return "Its host is not in 'domains'." if request.host else "It names hosts that differ."
    if status in _WRONG_PLACE and decision.reason in _GUESSED and decision.hublet:
        return (
            f"Nothing named a Hublet, so {decision.hublet} was a guess: {status} may mean another."
        )
    return None
