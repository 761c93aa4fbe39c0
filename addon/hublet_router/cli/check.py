"""`hublet-router check`: whether tables are sound, and what they make of recorded requests."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..analysis.coverage import Coverage
from ..analysis.lint import lint
from ..analysis.masking import counted, mask_request
from ..analysis.misdirection import AccountMoves
from ..analysis.residency import Residency
from ..core.request import Request
from ..core.table import Table
from ..flows.answers import misdirection_of
from ..flows.files import RECORDINGS, FlowFileError, called, flow_name
from ..tablefile import TableError, table_path
from .progress import watched_requests
from .report import CI_FORMATS, Report
from .shared_options import Commands, add_command, add_filter, add_format, add_table, load_table

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

DESCRIPTION = """\
Load each table, prove its examples, and print each fault as FILE:LINE:COLUMN: what, and what to do.
Of a sound table, print what is suspicious, as its examples show it: rules and Hublets without an
example, rules that earlier ones always take from, Hublets with one upstream.

Exit status: 0 nothing was found; 1 a table is not sound, --residency found a request in the wrong
region, --moved a line that the table lacks, or --coverage a credential that no rule explains; 2 an
error."""

type Recorded = Iterable[tuple["HTTPFlow", Request]]


def declare(commands: Commands) -> None:
    """Add the command to the command line."""
    summary = "what is wrong with a table, what is suspicious, and what it makes of recordings"
    parser = add_command(commands, "check", check, summary, DESCRIPTION)
    parser.add_argument(
        "tables", metavar="TABLE", nargs="*", type=Path,
        help="the tables (default: hublets.yaml); they stand before options that take recordings",
    )  # fmt: skip
    add_table(parser)
    for name, (_, help_) in _RECORDINGS.items():
        parser.add_argument(
            f"--{name}", metavar="FLOWS", type=Path, nargs="+", default=(), help=help_
        )
    parser.add_argument(
        "--strict", action="store_true",
        help="exit status 1 for warnings, and for what --coverage finds unused, too",
    )  # fmt: skip
    add_format(parser, *CI_FORMATS, json="file, line, column, level, text")
    add_filter(parser)


def check(options: argparse.Namespace) -> int:
    """Print what there is to say; return 1 if something was found."""
    for name in _RECORDINGS:
        for path in getattr(options, name):
            if path.suffix in {".yaml", ".yml"}:
                raise FlowFileError(f"{path} is a table; put it before --{name}")
    for path in options.tables:
        if path.suffix in RECORDINGS:
            raise FlowFileError(f"{path} is a recording; put it behind --coverage, after the table")
    report = Report("hublet-router check", options.format, options.strict)
    for name in options.tables or [options.table]:
        _check(report, table_path(name), options)
    report.end()
    return int(report.has_failed)


def _check(report: Report, path: Path, options: argparse.Namespace) -> None:
    try:
        table = load_table(path)
    except TableError as error:
        if isinstance(error.__cause__, OSError):
            raise  # a file that cannot be read is an error, not a fault
        for fault in error.faults:
            file = fault.file or str(path)
            report.found("fault", fault.text, at=(file, fault.line, fault.column))
        return
    remarks = lint(table)
    for remark in remarks:
        report.found("warning", remark.text, at=(str(path), *remark.at), fails=report.strict)
    report.passed(f"{path}: sound")
    report.text(f"{path}: {_summary(table, len(remarks))}")
    for name, (hold, _) in _RECORDINGS.items():
        if files := getattr(options, name):
            hold(report, path, table, watched_requests(files, options.filter))


def _summary(table: Table, warnings: int) -> str:
    parts = [
        counted(len(table.hublets), "Hublet"),
        counted(len(table.rules), "credential rule"),
        counted(len(table.examples), "example"),
        f"table {table.version}",
    ]
    sound = f"sound: {', '.join(parts)}"
    return f"{sound}; {counted(warnings, 'warning')}" if warnings else sound


def _hold_against_coverage(report: Report, path: Path, table: Table, recorded: Recorded) -> None:
    """Decide recorded requests; print what they left unused, and what no rule explains."""
    coverage = Coverage(table)
    for _, request in recorded:
        coverage.add(request)
    unused, reasons, kinds = coverage.unused(), coverage.reasons, coverage.unexplained()
    for remark in unused:
        report.found("unused", remark.text, at=(str(path), *remark.at), fails=report.strict)
    decided = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    report.text(f"{counted(reasons.total(), 'request')}: {decided or 'nothing to decide'}")
    if strays := coverage.strays:
        text = f"`stray: refuse` refuses {counted(strays, 'request')}"
        report.found("stray", text, shown=text, count=strays, policy=table.policy.stray)
    for text, count in coverage.near.most_common():
        shown = f"in {counted(count, 'request')}, {text}"
        report.found("near", text, shown=shown, fails=False, count=count)
    left = "what no rule explains, most frequent first:"
    report.text(left if kinds else "nothing is left that no rule explains")
    for count, text in kinds:
        report.found("unexplained", text, shown=f"{count:>9,}  {text}", count=count)
    if not (strays or kinds):
        report.passed(f"{path}: coverage")


def _hold_against_moves(report: Report, path: Path, table: Table, recorded: Recorded) -> None:
    """Print which accounts have moved, as recorded answers say, that the table lacks."""
    moves = AccountMoves(table)
    for flow, request in recorded:
        if answer := misdirection_of(table, flow):
            moves.add(request, answer)
    report.text("\n".join(moves.lines()) or "no answer names another Hublet for an account")
    named = moves.moves()
    for account in moves.moved:
        hublet = named.get(account)
        text = f"account {account} has moved to {hublet or 'one of several Hublets'}"
        report.found("moved", text, shown="", account=account, hublet=hublet)
    if not moves.moved:
        report.passed(f"{path}: accounts that moved")


def _hold_against_residency(report: Report, path: Path, table: Table, recorded: Recorded) -> None:
    """Print each request that went, or would go, where a credential of its own does not name."""
    residency = Residency(table)
    for flow, request in recorded:
        if sentence := residency.check(request, flow.metadata.get("hublet")):
            shown = mask_request(table, request, flow.request.scheme)
            method, _, url = shown.partition(" ")
            name, text = flow_name(flow), f"{shown}, {called(flow)}: {sentence}"
            report.found("residency", text, shown=text, flow=name, method=method, url=url)
    report.text(
        f"{residency.misplaced:,} of {counted(residency.requests, 'request')} in the wrong region;"
        f" {residency.recorded:,} with a recorded Hublet, {residency.unread:,} that cannot be read"
    )
    if not residency.misplaced:
        report.passed(f"{path}: residency")


_RECORDINGS = {
    "coverage": (
        _hold_against_coverage,
        "decide the requests of flow files of mitmproxy, or HAR; list the rules and Hublets that"
        " none of them used, and how credentials look that no rule explains",
    ),
    "moved": (
        _hold_against_moves,
        "print the lines of accounts.moved that the table lacks, as answers in these files name"
        " them",
    ),
    "residency": (
        _hold_against_residency,
        "print each request that went, or would go, to a region that one of its credentials does"
        " not name",
    ),
}
