"""The decision: a pure function of a table and a request."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from .places import Request, host_name
from .table import Rule, Table, Upstream

MAX_CREDENTIAL = 16 * 1024
"""Characters of a credential that are read; a request with a longer one is refused."""


class Action(StrEnum):
    """What becomes of a request."""

    ROUTE = "route"
    REFUSE = "refuse"
    PASS = "pass"  # noqa: S105


class Reason(StrEnum):
    """Why it was decided so."""

    CREDENTIAL = "credential"
    LEGACY = "legacy"
    ANONYMOUS = "anonymous"
    UNKNOWN_HUBLET = "unknown-hublet"
    CONFLICT = "conflict"
    FOREIGN_HOST = "foreign-host"
    TOO_LARGE = "too-large"
    NO_TABLE = "no-table"
    INTERNAL_ERROR = "internal-error"


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a request goes and why.

    `hublet` is a name of the table and `upstream` its value: nothing is composed from the request.
    `credential` is the name of a rule, never what it read. `table` is the table's version.
    """

    action: Action
    hublet: str | None
    upstream: Upstream | None
    reason: Reason
    credential: str | None
    table: str | None

    def as_json(self) -> dict[str, str | None]:
        """Return the decision as it is written wherever a program reads it."""
        return {
            "action": self.action.value,
            "hublet": self.hublet,
            "upstream": str(self.upstream) if self.upstream else None,
            "reason": self.reason.value,
            "credential": self.credential,
            "table": self.table,
        }


def refuse(reason: Reason, credential: str | None = None, table: str | None = None) -> Decision:
    """Return the decision that sends a request nowhere."""
    return Decision(Action.REFUSE, None, None, reason, credential, table)


def decide(table: Table, request: Request) -> Decision:
    """Decide where a request goes. Deciding twice gives the same.

    Every credential is read. One that names a Hublet beats one that names none; two that name
    different ones are a conflict. When the body is None, a rule that would have to read it
    refuses the request, unless another credential names its Hublet.
    """
    owned = [table.owns(host_name(host)) for host in request.hosts]
    if not any(owned) and table.policy.foreign == "pass":
        return Decision(Action.PASS, None, None, Reason.FOREIGN_HOST, None, table.version)
    if not all(owned) or request.host is None:
        return refuse(Reason.FOREIGN_HOST, None, table.version)

    named: dict[str, str] = {}  # the name of a Hublet -> the rule that named it first
    silent: str | None = None  # the first rule whose credential names none
    unread: str | None = None  # the first rule whose body cannot be read
    for rule, credential, names in readings(table, request):
        if credential is None:
            unread = unread or rule.name
        elif len(credential) > MAX_CREDENTIAL:
            return refuse(Reason.TOO_LARGE, rule.name, table.version)
        elif not names:
            silent = silent or rule.name
        for name in names:
            named.setdefault(name, rule.name)
    return _settle(table, named, silent, unread)


def readings(table: Table, request: Request) -> Iterator[tuple[Rule, str | None, tuple[str, ...]]]:
    """Yield each credential of a request, with the rule that read it and the names that it found.

    The credential is None where it may stand in a body that cannot be read. One that is too long
    comes without names: it was not read.
    """
    for place, all_rules in table.by_place.items():
        rules = [rule for rule in all_rules if rule.applies_to(request.path)]
        if not rules:
            continue
        if place.in_body and request.body is None:
            yield rules[0], None, ()
            continue
        for credential in place.values(request):
            if len(credential) > MAX_CREDENTIAL:
                yield rules[0], credential, ()
            else:
                rule, names = _read(rules, credential)
                yield rule, credential, names


def _read(rules: list[Rule], credential: str) -> tuple[Rule, tuple[str, ...]]:
    """Return the first rule that finds a name in the credential, or else that knows its kind."""
    for rule in rules:
        if names := rule.reader.names(credential):
            return rule, names
    return next((rule for rule in rules if rule.reader.recognises(credential)), rules[0]), ()


def _settle(
    table: Table, named: dict[str, str], silent: str | None, unread: str | None
) -> Decision:
    """Apply the table's policy to what the credentials named."""
    policy = table.policy
    if len(named) > 1 and policy.conflict == "refuse":
        return refuse(Reason.CONFLICT, next(iter(named.values())), table.version)
    if named:
        name, rule = next(iter(named.items()))
        if name in table.hublets:
            return _route(table, name, Reason.CREDENTIAL, rule)
        return _default(table, policy.unknown, Reason.UNKNOWN_HUBLET, rule)
    if unread:
        return refuse(Reason.TOO_LARGE, unread, table.version)
    if silent:
        return _default(table, policy.legacy, Reason.LEGACY, silent)
    return _default(table, policy.anonymous, Reason.ANONYMOUS, None)


def _default(table: Table, policy: str, reason: Reason, rule: str | None) -> Decision:
    if policy == "default" and table.default:
        return _route(table, table.default, reason, rule)
    return refuse(reason, rule, table.version)


def _route(table: Table, hublet: str, reason: Reason, rule: str | None) -> Decision:
    upstream = table.hublets[hublet]
    return Decision(Action.ROUTE, hublet, upstream, reason, rule, table.version)
