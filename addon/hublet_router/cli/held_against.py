"""What `hublet-router check` makes of recordings: coverage, accounts that moved, residency."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..analysis.coverage import Coverage
from ..analysis.masking import counted, mask_request
from ..analysis.misdirection import AccountMoves
from ..analysis.residency import Residency
from ..core.request import Request
from ..core.table import Table
from ..flows.answers import misdirection_of
from ..flows.files import called, flow_name
from .report import Report

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

type Recorded = Iterable[tuple["HTTPFlow", Request]]


def hold_against_coverage(report: Report, path: Path, table: Table, recorded: Recorded) -> None:
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


def hold_against_moves(report: Report, path: Path, table: Table, recorded: Recorded) -> None:
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


def hold_against_residency(report: Report, path: Path, table: Table, recorded: Recorded) -> None:
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
