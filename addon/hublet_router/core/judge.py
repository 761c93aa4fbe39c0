"""The judge: a pure function from the findings of a request to its decision."""

from collections.abc import Sequence

from .decision import Action, Decision, Reason, refuse, route
from .findings import Finding, Problem, findings
from .request import Request, host_name
from .stray import find_stray
from .table import Table

_PROBLEMS = {
    Problem.LONG_CREDENTIAL: Reason.TOO_LARGE,
    Problem.LONG_BODY: Reason.TOO_LARGE,
    Problem.BODY: Reason.UNREADABLE,
    Problem.VALUE: Reason.UNREADABLE,
}

type Claim = tuple[str, Finding, bool]
"""A Hublet's name that counts, the finding that it comes from, and whether its account has moved.

If it has, the name is the account's Hublet and not the credential's own.
"""

type Verdict = tuple[Decision, Finding | None]
"""A decision with the finding that settled it: None for a conflict, or if there is none."""


def decide(table: Table, request: Request) -> Decision:
    """Decide where a request goes. Deciding twice gives the same.

    Every credential is read. One that names a Hublet beats one that names none; two that name
    different ones are a conflict. An account that has moved beats its credential, and is in
    conflict with another account's. What cannot be read refuses the request, whatever else it
    carries, and so does another Hublet's credential where no rule looks.
    """
    return check_request(table, request) or judge(table, request, findings(table, request))[0]


def check_request(table: Table, request: Request) -> Decision | None:
    """Return the decision for a request that no rule may look at, or None for all others.

    That is one with control characters, and one whose host is not ours or not clear.
    """
    if request.has_control_characters:
        return refuse(Reason.UNREADABLE, None, table.version)
    hosts = request.hosts
    if hosts and hosts[0] in table.domains and len(set(hosts)) == 1:
        return None  # the usual spelling needs no reading
    owned = [table.owns(host_name(host)) for host in hosts]
    if not any(owned) and table.policy.foreign == "pass":
        return Decision(Action.PASS, None, None, Reason.FOREIGN_HOST, None, table.version)
    if not all(owned) or request.host is None:
        return refuse(Reason.FOREIGN_HOST, None, table.version)
    return None


def judge(table: Table, request: Request, found: Sequence[Finding]) -> Verdict:
    """Decide by what was found: the first question with an answer settles it."""
    decision, finding = _weigh(table, request, found)
    if decision.hublet and table.policy.stray == "refuse":
        known = {it.credential.rstrip("=") for it in found if it.credential and it.hublets}
        if stray := find_stray(table, request, decision.hublet, known):
            return refuse(Reason.STRAY, stray.rule.name, table.version), None
    return decision, finding


def _weigh(table: Table, request: Request, found: Sequence[Finding]) -> Verdict:
    policy, accounts = table.policy, table.accounts

    # Is there something that cannot be read?
    for it in found:
        if it.problem:
            reason = _PROBLEMS[it.problem]
            if reason is Reason.TOO_LARGE or policy.unreadable == "refuse":
                return refuse(reason, it.rule.name, table.version), it

    # Does a credential name a Hublet that is not listed?
    claims, unnamed = _claims(table, found)
    if policy.unknown == "refuse":
        for hublet, it, _ in claims:
            if hublet not in table.hublets:
                return refuse(Reason.UNKNOWN_HUBLET, it.rule.name, table.version), it

    # Do two of them disagree?
    in_request = accounts.hublets_of(request) if accounts else ()
    first = claims[0][1] if claims else None
    if policy.conflict == "refuse" and (
        (len(claims) > 1 and len({hublet for hublet, _, _ in claims}) > 1)
        or (in_request and len({*in_request, *_account_hublets(table, found, claims)}) > 1)
    ):
        return refuse(Reason.CONFLICT, first.rule.name if first else None, table.version), None

    # Has an account moved?
    for hublet, it, has_moved in claims:
        if has_moved:
            return route(table, hublet, Reason.MOVED, it.rule.name), it
    if in_request and in_request[0]:
        by = first or unnamed
        return route(table, in_request[0], Reason.MOVED, by.rule.name if by else None), None

    # Does a credential name a Hublet, or is there one that names none, or none at all?
    if first:
        hublet, rule = claims[0][0], first.rule.name
        if hublet in table.hublets:
            return route(table, hublet, Reason.CREDENTIAL, rule), first
        return _default(table, policy.unknown, Reason.UNKNOWN_HUBLET, rule), first
    if unnamed:
        return _default(table, policy.legacy, Reason.LEGACY, unnamed.rule.name), unnamed
    return _default(table, policy.anonymous, Reason.ANONYMOUS, None), None


def _claims(table: Table, found: Sequence[Finding]) -> tuple[list[Claim], Finding | None]:
    """Return what names a Hublet, in order, and the first credential that names none."""
    accounts = table.accounts
    claims: list[Claim] = []
    unnamed = None
    for it in found:
        before = len(claims)
        if it.accounts and accounts:
            for owner in accounts.hublets_by_id(it.accounts):
                names = (owner,) if owner else it.hublets
                claims += [(hublet, it, bool(owner)) for hublet in names]
        else:
            for hublet in it.hublets:
                claims.append((hublet, it, False))
        if len(claims) == before and unnamed is None and it.credential is not None:
            unnamed = it
    return claims, unnamed


def _account_hublets(
    table: Table, found: Sequence[Finding], claims: Sequence[Claim]
) -> set[str | None]:
    """Return where the accounts live that stand inside credentials: nothing overrides those."""
    naming = [it for _, it, _ in claims]
    hublets: set[str | None] = {hublet for hublet, it, _ in claims if it.accounts}
    if any(it.accounts and it not in naming for it in found):
        hublets.add(table.default)
    return hublets


def _default(table: Table, policy: str, reason: Reason, rule: str | None) -> Decision:
    if policy == "default" and table.default:
        return route(table, table.default, reason, rule)
    return refuse(reason, rule, table.version)
