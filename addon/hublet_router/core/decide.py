"""The decision: a pure function of a table and a request."""

from collections.abc import Iterator
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

    __hash__ = str.__hash__  # the enum's own takes longer

    CREDENTIAL = "credential"
    LEGACY = "legacy"
    ANONYMOUS = "anonymous"
    MOVED = "moved"
    PINNED = "pinned"
    UNKNOWN_HUBLET = "unknown-hublet"
    CONFLICT = "conflict"
    FOREIGN_HOST = "foreign-host"
    UNREADABLE = "unreadable"
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
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: None if value is None else str(value) for name, value in values.items()}


def refuse(reason: Reason, credential: str | None = None, table: str | None = None) -> Decision:
    """Return the decision that sends a request nowhere."""
    return Decision(Action.REFUSE, None, None, reason, credential, table)


def decide(table: Table, request: Request) -> Decision:
    """Decide where a request goes. Deciding twice gives the same.

    Every credential is read. One that names a Hublet beats one that names none; two that name
    different ones are a conflict. An account that has moved beats its credential, and is in
    conflict with another account's. A rule that has to read a body of None refuses the request,
    unless something else names its Hublet.
    """
    if elsewhere := _elsewhere(table, request):
        return elsewhere
    accounts = table.accounts
    beside = accounts.named_by(request) if accounts else ()
    moved: tuple[str | None, str | None] | None = None  # to which Hublet, and the rule
    firm: list[str | None] = []  # by credentials that tell their account: nothing overrides them
    named: tuple[str, str] | None = None  # the first name of a Hublet, and the rule that found it
    is_torn = False  # whether there was another name
    silent: str | None = None  # the first rule whose credential names none
    unread: str | None = None  # the first rule whose body cannot be read
    for look in table.plan.looks(request.path):
        if look.in_body and request.body is None:
            unread = unread or look.rules[0].name
            continue
        for credential in look.values(request):
            if len(credential) > MAX_CREDENTIAL:
                return refuse(Reason.TOO_LARGE, look.rules[0].name, table.version)
            rule, names, ids = look.read(credential)
            if ids and accounts:
                owners = accounts.owners(ids)
                names = tuple(name for owner in owners for name in ((owner,) if owner else names))
                firm += names or (table.default,)
                moved = moved or next(((owner, rule.name) for owner in owners if owner), None)
            for name in names:
                named = named or (name, rule.name)
                is_torn = is_torn or name != named[0]
            if not names:
                silent = silent or rule.name
    if not (beside or moved or is_torn):
        return table.routes.get(named) or _settle(table, named, silent, unread)
    sure = {*beside, *firm} if beside else ()
    by = named[1] if named else None
    if (is_torn or len(sure) > 1) and table.policy.conflict == "refuse":
        return refuse(Reason.CONFLICT, by, table.version)
    hublet, rule_name = moved or (beside[0] if beside else None, by or silent)
    if hublet:
        return _route(table, hublet, Reason.MOVED, rule_name)
    return _settle(table, named, silent, unread)


def _settle(
    table: Table, named: tuple[str, str] | None, silent: str | None, unread: str | None
) -> Decision:
    """Apply the table's policy to what the credentials named."""
    if named:
        name, rule = named
        if name in table.hublets:
            return _route(table, name, Reason.CREDENTIAL, rule)
        return _default(table, table.policy.unknown, Reason.UNKNOWN_HUBLET, rule)
    if unread:
        return refuse(Reason.TOO_LARGE, unread, table.version)
    if silent:
        return _default(table, table.policy.legacy, Reason.LEGACY, silent)
    return _default(table, table.policy.anonymous, Reason.ANONYMOUS, None)


def readings(table: Table, request: Request) -> Iterator[Reading]:
    """Yield each credential: None for one in a body that is not there, no name if too long."""
    for look in table.plan.looks(request.path):
        unread = look.rules[0], (), ()
        for text in [None] if look.in_body and request.body is None else look.values(request):
            rule, names, ids = look.read(text) if text and len(text) <= MAX_CREDENTIAL else unread
            yield rule, text, names, ids


def _elsewhere(table: Table, request: Request) -> Decision | None:
    """Return the decision for a request whose host is not ours, or not one; None for the others."""
    if request.has_control_characters:
        return refuse(Reason.UNREADABLE, None, table.version)
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
    key = (hublet, rule) if reason is Reason.CREDENTIAL else (hublet, rule, reason)
    if (decision := table.routes.get(key)) is None:
        upstream = table.hublets[hublet]
        decision = Decision(Action.ROUTE, hublet, upstream, reason, rule, table.version)
        table.routes[key] = decision
    return decision
