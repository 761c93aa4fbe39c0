"""`hublet-router explain`: where a request goes, and why."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from ..analysis.explanation import explain
from ..analysis.harmless import known_words
from ..analysis.masking import mask_host, mask_path, printable
from ..core.decision import Action, Reason
from ..core.request import Request
from ..tablefile import load, table_path
from .curl import CurlError, Given, options, request
from .progress import watched_flows

SUMMARY = "where a request goes, and why: in curl's own words, or from recorded flows"
HELP = """\
usage: hublet-router explain [OPTIONS] [curl] [CURL'S OPTIONS] URL...
       hublet-router explain [OPTIONS] RECORDING...
       hublet-router explain [OPTIONS] - < REQUEST

Print where a request goes and why, with every rule that was tried. Nothing is sent.

URL        Put `hublet-router explain` before a curl command, or in the place of `curl`. What shapes
           the request is read: -X -H -d --data-raw --data-binary --data-ascii --data-urlencode
           --json --url-query -G -I -u -b -A -e --oauth2-bearer; what changes no decision
           (-s -k -o FILE ...) is ignored.
RECORDING  A flow file of mitmproxy or a HAR file: a word without :// that is a file.
-          A raw HTTP/1 request on standard input. Unlike a command, it leaves no credential in
           the history of your shell.

OPTIONS, before all others:
  --table FILE          the table (default: hublets.yaml)
  --format text|json    json writes one object a line for each request, in order
  -h, --help            print this

Exit status: 0 each request is routed, or passes to the host that it names; 3 one is refused;
2 an error."""

_RECORDINGS = (".dump", ".flow", ".flows", ".har", ".mitm", ".mitmproxy")
_FORMATS = ("text", "json")

type Asked = tuple[Request, int | None]
"""A request, and the status of its answer where one was recorded."""


def explain_words(words: Sequence[str]) -> int:
    """Print an explanation of each request; return 0, 3 if one is refused, or 2."""
    from ..flows.raw import RequestError  # noqa: PLC0415  # mitmproxy: a third of a second

    if words[:1] in (["-h"], ["--help"]):
        print(HELP)
        return 0
    try:
        ours, rest = _our_options(words)
        if ours["--format"] not in _FORMATS:
            raise CurlError(f"--format is {' or '.join(_FORMATS)}")
        return _explain(ours, options(rest[1:] if rest[:1] == ["curl"] else rest))
    except (CurlError, RequestError) as error:
        print(f"hublet-router explain: {error}", file=sys.stderr)
        return 2


def _our_options(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return our own options, which come first, and curl's words."""
    ours, rest = {"--format": "text", "--table": "hublets.yaml"}, list(words)
    while rest and (name := rest[0].partition("=")[0]) in ours:
        _, equals, value = rest.pop(0).partition("=")
        if not equals and not rest:
            raise CurlError(f"{name} needs a value; add it")
        ours[name] = value if equals else rest.pop(0)
    return ours, rest


def _explain(ours: dict[str, str], given: list[Given]) -> int:
    inputs = [value for name, value in given if name == "url"]
    if not inputs:
        raise CurlError("name a URL, a recording, or - for a request on standard input")
    table = load(table_path(ours["--table"]), option="--table FILE")
    several = len(inputs) > 1 or _is_recording(inputs[0])
    code = 0
    for seen, status in _asked(given, inputs):
        explanation = explain(table, seen, status)
        if explanation.decision.action is Action.REFUSE:
            code = 3
        if ours["--format"] == "json":
            print(json.dumps(explanation.as_json()))
            continue
        if several:
            is_foreign = explanation.decision.reason is Reason.FOREIGN_HOST
            path = mask_path(seen, known_words(table))
            where = "to a foreign host" if is_foreign else f"{mask_host(seen.host or '')}{path}"
            print(printable(f"{seen.method} {where}"))
        print(explanation.as_text(), end="\n\n" if several else "\n")
    return code


def _asked(given: list[Given], inputs: list[str]) -> Iterator[Asked]:
    """Yield each request, in order."""
    from ..flows.files import read_flows  # noqa: PLC0415
    from ..flows.raw import read_request  # noqa: PLC0415
    from ..flows.requests import request_with_body  # noqa: PLC0415

    # On one terminal, a progress bar would stand in the middle of the explanations.
    read = read_flows if sys.stdout.isatty() else watched_flows
    for are_recordings, words in groupby(inputs, _is_recording):
        if are_recordings:
            _refuse_options(given)
            for flow in read([Path(word) for word in words]):
                yield request_with_body(flow), flow.response.status_code if flow.response else None
            continue
        for word in words:
            if word == "-":
                _refuse_options(given)
                yield read_request(sys.stdin.buffer.read()), None
            else:
                yield request(given, word), None


def _refuse_options(given: list[Given]) -> None:
    if any(name != "url" for name, _ in given):
        raise CurlError("curl's options belong to a URL, not to a request that is whole")


def _is_recording(word: str) -> bool:
    """Return whether a word is a recording and not a URL, which may be without its scheme."""
    # Path.exists raises on a long name, and quotes it: it may be a credential
    there = os.path.exists(word)  # noqa: PTH110
    return word != "-" and "://" not in word and (there or word.endswith(_RECORDINGS))
