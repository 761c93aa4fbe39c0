"""What `hublet-router check` makes of recordings: coverage, accounts that moved, residency."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..analysis.coverage import Coverage
from ..analysis.masking import counted, mask_request
from ..analysis.misdirection import AccountMoves
from ..analysis.residency import Residency
from ..core.table import Table
from .progress import watched_flows
from .report import Report


def hold_against_coverage(
    report: Report, path: Path, table: Table, options: argparse.Namespace, files: Sequence[Path]
) -> bool:
    """Decide recorded requests; print what they left unused, and what no rule explains."""
    from ..flows.requests import request_with_body  # noqa: PLC0415  # mitmproxy, for this alone

    coverage = Coverage(table)
    for flow in watched_flows(files, options.filter):
        coverage.add(request_with_body(flow))
    unused, reasons, kinds = coverage.unused(), coverage.reasons, coverage.unexplained()
    for remark in unused:
        at = (str(path), *remark.at)
        report.found("unused", remark.text, at=at, fails=options.strict)
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
    return bool(strays or kinds or (unused and options.strict))


def hold_against_moves(
    report: Report, path: Path, table: Table, options: argparse.Namespace, files: Sequence[Path]
) -> bool:
    """Print which accounts have moved, as recorded answers say, that the table lacks."""
    from ..flows.answers import misdirection_of  # noqa: PLC0415  # mitmproxy, for this alone
    from ..flows.requests import request_with_body  # noqa: PLC0415

    moves = AccountMoves(table)
    for flow in watched_flows(files, options.filter):
        if answer := misdirection_of(table, flow):
            moves.add(request_with_body(flow), answer)
    lines = [*moves.lines()]
    report.text("\n".join(lines) or "no answer names another Hublet for an account")
    named = moves.moves()
    for account in moves.moved:
        hublet = named.get(account)
        text = f"account {account} has moved to {hublet or 'one of several Hublets'}"
        report.found("moved", text, shown="", account=account, hublet=hublet)
    if not moves.moved:
        report.passed(f"{path}: accounts that moved")
    return bool(moves.moved)


def hold_against_residency(
    report: Report, path: Path, table: Table, options: argparse.Namespace, files: Sequence[Path]
) -> bool:
    """Print each request that went, or would go, where a credential of its own does not name."""
    from ..flows.recorded import called, flow_name  # noqa: PLC0415  # mitmproxy, for this alone
    from ..flows.requests import request_with_body  # noqa: PLC0415

    residency = Residency(table)
    for flow in watched_flows(files, options.filter):
        request = request_with_body(flow)
        went = flow.metadata.get("hublet")
        if sentence := residency.check(request, went):
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
    return bool(residency.misplaced)
