"""`hublet-router check`: whether tables are sound, and what they make of recorded requests."""

import argparse
from pathlib import Path

from ..analysis.lint import lint
from ..analysis.masking import counted
from ..core.table import Table
from ..flows.files import FlowFileError
from ..tablefile import TableError, table_path
from .held_against import hold_against_coverage, hold_against_moves, hold_against_residency
from .progress import watched_requests
from .report import CI_FORMATS, Report
from .shared_options import Commands, add_command, add_filter, add_format, add_table, load_table

DESCRIPTION = """\
Load each table, prove its examples, and print each fault as FILE:LINE:COLUMN: what, and what to do.
Of a sound table, print what is suspicious, as its examples show it: rules and Hublets without an
example, rules that earlier ones always take from, Hublets with one upstream.

Exit status: 0 nothing was found; 1 a table is not sound, --residency found a request in the wrong
region, --moved a line that the table lacks, or --coverage a credential that no rule explains; 2 an
error."""

_RECORDINGS = {
    "coverage": (
        hold_against_coverage,
        "decide the requests of flow files of mitmproxy, or HAR; list the rules and Hublets that"
        " none of them used, and how credentials look that no rule explains",
    ),
    "moved": (
        hold_against_moves,
        "print the lines of accounts.moved that the table lacks, as answers in these files name"
        " them",
    ),
    "residency": (
        hold_against_residency,
        "print each request that went, or would go, to a region that one of its credentials does"
        " not name",
    ),
}


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
