"""`hublet-router diff`: what a change of the table would do to recorded traffic."""

import argparse
import json
from pathlib import Path

from ..analysis.comparison import Changes, differ
from ..analysis.masking import counted, mask_method, mask_url, printable
from ..analysis.misdirection import AccountMoves
from ..core.judge import decide
from ..flows.answers import misdirection_of
from ..flows.files import called, flow_name
from ..tablefile import load
from .progress import watched_requests
from .report import CI_FORMATS, Report
from .shared_options import Commands, add_command, add_filter, add_format

DESCRIPTION = """\
Decide each recorded request with both tables, and print only what changes: how many requests go
from which decision to which, and the first few of them. If a recorded answer names another Hublet
and NEW does not send its request there, the lines of accounts.moved that NEW lacks follow. Exit
status: 0 nothing changes, 1 something does, 2 an error."""


def declare(commands: Commands) -> None:
    """Add the command."""
    summary = "what a change of the table would do to recorded traffic"
    parser = add_command(commands, "diff", diff, summary, DESCRIPTION)
    parser.add_argument("old", metavar="OLD", type=Path, help="the table of now")
    parser.add_argument("new", metavar="NEW", type=Path, help="the table that would replace it")
    parser.add_argument(
        "flows", metavar="FLOWS", nargs="+", type=Path, help="a flow file of mitmproxy, or HAR"
    )
    add_format(parser, *CI_FORMATS, json="flow, method, url, old, new")
    add_filter(parser)


def diff(options: argparse.Namespace) -> int:
    """Print what changes; return 1 when something does."""
    old, new = load(options.old), load(options.new)
    changes, moves = Changes(), AccountMoves(new)
    for flow, request in watched_requests(options.flows, options.filter):
        changes.requests += 1
        if answer := misdirection_of(new, flow):
            moves.add(request, answer)
        before, after = decide(old, request), decide(new, request)
        if not differ(before, after):
            continue
        method = mask_method(request.method)
        url = mask_url(request, flow.request.scheme, old, new)
        changes.add(before, after, printable(f"{method} {url} ({called(flow)})"))
        if options.format == "json":
            change = {"old": before.as_json(), "new": after.as_json()}
            print(json.dumps({"flow": flow_name(flow), "method": method, "url": url, **change}))
    report = Report("hublet-router diff", options.format)
    report.text("\n".join(changes.lines()))
    if lines := list(moves.lines()):
        report.text("\n".join(["", *lines]))
    if options.format in CI_FORMATS:
        for (was, now), count in changes.kinds.items():
            example = changes.examples[was, now][0]
            text = f"{counted(count, 'request')}: {was} becomes {now}: {example}"
            report.found("change", text)
        if not changes.count:
            report.passed("no request changes")
        report.end()
    return 1 if changes.count else 0
