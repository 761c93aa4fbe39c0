"""`hublet-router explain`: where a request goes, and why."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..core.decision import Action, Reason
from ..core.request import Request
from ..explain.explanation import explain
from ..explain.masking import mask_path, printable
from ..tablefile import DEFAULT_TABLE, load, table_path
from .curl import CurlError, Given, options, request

SUMMARY = "where a request goes, and why: in curl's own words, or from recorded flows"
HELP = """\
usage: hublet-router explain [--table FILE] [--json] [CURL'S OPTIONS] URL...
       hublet-router explain [--table FILE] [--json] RECORDING...
       hublet-router explain [--table FILE] [--json] - < REQUEST

Say where a request goes and why, with every rule that was tried. Nothing is sent.

URL        Put `hublet-router explain` where `curl` stands in a command. What shapes the request is
           read: -X -H -d --data-raw --data-binary --data-ascii --data-urlencode -G -I -u -b -A -e
           --oauth2-bearer; what changes no decision (-s -k -o FILE ...) is ignored.
RECORDING  A flow file of mitmproxy or a HAR file: a word without :// that is a file.
-          A raw HTTP/1 request on standard input. Unlike a command, it leaves no credential in
           the history of your shell.

--table FILE  the table (default: hublets.yaml)
--json        write one object a line for each request, in order

Exit status: 0 each request is routed, or passes to the host that it names; 3 one is refused;
2 an error."""

_RECORDINGS = (".dump", ".flow", ".flows", ".har", ".mitm", ".mitmproxy")

type Asked = tuple[Request, int | None]
"""A request, and the status of its answer where one was recorded."""


def declare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its words are curl's, so argparse is not to look into them."""
    parser = commands.add_parser("explain", help=SUMMARY, prefix_chars="\0", add_help=False)
    parser.add_argument("words", nargs="*")
    parser.set_defaults(call=lambda parsed: explain_words(parsed.words))


def explain_words(words: Sequence[str]) -> int:
    """Print an explanation of each request; return 0, 3 where one is refused, or 2."""
    from ..flows.raw import RequestError  # noqa: PLC0415  # mitmproxy: a third of a second

    try:
        given = list(options(words))
        if ("help", "") in given:
            print(HELP)
            return 0
        return _explain(given)
    except (CurlError, RequestError) as error:
        print(f"hublet-router explain: {error}", file=sys.stderr)
        return 2


def _explain(given: list[Given]) -> int:
    inputs = [value for name, value in given if name == "url"]
    if not inputs:
        raise CurlError("name a URL, a recording, or - for a request on standard input")
    tables = [value for name, value in given if name == "table"]
    table = load(table_path(tables[-1] if tables else DEFAULT_TABLE), option="--table FILE")
    several = len(inputs) > 1 or _is_recording(inputs[0])
    code = 0
    for seen, status in _asked(given, inputs):
        explanation = explain(table, seen, status)
        if explanation.decision.action is Action.REFUSE:
            code = 3
        if ("json", "") in given:
            print(json.dumps(explanation.as_json()))
            continue
        if several:
            # no rule tells the secrets of what is for a foreign host
            is_foreign = explanation.decision.reason is Reason.FOREIGN_HOST
            path = mask_path(seen, table.places)
            where = "to a foreign host" if is_foreign else f"{seen.host}{path}"
            print(printable(f"{seen.method} {where}"))
        print(explanation.as_text(), end="\n\n" if several else "\n")
    return code


def _asked(given: list[Given], inputs: Iterable[str]) -> Iterator[Asked]:
    """Yield each request, in order."""
    from ..flows.files import read_flows  # noqa: PLC0415
    from ..flows.raw import read_request  # noqa: PLC0415
    from ..flows.requests import request_with_body  # noqa: PLC0415

    shaping = {name for name, _ in given} - {"url", "table", "json"}
    for word in inputs:
        if word != "-" and not _is_recording(word):
            yield read_request(request(given, word)), None
        elif shaping:
            raise CurlError("curl's options belong to a URL, not to a request that is whole")
        elif word == "-":
            yield read_request(sys.stdin.buffer.read()), None
        else:
            for flow in read_flows([Path(word)]):
                yield request_with_body(flow), flow.response.status_code if flow.response else None


def _is_recording(word: str) -> bool:
    """Tell a recording from a URL, which may be without its scheme."""
    # Path.exists raises where the name is too long, and quotes it: it may be a credential
    there = os.path.exists(word)  # noqa: PTH110
    return "://" not in word and (there or word.endswith(_RECORDINGS))
