"""The judge: a pure function from the findings of a request to its decision."""

from collections.abc import Sequence

from .decision import Action, Decision, Reason, refuse, route
from .findings import Finding, Unread, findings
from .paths import MAX_PATH
from .request import Request, has_control_characters, host_name
from .stray import find_stray
from .table import Move, Table

_REASONS = {
    Unread.LONG_CREDENTIAL: Reason.TOO_LARGE,
    Unread.MANY: Reason.TOO_LARGE,
    Unread.LONG_BODY: Reason.TOO_LARGE,
    Unread.BODY: Reason.UNREADABLE,
    Unread.VALUE: Reason.UNREADABLE,
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
    return examine(table, request)[0]


def examine(table: Table, request: Request) -> tuple[Decision, Sequence[Finding]]:
    """Decide, and return what was found as well: nothing where no rule may look."""
    if refused := check_request(table, request):
        return refused, ()
    found = findings(table, request)
    return judge(table, request, found)[0], found


def check_request(table: Table, request: Request) -> Decision | None:
    """Return the decision for a request that no rule may look at, or None for all others.

    That is one with control characters, one with a path that is too long for any server, and one
    whose host is not ours or not clear.
    """
    if len(request.target) > MAX_PATH and len(request.target.partition("?")[0]) > MAX_PATH:
        return refuse(Reason.TOO_LARGE, None, table.version)
    is_known = table.index.head_of(request) is not None
    if has_control_characters(request.target) if is_known else request.has_control_characters:
        return refuse(Reason.UNREADABLE, None, table.version)
    host, sni = request.host, request.sni
    if host is not None and table.owns(host) and (sni is None or table.owns(host_name(sni))):
        return None
    is_ours = any(table.owns(host_name(it)) for it in request.hosts)
    if table.policy.foreign == "pass" and not is_ours:
        return Decision(Action.PASS, None, None, Reason.FOREIGN_HOST, None, table.version)
    return refuse(Reason.FOREIGN_HOST, None, table.version)


def judge(table: Table, request: Request, found: Sequence[Finding]) -> Verdict:
    """Decide by what was found: the first question with an answer settles it."""
    verdict = _undisputed(table, found) or _weighed(table, found)
    hublet = verdict[0].hublet
    if hublet is None or table.policy.stray == "ignore":
        return verdict
    stray = find_stray(table, request, hublet, found)
    return (refuse(Reason.STRAY, stray.rule.name, table.version), None) if stray else verdict


def _undisputed(table: Table, found: Sequence[Finding]) -> Verdict | None:
    """Is there one credential, which names one Hublet and no account? It needs no weighing."""
    if len(found) == 1 and len(found[0].hublets) == 1 and not found[0].accounts:
        it = found[0]
        if it.hublets[0] in table.hublets:
            return route(table, it.hublets[0], Reason.CREDENTIAL, it.rule.name), it
    return None


def _weighed(table: Table, found: Sequence[Finding]) -> Verdict:
    """What do credentials and accounts say together?"""
    claims, first = _claims(table, found)
    moves = _moves_beside(table, found)
    return (
        _unread(table, found)
        or _unlisted(table, claims)
        or _torn(table, found, claims, moves)
        or _moved(table, claims, first, moves)
        or _named(table, claims, first)
    )


def _unread(table: Table, found: Sequence[Finding]) -> Verdict | None:
    """Is there something that cannot be read?"""
    for it in found:
        if it.unread:
            reason = _REASONS[it.unread]
            if reason is Reason.TOO_LARGE or table.policy.unreadable == "refuse":
                return refuse(reason, it.rule.name, table.version), it
    return None


def _unlisted(table: Table, claims: Sequence[Claim]) -> Verdict | None:
    """Does a credential name a Hublet that is not listed?"""
    if table.policy.unknown == "refuse":
        for hublet, it, _ in claims:
            if hublet not in table.hublets:
                return refuse(Reason.UNKNOWN_HUBLET, it.rule.name, table.version), it
    return None


def _torn(
    table: Table, found: Sequence[Finding], claims: Sequence[Claim], moves: Sequence[Move | None]
) -> Verdict | None:
    """Do credentials disagree, or accounts, or an account and one that it does not speak for?"""
    if table.policy.conflict != "refuse" or not (
        len({hublet for hublet, _, _ in claims}) > 1
        or (moves and _accounts_differ(table, found, claims, moves))
        or _speaks_for_another(claims, moves)
    ):
        return None
    rule = claims[0][1].rule.name if claims else None
    return refuse(Reason.CONFLICT, rule, table.version), None


def _accounts_differ(
    table: Table, found: Sequence[Finding], claims: Sequence[Claim], moves: Sequence[Move | None]
) -> bool:
    """Do two accounts, beside credentials or in them, live in different Hublets?"""
    homes = {move.to if move else None for move in moves}
    # What a credential says of its own account, nothing overrides.
    homes |= {hublet for hublet, it, _ in claims if it.accounts}
    homes |= {table.default for it in found if it.accounts and not it.hublets and not it.is_beside}
    return len(homes) > 1


def _speaks_for_another(claims: Sequence[Claim], moves: Sequence[Move | None]) -> bool:
    """Does an account move from another Hublet than the one that a credential names?"""
    named = [hublet for hublet, _, _ in claims]
    return any(hublet not in {move.to, move.source} for move in moves if move for hublet in named)


def _moved(
    table: Table,
    claims: Sequence[Claim],
    first: Finding | None,
    moves: Sequence[Move | None],
) -> Verdict | None:
    """Has an account moved?"""
    for hublet, it, has_moved in claims:
        if has_moved:
            return route(table, hublet, Reason.MOVED, it.rule.name), it
    if moves and (move := moves[0]):
        by = claims[0][1] if claims else first
        return route(table, move.to, Reason.MOVED, by.rule.name if by else None), None
    return None


def _named(table: Table, claims: Sequence[Claim], first: Finding | None) -> Verdict:
    """Does a credential name a Hublet, or is there one that names none, or none at all?"""
    policy = table.policy
    if claims:
        hublet, it, _ = claims[0]
        if hublet in table.hublets:
            return route(table, hublet, Reason.CREDENTIAL, it.rule.name), it
        return _default(table, policy.unknown, Reason.UNKNOWN_HUBLET, it.rule.name), it
    if first:
        return _default(table, policy.legacy, Reason.LEGACY, first.rule.name), first
    return _default(table, policy.anonymous, Reason.ANONYMOUS, None), None


def _claims(table: Table, found: Sequence[Finding]) -> tuple[list[Claim], Finding | None]:
    """Return what names a Hublet, in order, and the first credential of all."""
    accounts = table.accounts
    claims: list[Claim] = []
    first = None
    for it in found:
        if it.credential is None:
            continue
        first = first or it
        if it.accounts and accounts:
            for owner in accounts.hublets_by_id(it.accounts):
                names = (owner,) if owner else it.hublets
                claims += [(hublet, it, bool(owner)) for hublet in names]
        else:
            for hublet in it.hublets:
                claims.append((hublet, it, False))
    return claims, first


def _moves_beside(table: Table, found: Sequence[Finding]) -> Sequence[Move | None]:
    """Return where the accounts beside the credentials have moved, or nothing if none has.

    An entry is None if that account has not moved. A mix of both is a conflict.
    """
    ids = [one for it in found if it.is_beside for one in it.accounts]
    moves = table.accounts.moves(ids) if table.accounts else ()
    return moves if any(moves) else ()


def _default(table: Table, policy: str, reason: Reason, rule: str | None) -> Decision:
    if policy == "default" and table.default:
        return route(table, table.default, reason, rule)
    return refuse(reason, rule, table.version)
