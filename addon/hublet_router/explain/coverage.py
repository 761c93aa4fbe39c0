"""What recorded requests make of a table: what none of them needs, and what it does not explain."""

import re
from collections import Counter
from collections.abc import Iterator

from ..core.decision import Decision, Reason
from ..core.findings import MAX_CREDENTIAL
from ..core.judge import decide
from ..core.lookup import Lookup
from ..core.places import Cookie, Form, Header, Path, Place, Query
from ..core.request import Request
from ..core.table import Table
from .lint import Remark
from .masking import KEY_LIKE, describe_shape, place_name

MAX_KINDS = 1000
"""Kinds of unexplained credentials that are told apart: no stranger chooses how much is kept."""

# A name of a request is shown when it is made of words; one with digits in it could be a secret.
_WORDS = re.compile(r"(?=.{1,40}$)[A-Za-z]+(?:[-_.][A-Za-z]+)*[0-9]?")
_NOT_SHOWN = "(a name that is not shown)"
# A scheme is shown when it is a known one: a bare credential may have a space in it.
_SCHEMES = {
    *("apikey", "aws4-hmac-sha256", "basic", "bearer", "digest", "dpop", "dsn", "hawk", "key"),
    *("negotiate", "oauth", "privatetoken", "token"),
}


class Coverage:
    """Counts what a table makes of requests, in bounded memory."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rules: set[str] = set()
        self._hublets: set[str | None] = set()
        self._kinds: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[Reason] = Counter()

    def add(self, request: Request) -> Decision:
        """Decide a request, and count what it used and what it holds that no rule explains."""
        decision = decide(self._table, request)
        self.reasons[decision.reason] += 1
        self._hublets.add(decision.hublet)
        if decision.reason is Reason.FOREIGN_HOST:
            return decision
        read: set[Place] = set()
        for look in self._table.index.lookups_for(request.paths):
            if not look.in_body or request.body is not None:
                for value in look.values(request) or ():
                    read.add(_spot(look.place))
                    self._count(look, value)
        for place, where, value in _usual(request):
            if _spot(place) not in read:
                self._tell(where, value)
        return decision

    def _count(self, look: Lookup, value: str) -> None:
        where = place_name(look.place)
        if isinstance(look.place, Path):
            where += f" of {look.rules[0].name}"
        rule, names, _ = look.read(value) if len(value) <= MAX_CREDENTIAL else (None, (), ())
        if rule and (names or rule.reader.recognises(value)):
            self._rules.add(rule.name)
            where += f" ({rule.name}, names none)"
        if not names:
            self._tell(where, value)

    def _tell(self, where: str, value: str) -> None:
        kind = where, describe_shape(value)
        if kind not in self._kinds and len(self._kinds) >= MAX_KINDS:
            kind = "elsewhere", "of still other kinds"
        self._kinds[kind] += 1

    def unused(self) -> list[Remark]:
        """Return the rules and Hublets that no request used, in the order of the file."""
        table = self._table
        remarks = [
            Remark(rule.at, f"no request used rule '{rule.name}'")
            for rule in table.rules
            if rule.name not in self._rules
        ]
        remarks += [
            Remark(upstream.at, f"no request went to Hublet '{name}'")
            for name, upstream in table.hublets.items()
            if name not in self._hublets
        ]
        return sorted(remarks)

    def unexplained(self) -> list[tuple[int, str]]:
        """Return how often which kind of credential was there that no rule explains."""
        kinds = ((count, f"{where}: {looks}") for (where, looks), count in self._kinds.items())
        return sorted(kinds, key=lambda kind: (-kind[0], kind[1]))


def _spot(place: Place) -> Place:
    """Return one value for what stands in one header, whichever scheme it has."""
    return Header(place.name) if isinstance(place, Header) else place


def _usual(request: Request) -> Iterator[tuple[Place, str, str]]:
    """Yield what looks like a credential by its name alone: its place, how to call it, and it."""
    found: list[tuple[type[Header | Cookie | Query | Form], str, str]] = []
    for field, value in request.headers:
        if field.endswith("authorization") and value.strip():
            scheme, _, rest = value.strip().partition(" ")
            known = rest and scheme.lower() in _SCHEMES
            place = Header(field, scheme.lower() if known else None)
            yield place, place_name(place), rest if known else value
        elif field == "cookie":
            pairs = (pair.partition("=") for pair in value.split(";"))
            found += [(Cookie, name.strip(), text.strip(' \t"')) for name, _, text in pairs]
        else:
            found.append((Header, field, value))
    found += [(Query, name, value) for name, value in request.query]
    if any("urlencoded" in value for value in request.header("content-type")):
        found += [(Form, name, value) for name, value in request.form or ()]
    for kind, name, value in found:
        if value and KEY_LIKE.fullmatch(name):
            shown = name if _WORDS.fullmatch(name) else _NOT_SHOWN
            yield kind(name), place_name(kind(shown)), value
