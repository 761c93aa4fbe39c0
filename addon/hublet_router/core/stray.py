"""Stray credentials: those of another Hublet, in whatever place some server may look.

Rules know where clients put a credential. A server may read it elsewhere: in a parameter that is an
array, behind another scheme, in a part of a multipart body. No list of such dialects is complete,
so every run of the request is offered to the readers of the table.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from string import digits
from typing import NamedTuple

from .findings import Finding
from .formats import decode_leniently
from .lookup import Rule
from .request import Request, host_name
from .runs import Runs, run_alone, runs_of
from .table import Table

_host_name = host_name.__wrapped__  # which remembers no run: it may be a credential
_BASIC = re.compile(r"\s*basic", re.IGNORECASE)
_NUMBERED = re.compile(r'[0-9][\s"]*+=')
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]*+=*")
_WITHOUT_ESCAPES = bytes.maketrans(b"%\\", b"  ")


class Stray(NamedTuple):
    """A credential where no rule looks: the rule whose reader read it, and the Hublet it names."""

    rule: Rule
    hublet: str


def find_stray(
    table: Table, request: Request, hublet: str, found: Sequence[Finding]
) -> Stray | None:
    """Return the first credential of a listed Hublet other than `hublet`.

    It is no finding that names another one: those were judged, and an account may have moved.
    """
    return _in_place(table, hublet, found) or _elsewhere(table, request, hublet, found)


def _in_place(table: Table, hublet: str, found: Iterable[Finding]) -> Stray | None:
    """Return what another rule's reader reads in a credential of which its own reads no name."""
    for it in found:
        if it.credential and not it.hublets and not it.rule.reads_hosts:
            for _, stray in _named(table, [run_alone(it.credential)]):
                if stray.hublet != hublet:
                    return stray
    return None


def _elsewhere(
    table: Table, request: Request, hublet: str, found: Sequence[Finding]
) -> Stray | None:
    """Return what stands in any run of the request; texts that were clean before are not read.

    The runs of a credential that was judged to lose are left out.
    """
    index = table.index
    head = index.head_of(request)
    fields = () if head and hublet in head.clean else request.headers
    if not (texts := index.clean.without(_texts(table, request, fields), hublet)):
        if fields:
            index.remember_head(request, hublet)
        return None
    judged = [it.credential for it in found if it.credential and {*it.hublets} - {hublet}]
    own: set[str] = set()
    are_clean = not judged
    for run, stray in _named(table, runs_of(" ".join(texts), judged)):
        if stray.hublet != hublet:
            own = own or _spellings(found)
            if not (run in own or _host_name(run) == request.host):
                return stray
            are_clean = False
    if are_clean:
        index.clean.add(texts, hublet)
    return None


def _texts(
    table: Table, request: Request, fields: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return those fields, and as pairs like them what else of the request is looked through."""
    pairs = [(request.method, request.target), *fields]
    if joined := [it for it, text in fields if it in _JOINED and _MAY_JOIN[it](text)]:
        for name in dict.fromkeys(joined):
            pairs += [("", it) for it in _JOINED[name](request.header(name))]
    if request.body and table.reads_body(request):
        pairs.append(("", request.body.decode("latin-1")))
    return pairs


def _spellings(found: Iterable[Finding]) -> set[str]:
    """Return the credentials that name a Hublet, as they are runs.

    Of the rules that read one value, the first that finds a name decides for it.
    """
    own = [it.credential.rstrip("=") for it in found if it.credential and it.hublets]
    return {*own, *map(str.lower, own)}


def _basic(values: Sequence[str]) -> Iterator[str]:
    """Yield what fields of `Authorization: Basic` hold to PHP and Rack.

    They join several fields, and skip what is no base64. Base64 that is whole is a run. No server
    looks for escapes in there, so those go: to decode noise three times takes long.
    """
    for text in dict.fromkeys([*values, ", ".join(values)]):
        found = _BASIC.match(text)
        if found and not _BASE64.fullmatch(coded := text[found.end() :].strip()):
            plain = decode_leniently(coded.encode("latin-1", "replace"))
            yield plain.translate(_WITHOUT_ESCAPES).decode("latin-1")


def _cookies(values: Sequence[str]) -> Iterator[str]:
    """Yield what was cut over several cookies, which many servers join by the number of each.

    Those are `session.0` and `session.1`, or `sessionC1` and `sessionC2`.
    """
    cut: dict[str, list[tuple[int, str, str]]] = {}
    for pair in ";".join(values).split(";"):
        name, _, value = [it.strip(' \t"') for it in pair.partition("=")]
        stem = name.rstrip(digits)
        if number := name[len(stem) :]:
            cut.setdefault(stem, []).append((len(number), number, value))
    for parts in cut.values():
        if parts[1:]:
            yield "".join([value for _, _, value in sorted(parts, key=itemgetter(0, 1))])


_JOINED = {"authorization": _basic, "cookie": _cookies}
_MAY_JOIN = {"authorization": _BASIC.match, "cookie": _NUMBERED.search}
"""Fields of which servers make other text than what stands in one of them."""


def _named(table: Table, layers: Iterable[Runs]) -> Iterator[tuple[str, Stray]]:
    """Yield each run that names a listed Hublet; a text that had to be decoded is no run."""
    for runs in layers:
        for reader, rule in table.index.strays:
            for run, name in reader.sightings(runs.texts, runs.plains):
                if hublet := table.hublet_named(name):
                    yield run, Stray(rule, hublet)
