"""What is suspicious in a table that loads: what cannot do what it was written for.

Patterns are not reasoned about but tried out, with samples that are sent through the table as
requests. So a remark tells what was seen, with a sample for proof, and one may be missing. An
example of the table that shows a rule at work is the better proof: it silences the guesses.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from ..core.decision import Reason
from ..core.findings import findings
from ..core.judge import decide
from ..core.lookup import Rule
from ..core.places import Cookie, Header, Path, Place
from ..core.request import Request
from ..core.table import Table
from .masking import place_name
from .samples import candidates, paths, samples, standing, texts

_NAMES = 2  # Hublets whose names samples hold; others hold one that no table has
_SAMPLES = 12  # for each of them
_SHOWN = 100  # characters of a sample
_LOOKS_AHEAD = re.compile(r"\(\?[=!]")  # what samples do not follow
_LIMITS: dict[type, str] = {
    Header: "a field holds one line of Latin-1 text, without spaces at its ends",
    Cookie: "a cookie holds no ';', and no spaces or quotes at its ends",
    Path: "the group of 'path' must match all of it, and 'paths' the path",
}


class Remark(NamedTuple):
    """Something to look at: the line and column, and what, with what to do."""

    at: tuple[int, int]
    text: str


class _Case(NamedTuple):
    """A sample of a rule, where it stands, and the request in which it does."""

    text: str
    place: Place
    request: Request


def lint(table: Table) -> list[Remark]:
    """Return what is suspicious, in the order of the file."""
    host = min(table.domains).replace("*", "any")
    proved = {
        it.rule.name
        for example in table.examples
        for it in findings(table, example.request)
        if it.hublets
    }
    # rules that disagree, as was said before, or as an example says on purpose
    pairs = {
        frozenset((one.name, other.name))
        for example in table.examples
        for _, one, names in _claims(table, example.request)
        for _, other, read in _claims(table, example.request)
        if names != read
    }
    remarks = []
    names = [*islice(table.hublets, _NAMES), None]
    for rule in table.rules:
        cases = [case for name in names for case in islice(_cases(rule, name, host), _SAMPLES)]
        said = [*_odd_headers(rule)]
        if rule.name not in proved:
            doubts = [*_doubts(table, rule, cases, host, pairs)]
            said += doubts or ["has no example that shows it naming a Hublet; add one"]
        said += _disagreements(table, rule, cases, pairs)
        remarks += [Remark(rule.at, f"rule '{rule.name}' {what}") for what in said]
    if not any(_is_beyond(rule) for rule in table.rules):
        remarks += _unnamed(table, host)
    return sorted(remarks)


def _cases(rule: Rule, name: str | None, host: str) -> Iterator[_Case]:
    for text in samples(rule.reader, name):
        for place in rule.places:
            if request := standing(rule, place, text, host):
                yield _Case(text, place, request)


def _is_beyond(rule: Rule) -> bool:
    """Tell whether the samples of a rule prove nothing: it looks ahead, or there are none."""
    parts = [(it, name) for it in (rule.reader, *rule.places) for name in ("pattern", "of")]
    patterns = [rule.paths, *(getattr(it, name, None) for it, name in parts)]
    looks_ahead = any(it and _LOOKS_AHEAD.search(it.pattern) for it in patterns)
    return looks_ahead or next(candidates(rule.reader, None), None) is None


def _odd_headers(rule: Rule) -> Iterator[str]:
    for place in rule.places:
        if isinstance(place, Header) and "_" in place.name:
            yield (
                f"looks for the header '{place.name}', and many servers drop a '_' in such a name;"
                f" is it '{place.name.replace('_', '-')}'?"
            )


def _doubts(
    table: Table, rule: Rule, cases: list[_Case], host: str, pairs: set[frozenset[str]]
) -> Iterator[str]:
    """Yield why a rule that no example shows at work may never be."""
    if _is_beyond(rule):
        return
    if not cases:
        yield _impossible(rule)
    elif takers := _takers(table, rule, cases):
        pairs |= {frozenset((rule.name, taker)) for taker in takers}
        yield (
            f"loses each of its {len(cases)} samples to {_listed(takers)},"
            f" like {_cut(cases[0].text)}; move it up, or take it out"
        )
    elif not any(_can_name(rule, hublet, host) for hublet in table.hublets):
        (name, *_) = rule.reader.names(cases[0].text)
        yield f"names none of the table's Hublets, but others, like {_cut(name)}; mend it"
    for place in rule.places:
        if isinstance(place, Header) and (found := [it.text for it in cases if it.place == place]):
            yield from _scheme_slips(rule, place, found)


def _impossible(rule: Rule) -> str:
    """Return what keeps each sample of a rule from standing where it looks."""
    if rule.paths and not paths(rule.paths):
        return (
            f"has 'paths' that match no path, like {_cut(next(texts(rule.paths)))}: a path begins"
            " with '/', has no query, and is seen decoded, without '//', '..' and ';'"
        )
    if (sample := next(samples(rule.reader, None), None)) is None:
        made = next(candidates(rule.reader, None))
        return f"reads no text that was made from its pattern, like {_cut(made)}; mend it"
    place = rule.places[0]
    limit = _LIMITS.get(type(place), "of a credential, 16 KiB are read")
    return f"has no sample that can stand in {place_name(place)}, like {_cut(sample)}: {limit}"


def _takers(table: Table, rule: Rule, cases: Iterable[_Case]) -> set[str]:
    """Return the rules that take all samples of a rule between them; none if one is left."""
    takers: set[str] = set()
    for case in cases:
        taker = next(
            other for place, other, _ in _claims(table, case.request) if place == case.place
        )
        if taker is rule:
            return set()
        takers.add(taker.name)
    return takers


def _claims(table: Table, request: Request) -> Iterator[tuple[Place, Rule, tuple[str, ...]]]:
    """Yield each rule that reads names in a request, and which; the first of a place decides."""
    for look in table.index.lookups_for(request.paths):
        for value in look.values(request) or ():
            for rule in look.rules:
                if names := rule.reader.names(value):
                    yield look.place, rule, names


def _can_name(rule: Rule, hublet: str, host: str) -> bool:
    return any(rule.reader.names(case.text) == (hublet,) for case in _cases(rule, hublet, host))


def _scheme_slips(rule: Rule, place: Header, found: list[str]) -> Iterator[str]:
    first = found[0]
    if place.scheme and all(text.lower().split()[0] == place.scheme for text in found):
        yield (
            f"reads what follows '{place.scheme}', and asks for that once more, like"
            f" {_cut(first)}; take it out of the pattern"
        )
    alone = place.name.endswith("authorization") and not place.scheme
    if alone and not any(" " in text or rule.reader.names(f"Bearer {text}") for text in found):
        yield (
            f"reads {_cut(first)}, but nothing behind a scheme, like {_cut(f'Bearer {first}')};"
            " name the scheme, or show with an example that there is none"
        )


def _disagreements(
    table: Table, rule: Rule, cases: Iterable[_Case], pairs: set[frozenset[str]]
) -> Iterator[str]:
    """Yield once for each other rule that reads other names in a sample, or beside it."""
    for case in cases:
        read = rule.reader.names(case.text)
        for _, other, names in _claims(table, case.request):
            pair = frozenset((rule.name, other.name))
            if other is rule or names == read or pair in pairs:
                continue
            pairs.add(pair)
            decision = decide(table, case.request)
            is_refused = decision.reason is Reason.CONFLICT
            outcome = "it is refused" if is_refused else f"'{decision.credential}' decides"
            yield (
                f"reads {_listed(read)} in {_cut(case.text)}, but '{other.name}' reads"
                f" {_listed(names)}: {outcome}; let one match less, or show it with an example"
            )


def _unnamed(table: Table, host: str) -> Iterator[Remark]:
    """Yield the Hublets to which nothing leads."""
    reached = {example.hublet for example in table.examples}
    moved = table.accounts.moved.values() if table.accounts else ()
    for name in table.hublets.keys() - {table.default, *reached, *moved}:
        if not any(_can_name(rule, name, host) for rule in table.rules):
            yield Remark(
                table.hublets[name].at,
                f"nothing leads to Hublet '{name}': no rule can read that name, no account has"
                " moved there, and it is not the default",
            )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(map(_cut, sorted(names)))


def _cut(sample: str) -> str:
    return repr(sample if len(sample) <= _SHOWN else f"{sample[:_SHOWN]}…")
