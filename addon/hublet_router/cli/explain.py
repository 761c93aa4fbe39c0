"""`hublet-router explain`: where a request goes, and why."""

import codecs
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..analysis.explanation import explain
from ..analysis.harmless import known_words
from ..analysis.masking import mask_host, mask_method, mask_request, mask_target, printable
from ..core.decision import Action, Decision
from ..core.judge import decide
from ..core.request import Request
from ..core.table import Table
from ..flows.files import RECORDINGS, called, flow_name, flows_of, matching, read_flows
from ..flows.recorded import decision_then, explain_flow
from ..flows.requests import request_with_body
from ..tablefile import DEFAULT_TABLE
from .curl import request
from .curl_words import CurlError, Given, UnknownWordError, requests
from .progress import watched_flows
from .shared_options import FORMATS, load_table
from .shell import is_command, split_commands

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

SUMMARY = "where a request goes, and why: in curl's own words, or from recorded flows"
HELP = """\
usage: hublet-router explain [OPTIONS] [curl] [CURL'S OPTIONS] URL...
       hublet-router explain [OPTIONS] RECORDING...
       hublet-router explain [OPTIONS] - < COMMAND, REQUEST OR RECORDING

Print where a request goes and why, with every rule that was tried. Nothing is sent.

URL        Put `hublet-router explain` before a curl command, or in the place of `curl`. Every
           option of curl 8 is known. What shapes the request is read: -X -H -d --data-raw
           --data-binary --data-ascii --data-urlencode --json --form --form-string --url-query
           --request-target --next --config -G -I -T -u -b -A -e --oauth2-bearer; what changes no
           decision (-s -k -o FILE ...) is ignored.
RECORDING  A flow file of mitmproxy, a HAR file, or a decision log: a word without :// that is a
           file. What was decided then is printed beside what would be decided now.
-          Whole curl commands as a browser copies them, a raw HTTP/1 request, or a recording, on
           standard input. Unlike a command, it leaves no credential in the history of your shell.

OPTIONS, before all others:
  --table FILE          the table (default: hublets.yaml)
  --format text|json    json writes one object a line for each request, in order
  --filter EXPR         read only the flows of RECORDING that match a filter expression of
                        mitmproxy, such as '~c 401'
  -h, --help            print this

Exit status: 0 each request is routed, or passes to the host that it names; 3 one is refused;
2 an error."""

_NO_FILE = "a word is no file that is here, so it is read as a URL"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_RECORDED = re.compile(rb"\s*\{|[0-9]+:|\x1f\x8b")


class Asked(NamedTuple):
    """A request that is explained, with the flow that it was recorded in, if it was."""

    request: Request
    flow: "HTTPFlow | None" = None


def explain_words(words: Sequence[str]) -> int:
    """Print an explanation of each request; return 0, or 3 if one is refused."""
    if words[:1] in (["-h"], ["--help"]):
        print(HELP)
        return 0
    ours, rest = _our_options(words)
    if ours["--format"] not in FORMATS:
        raise CurlError(f"--format is {' or '.join(FORMATS)}")
    table = load_table(ours["--table"] or DEFAULT_TABLE)
    return _explain(table, ours, rest[1:] if rest[:1] in (["curl"], ["curl.exe"]) else rest)


def _our_options(words: Sequence[str]) -> tuple[dict[str, str | None], list[str]]:
    """Return our own options, which come first, and curl's words."""
    ours: dict[str, str | None] = {"--format": "text", "--table": None, "--filter": None}
    rest = list(words)
    while rest and (name := rest[0].partition("=")[0]) in ours:
        _, equals, value = rest.pop(0).partition("=")
        if not equals and not rest:
            raise CurlError(f"{name} needs a value; add it")
        ours[name] = value if equals else rest.pop(0)
    return ours, rest


def _explain(table: Table, ours: dict[str, str | None], words: list[str]) -> int:
    parts = [*_parts(table, words, ours["--filter"])]
    is_several = len(parts) > 1 or not isinstance(parts[0], list)
    code = 0
    for asked in chain.from_iterable(parts):
        flow = asked.flow
        explanation = explain_flow(table, flow) if flow else explain(table, asked.request)
        recorded = decision_then(flow) if flow else None
        if explanation.decision.action is Action.REFUSE:
            code = 3
        if ours["--format"] == "json":
            print(json.dumps(explanation.as_json() | _flow_json(table, asked, recorded)))
            continue
        if is_several:
            print(*_heading(table, asked, recorded), sep="\n")
        print(explanation.as_text(), end="\n\n" if is_several else "\n")
    return code


def _parts(table: Table, words: list[str], where: str | None) -> Iterator[Iterable[Asked]]:
    """Yield a list of each request of curl's words, and what yields those of recordings."""
    try:
        groups = requests(words)
    except UnknownWordError as error:
        raise CurlError(f"{error}{_without(table, error.rest)}") from None
    if not any(name == "url" for given in groups for name, _ in given):
        raise CurlError("name a URL, a recording, or - for what is on standard input")
    for given in groups:
        inputs = [value for name, value in given if name == "url"]
        for are_recordings, names in groupby(inputs, _is_recording):
            if are_recordings:
                _refuse_options(given)
                # On one terminal, a progress bar would stand in the middle of the explanations.
                read = read_flows if sys.stdout.isatty() else watched_flows
                paths = [Path(name) for name in names]
                yield map(_of_flow, read(paths, where=where, takes_log=True))
                continue
            for name in names:
                yield from _of_name(table, given, name, where)


def _of_name(
    table: Table, given: list[Given], name: str, where: str | None
) -> Iterator[Iterable[Asked]]:
    """Yield what is asked for by a URL, by `-` for standard input, or by a whole curl command."""
    if name == "-":
        _refuse_options(given)
        yield from _standard_input(table, where)
    elif is_command(name) and " " in name:
        _refuse_options(given)
        yield from _commands(table, name, where)
    else:
        asked = Asked(request(given, name, table))
        if "://" not in name and not table.owns(asked.request.host or ""):
            print(_NO_FILE, file=sys.stderr)
        yield [asked]


def _without(table: Table, words: list[str]) -> str:
    """Return a sentence with what would be decided without a word that is unknown."""
    try:
        asked = [
            request(given, url, table)
            for given in requests(words)
            for name, url in given
            if name == "url" and url != "-" and not _is_recording(url)
        ]
    except CurlError:
        return ""
    decisions = [decide(table, it) for it in asked if it.host and table.owns(it.host)]
    summaries = dict.fromkeys(it.summary for it in decisions)
    return f". Without it: {', '.join(summaries)}" if summaries else ""


def _standard_input(table: Table, where: str | None) -> Iterator[Iterable[Asked]]:
    """Yield what standard input holds: a curl command, a recording, or a raw request."""
    from ..flows.raw import RequestError, read_request  # noqa: PLC0415  # mitmproxy

    raw = _without_mark(sys.stdin.buffer.read())
    if not raw.strip():
        raise CurlError("standard input is empty; give it a curl command, a request or a recording")
    if is_command(text := os.fsdecode(raw)):
        yield from _commands(table, text, where)
    elif _RECORDED.match(raw):
        flows = flows_of(io.BytesIO(raw), "standard input", takes_log=True)
        yield map(_of_flow, filter(matching(where), flows))
    else:
        try:
            asked = read_request(raw)
        except RequestError as error:
            raise CurlError(str(error)) from None
        yield [Asked(asked)]


def _commands(table: Table, text: str, where: str | None) -> Iterator[Iterable[Asked]]:
    """Yield the requests of each curl command in a text."""
    for words in split_commands(text):
        yield from _parts(table, words, where)


def _without_mark(raw: bytes) -> bytes:
    """Return a text without its byte order mark, in UTF-8; Windows also writes UTF-16."""
    encoding = next((it for mark, it in _MARKS.items() if raw.startswith(mark)), None)
    return raw.decode(encoding, "replace").encode() if encoding else raw


def _of_flow(flow: "HTTPFlow") -> Asked:
    return Asked(request_with_body(flow), flow)


def _heading(table: Table, asked: Asked, then: Decision | None) -> Iterator[str]:
    """Yield what is printed above an explanation: the request, and what was decided then."""
    flow = asked.flow
    if not flow:
        seen = asked.request
        is_foreign = not (seen.host and table.owns(seen.host))  # a host may be anything at all
        known = known_words(table)
        where = f"{mask_host(seen.host or '', known)}{mask_target(seen, known)}"
        yield printable(
            f"{mask_method(seen.method)} {'to a foreign host' if is_foreign else where}"
        )
        return
    status = f" → {flow.response.status_code}" if flow.response else ""
    request_line = mask_request(table, asked.request, flow.request.scheme)
    yield f"{request_line}{status} ({printable(called(flow))})"
    if then:
        yield f"recorded: {then.summary}, table {then.table}"


def _flow_json(table: Table, asked: Asked, then: Decision | None) -> dict[str, Any]:
    flow = asked.flow
    if not flow:
        return {}
    method, url = mask_request(table, asked.request, flow.request.scheme).split(" ", 1)
    return {
        "flow": flow_name(flow),
        "method": method,
        "url": url,
        "status": flow.response.status_code if flow.response else None,
        "recorded": then.as_json() if then else None,
    }


def _refuse_options(given: list[Given]) -> None:
    if any(name != "url" for name, _ in given):
        raise CurlError("curl's options belong to a URL, not to a request that is whole")


def _is_recording(word: str) -> bool:
    """Return whether a word is a recording and not a URL, which may be without its scheme."""
    # Path.exists raises on a long name, and quotes it: it may be a credential
    there = os.path.exists(word)  # noqa: PTH110
    return word != "-" and "://" not in word and (there or word.endswith(RECORDINGS))
