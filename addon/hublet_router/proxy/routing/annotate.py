"""What a decision leaves on a flow, for a person to look at: never a credential."""

import re
import time
from collections.abc import Sequence
from typing import NamedTuple, Self
from weakref import WeakKeyDictionary

from mitmproxy import http

from ...core.decision import Action, Decision, Reason, refuse
from ...core.findings import Finding
from ...core.judge import examine
from ...core.request import Request
from ...core.table import Table


class Decided(NamedTuple):
    """A decision, with the table and the request that it was made of, and the seconds it took.

    `found` is what the rules found. `left` is what `outgoing` said of the request when it was left
    to mitmproxy.
    """

    decision: Decision
    table: Table | None
    seconds: float
    request: Request | None = None
    found: Sequence[Finding] = ()
    left: tuple[object, ...] = ()

    @classmethod
    def now(cls, table: Table | None, request: Request) -> Self:
        """Decide; without a table, everything is refused."""
        started = time.perf_counter()
        decision, found = examine(table, request) if table else (refuse(Reason.NO_TABLE), ())
        return cls(decision, table, time.perf_counter() - started, request, found)


type Ledger = WeakKeyDictionary[http.HTTPFlow, Decided]
"""What was decided for each flow: what logs, metrics and counts say at its end."""

REFUSED_MARK, PINNED_MARK = ":no_entry:", ":pushpin:"
SHADOW_MARK, MISDIRECTED_MARK = ":twisted_rightwards_arrows:", ":x:"
_MARKS = {"", REFUSED_MARK, PINNED_MARK, SHADOW_MARK, MISDIRECTED_MARK}
_OURS = re.compile(r"(refused|passed): |\S+ ← ")  # how `comment` begins
_KEYS = ("hublet", "hublet_reason", "hublet_credential", "hublet_table")
_REMARKS = ("hublet_shadow", "hublet_misdirected")


def annotate(flow: http.HTTPFlow, decision: Decision) -> None:
    """Write metadata that `~meta '^hublet: eu1$'` finds, a readable comment, and a marker.

    A comment or a marker of another origin stays.
    """
    if flow.metadata:
        for key in _KEYS + _REMARKS:
            flow.metadata.pop(key, None)
    values = (decision.hublet, decision.reason.value, decision.credential, decision.table)
    for key, value in zip(_KEYS, values, strict=True):
        if value is not None:
            flow.metadata[key] = value
    if not flow.comment or _OURS.match(flow.comment):
        flow.comment = decision.summary
    mark = REFUSED_MARK if decision.action is Action.REFUSE else ""
    mark = PINNED_MARK if decision.reason is Reason.PINNED else mark
    if flow.marked in _MARKS:
        flow.marked = mark


def remark(flow: http.HTTPFlow, key: str, text: str, mark: str) -> None:
    """Add what turned out about a decision that was annotated: `hublet_<key>` in the metadata."""
    flow.metadata[f"hublet_{key}"] = text
    if _OURS.match(flow.comment):
        flow.comment += f"; {key}: {text}"
    if flow.marked in {"", SHADOW_MARK}:  # what a table would do matters less than what went wrong
        flow.marked = mark


def written(flow: http.HTTPFlow) -> str:
    """Return the comment that a decision left, with later remarks; not one that a person wrote."""
    return flow.comment if _OURS.match(flow.comment) else ""


def is_annotated(flow: http.HTTPFlow) -> bool:
    """Return whether a decision was written on the flow before."""
    return "hublet_reason" in flow.metadata
