"""The decision: a pure function of a table and a request."""

from dataclasses import dataclass
from enum import StrEnum

from .places import Request, host_name
from .plan import Rule
from .table import Table, Upstream

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
    MOVED = "moved"
    PINNED = "pinned"
    UNKNOWN_HUBLET = "unknown-hublet"
    CONFLICT = "conflict"
    FOREIGN_HOST = "foreign-host"
    TOO_LARGE = "too-large"
    NO_TABLE = "no-table"
    INTERNAL_ERROR = "internal-error"


type Reading = tuple[Rule, str | None, tuple[str, ...], tuple[str, ...]]
"""A rule, the credential that it read, the names in it, and the accounts."""


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
    different ones are a conflict. An account that has moved beats its credential. A rule that has
    to read a body of None refuses the request, unless something else names its Hublet.
    """
    if elsewhere := _elsewhere(table, request):
        return elsewhere
    accounts = table.accounts
    # the name of a Hublet -> the rule that named it first
    moved: dict[str, str | None] = accounts.named_by(request) if accounts else {}
    firm: dict[str, str] = {}  # by a credential that tells its account: nothing else overrides it
    named: dict[str, str] = {}
    silent: str | None = None  # the first rule whose credential names none
    unread: str | None = None  # the first rule whose body cannot be read
    for rule, credential, found, ids in readings(table, request):
        names = found
        if ids and accounts:
            names = accounts.owners(ids) or found
            firm |= dict.fromkeys(names, rule.name)
            if names is not found:
                moved = {**dict.fromkeys(names, rule.name), **moved}
        if names:
            for name in names:
                named.setdefault(name, rule.name)
        elif credential is None:
            unread = unread or rule.name
        elif len(credential) > MAX_CREDENTIAL:
            return refuse(Reason.TOO_LARGE, rule.name, table.version)
        else:
            silent = silent or rule.name
    sure = {**moved, **firm} if moved else named
    if (len(named) > 1 or len(sure) > 1) and table.policy.conflict == "refuse":
        return refuse(Reason.CONFLICT, next(iter(named.values()), None), table.version)
    if moved:
        name, by = next(iter(moved.items()))
        return _route(table, name, Reason.MOVED, by or next(iter(named.values()), silent))
    return _settle(table, named, silent, unread)


def _settle(
    table: Table, named: dict[str, str], silent: str | None, unread: str | None
) -> Decision:
    """Apply the table's policy to what the credentials named."""
    if named:
        name, rule = next(iter(named.items()))
        if name in table.hublets:
            return _route(table, name, Reason.CREDENTIAL, rule)
        return _default(table, table.policy.unknown, Reason.UNKNOWN_HUBLET, rule)
    if unread:
        return refuse(Reason.TOO_LARGE, unread, table.version)
    if silent:
        return _default(table, table.policy.legacy, Reason.LEGACY, silent)
    return _default(table, table.policy.anonymous, Reason.ANONYMOUS, None)


def readings(table: Table, request: Request) -> list[Reading]:
    """Return each credential of a request, None where one may stand in a body that is not there.

    One that is too long comes without names: it was not read.
    """
    found: list[Reading] = []
    for look in table.plan.looks(request.path):
        if look.in_body and request.body is None:
            found.append((look.rules[0], None, (), ()))
            continue
        for credential in look.values(request):
            if len(credential) > MAX_CREDENTIAL:
                found.append((look.rules[0], credential, (), ()))
            else:
                rule, names, accounts = look.read(credential)
                found.append((rule, credential, names, accounts))
    return found


def _elsewhere(table: Table, request: Request) -> Decision | None:
    """Return the decision for a request whose host is not ours, or not one; None for the others."""
    hosts = request.hosts
    if hosts and hosts[0] in table.domains and hosts.count(hosts[0]) == len(hosts):
        return None  # the usual spelling needs no reading
    owned = [table.owns(host_name(host)) for host in hosts]
    if not any(owned) and table.policy.foreign == "pass":
        return Decision(Action.PASS, None, None, Reason.FOREIGN_HOST, None, table.version)
    if not all(owned) or request.host is None:
        return refuse(Reason.FOREIGN_HOST, None, table.version)
    return None


def _default(table: Table, policy: str, reason: Reason, rule: str | None) -> Decision:
    if policy == "default" and table.default:
        return _route(table, table.default, reason, rule)
    return refuse(reason, rule, table.version)


def _route(table: Table, hublet: str, reason: Reason, rule: str | None) -> Decision:
    key = hublet, rule, reason
    if (decision := table.routes.get(key)) is None:
        upstream = table.hublets[hublet]
        decision = Decision(Action.ROUTE, hublet, upstream, reason, rule, table.version)
        table.routes[key] = decision
    return decision
