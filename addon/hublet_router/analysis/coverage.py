"""A table held against recorded requests: which rules they never use, what it cannot read."""

import re
from collections import Counter
from collections.abc import Container, Iterator
from typing import Any

from ..core.decision import Reason
from ..core.findings import MAX_CREDENTIAL, Finding, findings
from ..core.json_documents import JsonObject
from ..core.judge import check_request, judge
from ..core.parameters import Parameters, decode_value
from ..core.places import Cookie, Form, Header, Json, Path, Place, Query
from ..core.request import Request
from ..core.runs import MIN_RUN
from ..core.table import Table
from .explanation import near_name
from .harmless import is_harmless, known_words
from .lint import Remark
from .masking import describe_shape, place_name

MAX_KINDS = 1000
"""Kinds of unexplained credentials that are counted apart, so that memory stays bounded."""

_LONG = re.compile(rf"[A-Za-z0-9._~-]{{{MIN_RUN},}}")
_NOT_SHOWN = "(a name that is not shown)"
# A scheme is shown when it is a known one: a bare credential may have a space in it.
_SCHEMES = {
    *("apikey", "aws4-hmac-sha256", "basic", "bearer", "digest", "dpop", "dsn", "hawk", "key"),
    *("negotiate", "oauth", "privatetoken", "token"),
}

type _Kind = type[Header | Cookie | Query | Form | Json]


class Coverage:
    """Counts what a table makes of requests, in bounded memory."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known = known_words(table)
        self._guarded = table.with_policy(stray="refuse")
        self._rules: set[str] = set()
        self._hublets: set[str | None] = set()
        self._kinds: Counter[tuple[str, str]] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.near: Counter[str] = Counter()  # sentences on names that are nearly listed
        self.strays = 0

    def add(self, request: Request) -> None:
        """Decide a request, and count what it used and what it holds that no rule explains."""
        decision = check_request(self._table, request)
        if decision:  # no rule looks at the request
            self.reasons[decision.reason] += 1
            return
        found = findings(self._table, request)
        decision, _ = judge(self._guarded, request, found)
        if decision.reason is Reason.STRAY:
            self.strays += 1
            decision, _ = judge(self._table, request, found)
        self.reasons[decision.reason] += 1
        self._hublets.add(decision.hublet)
        read = {it.credential for it in found if it.credential}
        read |= {account for it in found if it.is_beside for account in it.accounts}
        names = {name for it in found for name in it.hublets}
        self.near.update(filter(None, [near_name(self._table, it) for it in names]))
        for it in found:
            if it.credential is not None:
                self._add_finding(it, it.credential)
        for place, value in self._unread(request, read):
            self._add_kind(place_name(place), value)

    def _unread(self, request: Request, read: Container[str]) -> Iterator[tuple[Place, str]]:
        """Yield what could be a credential: each value of Authorization, and the long ones.

        A long one has a run of token characters that is not harmless. Of the place, the name is
        shown if that is harmless.
        """
        for kind, name, value in _values(request):
            # A scheme may stand before what a rule has read.
            if value in read or value.rpartition(" ")[2].strip() in read:
                continue
            if kind is Header and name.endswith("authorization"):
                scheme, _, rest = value.partition(" ")
                is_known = rest and scheme.lower() in _SCHEMES
                place = Header(name, scheme.lower() if is_known else None)
                yield place, rest if is_known else value
            elif any(not is_harmless(run, self._known) for run in _LONG.findall(value)):
                yield kind(name if is_harmless(name, self._known) else _NOT_SHOWN), value

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
        kind = where, describe_shape(value, self._table)
        if kind not in self._kinds and len(self._kinds) >= MAX_KINDS:
            kind = "elsewhere", "of still other kinds"
        self._kinds[kind] += 1

    def unused(self) -> list[Remark]:
        """Return the rules and Hublets that no request used, in the order of the file."""
        table = self._table
        rules = {it.name: it.at for it in table.rules if it.name not in self._rules}
        hublets = {it: up.at for it, up in table.hublets.items() if it not in self._hublets}
        remarks = [Remark(at, f"no request used rule '{name}'") for name, at in rules.items()]
        remarks += [Remark(at, f"no request went to Hublet '{it}'") for it, at in hublets.items()]
        return sorted(remarks)

    def unexplained(self) -> list[tuple[int, str]]:
        """Return each kind of credential that no rule explains, with its count, the most first."""
        kinds = ((count, f"{where}: {looks}") for (where, looks), count in self._kinds.items())
        return sorted(kinds, key=lambda kind: (-kind[0], kind[1]))


def _values(request: Request) -> Iterator[tuple[_Kind, str, str]]:
    """Yield each value of a request but its hosts: the kind of its place, its name, itself."""
    for field, value in request.headers:
        if field == "cookie":
            pairs = (pair.partition("=") for pair in value.split(";"))
            yield from ((Cookie, name.strip(), text.strip(' \t"')) for name, _, text in pairs)
        elif field != "host" and value.strip():
            yield Header, field, value.strip()
    yield from _parameters(Query, request.query)
    if any("urlencoded" in value for value in request.header("content-type")):
        yield from _parameters(Form, request.form or {})
    elif request.body:
        yield from ((Json, name, value) for name, value in _strings(request.json))


def _parameters(kind: _Kind, parameters: Parameters) -> Iterator[tuple[_Kind, str, str]]:
    for name, values in parameters.items():
        yield from ((kind, name, decode_value(value)) for value in values)


def _strings(tree: Any) -> Iterator[tuple[str, str]]:
    """Yield each string of a JSON document with its dotted path; a list stands for its items."""
    todo = [("", tree)]
    while todo:
        path, node = todo.pop()
        if isinstance(node, JsonObject):
            todo += [(f"{path}.{name}" if path else name, value) for name, value in node]
        elif isinstance(node, list):
            todo += [(path, item) for item in node]
        elif isinstance(node, str):
            yield path, node
