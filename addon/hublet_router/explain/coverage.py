"""A table held against recorded requests: which rules they never use, what it cannot read."""

import re
from collections import Counter
from collections.abc import Iterator

from ..core.decision import Reason
from ..core.findings import MAX_CREDENTIAL, Finding, findings
from ..core.judge import check_request, judge
from ..core.places import Cookie, Form, Header, Path, Place, Query
from ..core.request import Request
from ..core.table import Table
from .lint import Remark
from .masking import KEY_LIKE, describe_shape, place_name

MAX_KINDS = 1000
"""Kinds of unexplained credentials that are counted apart, so that memory stays bounded."""

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

    def add(self, request: Request) -> None:
        """Decide a request, and count what it used and what it holds that no rule explains."""
        decision = check_request(self._table, request)
        if decision:  # no rule looks at the request
            self.reasons[decision.reason] += 1
            return
        found = findings(self._table, request)
        decision, _ = judge(self._table, request, found)
        self.reasons[decision.reason] += 1
        self._hublets.add(decision.hublet)
        read: set[Place] = set()
        for it in found:
            if it.credential is not None:
                read.add(_without_scheme(it.place))
                self._add_finding(it, it.credential)
        for place, where, value in _usual(request):
            if _without_scheme(place) not in read:
                self._add_kind(where, value)

    def _add_finding(self, it: Finding, credential: str) -> None:
        where = place_name(it.place)
        if isinstance(it.place, Path):
            where += f" of {it.rule.name}"
        is_read = len(credential) <= MAX_CREDENTIAL
        if it.hublets or (is_read and it.rule.reader.recognises(credential)):
            self._rules.add(it.rule.name)
            where += f" ({it.rule.name}, names none)"
        if not it.hublets:
            self._add_kind(where, credential)

    def _add_kind(self, where: str, value: str) -> None:
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
        """Return each kind of credential that no rule explains, with its count, the most first."""
        kinds = ((count, f"{where}: {looks}") for (where, looks), count in self._kinds.items())
        return sorted(kinds, key=lambda kind: (-kind[0], kind[1]))


def _without_scheme(place: Place) -> Place:
    """Return the same place for a header, whichever scheme its rule asks for."""
    return Header(place.name) if isinstance(place, Header) else place


def _usual(request: Request) -> Iterator[tuple[Place, str, str]]:
    """Yield what looks like a credential by its name: its place, what to call that, its value."""
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
        found += [(Form, name, value) for name, value in request.form]
    for kind, name, value in found:
        if value and KEY_LIKE.fullmatch(name):
            shown = name if _WORDS.fullmatch(name) else _NOT_SHOWN
            yield kind(name), place_name(kind(shown)), value
