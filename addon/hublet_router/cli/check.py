"""`hublet-router check`: whether a table is sound, and what it makes of recorded requests."""

import argparse
import json
from pathlib import Path

from ..core.table import Table
from ..explain.coverage import Coverage
from ..explain.lint import Remark, lint
from ..explain.masking import counted
from ..explain.misdirection import AccountMoves
from ..tablefile import DEFAULT_TABLE, TableError, load, table_path


def declare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "check",
        help="tell what is wrong with a table, and what is suspicious",
        description="Load a table, prove its examples, and tell each fault as"
        " FILE:LINE:COLUMN: what, and what to do. Of a sound table, tell what is"
        " suspicious, with samples for proof: rules that others take everything from, that"
        " contradict each other or that nothing can satisfy, Hublets that nothing leads to."
        " Exit status: 0 the table is sound, 1 it is not, 2 an error.",
    )
    parser.add_argument(
        "table", metavar="TABLE", type=Path, nargs="?", default=DEFAULT_TABLE,
        help="the table (default: hublets.yaml); it stands before --coverage and --moved",
    )  # fmt: skip
    parser.add_argument(
        "--coverage", metavar="FLOWS", type=Path, nargs="+", default=(),
        help="decide the requests of flow files of mitmproxy, or HAR; list the rules and"
        " Hublets that none of them used, and how credentials look that no rule explains",
    )  # fmt: skip
    parser.add_argument(
        "--moved", metavar="FLOWS", type=Path, nargs="+", default=(),
        help="print what the table lacks to send requests where, in these files, an answer told"
        " that they belong: lines of accounts.moved",
    )  # fmt: skip
    parser.add_argument("--strict", action="store_true", help="exit status 1 for warnings, too")
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object a line: file, line, column, level, text",
    )
    parser.set_defaults(call=check)


def check(options: argparse.Namespace) -> int:
    """Tell what there is to tell; return 1 where the table is not sound."""
    options.table = table_path(options.table)
    try:
        table = load(options.table, option="hublet-router check FILE")
    except TableError as error:
        for fault in error.faults:
            _tell(options, "fault", Remark((fault.line, fault.column), fault.text), fault.file)
        return 1
    remarks = lint(table)
    for remark in remarks:
        _tell(options, "warning", remark)
    if not options.json:
        print(f"{options.table}: {_summary(table, len(remarks))}")
    if options.coverage:
        _cover(options, table)
    if options.moved:
        _mend(options, table)
    return 1 if remarks and options.strict else 0


def _tell(options: argparse.Namespace, level: str, remark: Remark, file: str | None = None) -> None:
    name, (line, column) = file or str(options.table), remark.at
    if options.json:
        found = {"file": name, "line": line, "column": column, "level": level, "text": remark.text}
        print(json.dumps(found))
    else:
        label = "" if level == "fault" else f"{level}: "
        print(f"{name}:{line}:{column}: {label}{remark.text}")


def _summary(table: Table, warnings: int) -> str:
    parts = [
        counted(len(table.hublets), "Hublet"),
        counted(len(table.rules), "credential rule"),
        counted(len(table.examples), "example"),
        f"table {table.version}",
    ]
    return f"sound: {', '.join(parts)}" + f"; {counted(warnings, 'warning')}" * bool(warnings)


def _cover(options: argparse.Namespace, table: Table) -> None:
    """Decide recorded requests, and tell what they left unused and what is unexplained."""
    from ..flows.files import read_flows  # noqa: PLC0415  # mitmproxy, for this alone
    from ..flows.requests import request_with_body  # noqa: PLC0415

    coverage = Coverage(table)
    for flow in read_flows(options.coverage):
        coverage.add(request_with_body(flow))
    for remark in coverage.unused():
        _tell(options, "unused", remark)
    reasons, kinds = coverage.reasons, coverage.unexplained()
    if options.json:
        for count, text in kinds:
            print(json.dumps({"level": "unexplained", "count": count, "text": text}))
        return
    decided = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    print(f"{counted(reasons.total(), 'request')}: {decided or 'nothing to decide'}")
    left = "what no rule explains, most frequent first:"
    print(left if kinds else "nothing is left that no rule explains")
    for count, text in kinds:
        print(f"{count:>9,}  {text}")


def _mend(options: argparse.Namespace, table: Table) -> None:
    """Tell which accounts have moved, as recorded answers say."""
    from ..flows.answers import misdirection_of  # noqa: PLC0415  # mitmproxy, for this alone
    from ..flows.files import read_flows  # noqa: PLC0415
    from ..flows.requests import request_with_body  # noqa: PLC0415

    mending = AccountMoves(table)
    for flow in read_flows(options.moved):
        if told := misdirection_of(table, flow):
            mending.add(request_with_body(flow), told)
    if options.json:
        for account, hublet in mending.moves().items():
            print(json.dumps({"level": "moved", "account": account, "hublet": hublet}))
    else:
        print(*(list(mending.lines()) or ["no answer tells of an account to move"]), sep="\n")
