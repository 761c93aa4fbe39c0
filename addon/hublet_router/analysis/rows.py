"""What became of each rule and each account for a request: one row for each, in their order."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ..core.decision import Decision, Reason
from ..core.findings import Finding
from ..core.judge import judge
from ..core.lookup import Rule
from ..core.readers import AccountReader, Jwt, Protobuf
from ..core.request import Request
from ..core.runs import MIN_RUN
from ..core.stray import find_stray
from ..core.table import Table
from .harmless import known_words
from .masking import describe_shape, is_like_a_hublet, mask, place_name

NOT_LISTED = "a name that is not listed"
"""Shown instead of a name that is not a Hublet's: it could be anything at all."""


class Outcome(Enum):
    """What became of a rule at a place, or of an account there; the value is the sentence."""

    NOT_HERE = "not for this path"
    ABSENT = "no credential there"
    UNREAD = "not read: {unread}"
    OTHER_KIND = "not of its kind"
    NAMES_NONE = "it names none"
    TAKEN = "named by {by} already"
    STRAY = "names {name} where no rule looks"
    NAMES = "names {name}"
    NAMES_UNLISTED = "names {name}, which is not listed"
    NAMES_ANYTHING = "names one that is not listed"
    NO_ACCOUNT = "no account there"
    MOVED = "moved to {name}"
    NOT_MOVED = "not among those that moved"


DECIDED = ": decided"
"""How a row ends whose credential or account the decision came from."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule at one place, for one credential there: never its text, but its `shape`.

    `named` is the Hublet that it named; an unknown name is not shown. `why` is the outcome in
    words, and ends in `: decided` where the decision came from it.
    """

    rule: str
    place: str
    outcome: Outcome
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
class Rows:
    """Puts the findings of a request, and what the judge made of them, into rows."""

    table: Table
    request: Request
    found: list[Finding]
    decision: Decision
    settled: Finding | None

    def rules(self) -> Iterator[Tried]:
        """Yield what became of each rule, at each of its places."""
        for rule in self.table.rules:
            applies = rule.applies_to(self.request.paths)
            for place in rule.places:
                found = [it for it in self.found if it.place == place and not it.is_beside]
                here = found if applies else []
                for it in here:
                    yield from self._read(rule, it)
                if not here:
                    outcome = Outcome.ABSENT if applies else Outcome.NOT_HERE
                    yield Tried(rule.name, place_name(place), outcome, None, None, outcome.value)

    def _read(self, rule: Rule, it: Finding) -> Iterator[Tried]:
        """Yield a row for each name that a rule read in a credential, or one for none."""
        is_reader = it.rule == rule
        decides = is_reader and it is self.settled and self.decision.reason is not Reason.MOVED
        shape = None if it.credential is None else describe_shape(it.credential, self.table)
        for name in dict.fromkeys(it.hublets if is_reader else ()) or [None]:
            outcome = self._outcome(rule, it, name)
            why = outcome.value.format(name=name, by=it.rule.name, unread=it.unread)
            if decides:
                why, decides = why + DECIDED, False  # the first name counts
            elif name:
                why += self._aside(name, it)
            shown = NOT_LISTED if outcome is Outcome.NAMES_ANYTHING else name
            yield Tried(rule.name, place_name(it.place), outcome, shape, shown, why)

    def _outcome(self, rule: Rule, it: Finding, name: str | None) -> Outcome:
        """Return what became of a rule that read this name, or none, in a credential."""
        if it.credential is None:
            return Outcome.UNREAD
        if name in self.table.hublets:
            return Outcome.NAMES
        if name:
            is_shown = is_like_a_hublet(name)
            return Outcome.NAMES_UNLISTED if is_shown else Outcome.NAMES_ANYTHING
        if it.hublets and it.rule in self.table.rules[: self.table.rules.index(rule)]:
            return Outcome.TAKEN
        is_of_kind = it.rule == rule or rule.reader.recognises(it.credential)
        return Outcome.NAMES_NONE if is_of_kind else Outcome.OTHER_KIND

    def accounts(self) -> Iterator[Tried]:
        """Yield what became of each account, at each place for one."""
        decides = self.decision.reason is Reason.MOVED
        for place, found in self._account_places():
            if not found:
                outcome = Outcome.NO_ACCOUNT
                yield Tried("accounts", place, outcome, None, None, outcome.value)
            for it in found:
                if it.unread:
                    why = Outcome.UNREAD.value.format(unread=it.unread)
                    why += DECIDED if it is self.settled else ""
                    yield Tried("accounts", place, Outcome.UNREAD, None, None, why)
                for one, owner in self._owners(it):
                    outcome = Outcome.MOVED if owner else Outcome.NOT_MOVED
                    why = outcome.value.format(name=owner)
                    if decides and owner == self.decision.hublet:
                        why, decides = why + DECIDED, False
                    elif owner:
                        why += self._aside(owner, None)
                    shape = describe_shape(one, self.table)
                    yield Tried("accounts", place, outcome, shape, owner, why)

    def _account_places(self) -> Iterator[tuple[str, list[Finding]]]:
        """Yield each place for an account with what stands there."""
        accounts = self.table.accounts
        for rule in accounts.beside if accounts else ():
            for place in rule.places:
                here = [it for it in self.found if it.is_beside and it.place == place]
                yield place_name(place), here
        if accounts and accounts.inside:
            what = ", ".join(map(_account_name, accounts.inside))
            inside = [it for it in self.found if it.accounts and not it.is_beside]
            for it in inside:
                yield f"{what} in {place_name(it.place)}", [it]
            if not inside:
                yield what, []

    def _owners(self, it: Finding) -> Iterator[tuple[str, str | None]]:
        """Yield each account of a finding, with the Hublet to which it has moved."""
        accounts = self.table.accounts
        return zip(
            it.accounts, accounts.hublets_by_id(it.accounts) if accounts else (), strict=True
        )

    def stray(self) -> Iterator[Tried]:
        """Yield the stray credential that refused the request: its place, and never its text."""
        if self.decision.reason is not Reason.STRAY:
            return
        lenient = self.table.with_policy(stray="ignore")
        hublet = judge(lenient, self.request, self.found)[0].hublet or ""
        # What a rule's own reader names none in, another one may read; each is offered alone.
        bare = replace(self.request, target="/", headers=(), body=b"")
        known = [it for it in self.found if it.hublets]
        alone = [(place_name(it.place), bare, [it]) for it in self.found if not it.hublets]
        words = known_words(self.table)
        parts = [(place, part, known) for place, part in _parts(self.request, words)]
        for place, part, found in [*alone, *parts]:
            if it := find_stray(self.table, part, hublet, found):
                why = Outcome.STRAY.value.format(name=it.hublet) + DECIDED
                yield Tried(it.rule.name, place, Outcome.STRAY, None, it.hublet, why)
                return

    def _aside(self, name: str, it: Finding | None) -> str:
        """Return why a credential that named a Hublet, or else an account, did not decide."""
        decision, accounts = self.decision, self.table.accounts
        if it and it.accounts and accounts and all(accounts.hublets_by_id(it.accounts)):
            return ", but its account has moved"
        match decision.reason:
            case Reason.CONFLICT:
                return ": in conflict"
            case Reason.TOO_LARGE | Reason.UNREADABLE:
                return ", but something else cannot be read"
            case Reason.STRAY:
                return ", but another Hublet's credential stands where no rule looks"
            case Reason.CREDENTIAL | Reason.MOVED if name == decision.hublet:
                return " too"
            case _ if it is None:
                return ", but another account came first"
            case Reason.MOVED:
                return ", but an account has moved"
        return f", but {decision.credential} came first"


def _parts(request: Request, known: Container[str]) -> Iterator[tuple[str, Request]]:
    """Yield the places of a request, each with a request that has nothing else in it.

    A client may write a credential in the name of a field: a long name has to be harmless.
    """
    path, _, query = request.target.partition("?")
    bare = replace(request, headers=(), body=b"")
    yield "path", replace(bare, target=path)
    yield "query", replace(bare, target=f"/?{query}")
    fields: dict[str, list[tuple[str, str]]] = {}
    for field in request.headers:  # servers join some that have one name
        fields.setdefault(field[0], []).append(field)
    for name, same in fields.items():
        shown = name if len(name) < MIN_RUN else mask(name, known)
        yield f"header {shown}", replace(bare, target="/", headers=tuple(same))
    yield "body", replace(request, headers=())


def _account_name(reader: AccountReader) -> str:
    match reader:
        case Protobuf(field):
            return f"protobuf {field}"
        case Jwt(claim):
            return f"jwt {claim}"
    return "regex"
