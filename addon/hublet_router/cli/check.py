"""`hublet-router check`: whether a table is sound, and what it makes of recorded requests."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..analysis.coverage import Coverage
from ..analysis.lint import Remark, lint
from ..analysis.masking import counted
from ..analysis.misdirection import AccountMoves
from ..core.table import Table
from ..flows.files import FlowFileError
from ..tablefile import DEFAULT_TABLE, TableError, load, table_path
from .progress import watched_flows

DESCRIPTION = """\
Load a table, prove its examples, and print each fault as FILE:LINE:COLUMN: what, and what to do. Of
a sound table, print what is suspicious, as its examples show it: rules and Hublets without an
example, rules that earlier ones always take from, Hublets with one upstream. Exit status: 0 the
table is sound, 1 it is not, 2 an error."""


def declare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    summary = "what is wrong with a table, and what is suspicious"
    parser = commands.add_parser("check", help=summary, description=DESCRIPTION)
    parser.add_argument(
        "table", metavar="TABLE", nargs="?", default=argparse.SUPPRESS,
        help="the table (default: hublets.yaml); it stands before --coverage and --moved",
    )  # fmt: skip
    parser.add_argument("--table", metavar="FILE", default=DEFAULT_TABLE, help="the same")
    parser.add_argument(
        "--coverage", metavar="FLOWS", type=Path, nargs="+", default=(),
        help="decide the requests of flow files of mitmproxy, or HAR; list the rules and"
        " Hublets that none of them used, and how credentials look that no rule explains",
    )  # fmt: skip
    parser.add_argument(
        "--moved", metavar="FLOWS", type=Path, nargs="+", default=(),
        help="print the lines of accounts.moved that the table lacks, as answers in these files"
        " name them",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="exit status 1 for warnings, too")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text",
        help="json writes one object a line: file, line, column, level, text",
    )  # fmt: skip
    parser.set_defaults(call=check)


def check(options: argparse.Namespace) -> int:
    """Print what there is to say; return 1 if the table is not sound."""
    for name in ("coverage", "moved"):
        for path in getattr(options, name):
            if path.suffix in {".yaml", ".yml"}:
                raise FlowFileError(f"{path} is a table; put it before --{name}")
    report = _Report(table_path(options.table), options.format == "json")
    try:
        table = load(report.table, option="--table FILE")
    except TableError as error:
        if isinstance(error.__cause__, OSError):
            raise  # a file that cannot be read is an error, not a fault
        for fault in error.faults:
            report.remark("fault", Remark((fault.line, fault.column), fault.text), fault.file)
        return 1
    remarks = lint(table)
    for remark in remarks:
        report.remark("warning", remark)
    report.text(f"{report.table}: {_summary(table, len(remarks))}")
    if options.coverage:
        _cover(report, table, options.coverage)
    if options.moved:
        _print_moves(report, table, options.moved)
    return 1 if remarks and options.strict else 0


@dataclass(frozen=True, slots=True)
class _Report:
    """Prints what was found, for people or for programs."""

    table: Path
    is_json: bool

    def remark(self, level: str, remark: Remark, file: str | None = None) -> None:
        """Print something that has a place in a file."""
        name, (line, column) = file or str(self.table), remark.at
        label = "" if level == "fault" else f"{level}: "
        self.text(f"{name}:{line}:{column}: {label}{remark.text}")
        self.json(file=name, line=line, column=column, level=level, text=remark.text)

    def text(self, text: str) -> None:
        """Print what only people read, before the rate of reading flows on standard error."""
        if not self.is_json:
            print(text, flush=True)

    def json(self, **found: Any) -> None:
        """Print what only programs read."""
        if self.is_json:
            print(json.dumps(found))


def _summary(table: Table, warnings: int) -> str:
    parts = [
        counted(len(table.hublets), "Hublet"),
        counted(len(table.rules), "credential rule"),
        counted(len(table.examples), "example"),
        f"table {table.version}",
    ]
    sound = f"sound: {', '.join(parts)}"
    return f"{sound}; {counted(warnings, 'warning')}" if warnings else sound


def _cover(report: _Report, table: Table, files: list[Path]) -> None:
    """Decide recorded requests; print what they left unused, and what no rule explains."""
    from ..flows.requests import request_with_body  # noqa: PLC0415  # mitmproxy, for this alone

    coverage = Coverage(table)
    for flow in watched_flows(files):
        coverage.add(request_with_body(flow))
    for remark in coverage.unused():
        report.remark("unused", remark)
    reasons, kinds = coverage.reasons, coverage.unexplained()
    decided = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    report.text(f"{counted(reasons.total(), 'request')}: {decided or 'nothing to decide'}")
    if coverage.strays:
        report.text(f"`stray: refuse` refuses {counted(coverage.strays, 'request')}")
        report.json(level="stray", count=coverage.strays, policy=table.policy.stray)
    left = "what no rule explains, most frequent first:"
    report.text(left if kinds else "nothing is left that no rule explains")
    for count, text in kinds:
        report.text(f"{count:>9,}  {text}")
        report.json(level="unexplained", count=count, text=text)


def _print_moves(report: _Report, table: Table, files: list[Path]) -> None:
    """Print which accounts have moved, as recorded answers say."""
    from ..flows.answers import misdirection_of  # noqa: PLC0415  # mitmproxy, for this alone
    from ..flows.requests import request_with_body  # noqa: PLC0415

    moves = AccountMoves(table)
    for flow in watched_flows(files):
        if answer := misdirection_of(table, flow):
            moves.add(request_with_body(flow), answer)
    report.text("\n".join(moves.lines()) or "no answer names another Hublet for an account")
    for account, hublet in moves.moves().items():
        report.json(level="moved", account=account, hublet=hublet)
