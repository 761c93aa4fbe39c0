"""What a recording says of a flow beside its request, and what it does not hold."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..analysis.explanation import Explanation, explain, explain_logged
from ..analysis.masking import printable
from ..core.decision import Action, Decision, Reason
from ..core.request import MAX_BODY
from ..core.table import Table
from .har_entries import ENTRY
from .requests import request_with_body

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

LINE = "decision_log"
"""The key of a flow's metadata that holds its line, as it was read."""


def decision_then(flow: "HTTPFlow") -> Decision | None:
    """Return what was decided when the flow was recorded; None if it was not, or is not known."""
    values = flow.metadata
    try:
        reason = Reason(values["hublet_reason"])
    except (KeyError, ValueError):
        return None
    keys = ("hublet", "hublet_credential", "hublet_table")
    hublet, credential, table = (_shown(values.get(key)) for key in keys)
    unsent = Action.PASS if flow.comment.startswith("passed: ") else Action.REFUSE
    return Decision(Action.ROUTE if hublet else unsent, hublet, None, reason, credential, table)


def logged_decision(line: dict[str, Any]) -> Decision:
    """Return the decision of a line, without its upstream; raise ValueError or KeyError."""
    hublet, credential, table = (_shown(line.get(key)) for key in ("hublet", "credential", "table"))
    return Decision(Action(line["action"]), hublet, None, Reason(line["reason"]), credential, table)


def _shown(name: object) -> str | None:
    """Return a name that a file gave, as a terminal may show it."""
    return None if name is None else printable(str(name))


def explain_flow(table: Table, flow: "HTTPFlow") -> Explanation:
    """Return where a flow would go now and why, with a hint at what its recording lacks.

    A line of a decision log is explained by what it says: it has no request to decide.
    """
    if line := flow.metadata.get(LINE):
        return explain_logged(table, logged_decision(line), line)
    status = flow.response.status_code if flow.response else None
    explanation = explain(table, request_with_body(flow), status)
    hints = [it for it in (explanation.hint, gap(flow, explanation.decision)) if it]
    return replace(explanation, hint=" ".join(hints) or None)


def gap(flow: "HTTPFlow", decision: Decision) -> str | None:
    """Return a sentence about what the recording lacks, where it may have changed a decision."""
    headers = flow.request.headers
    length = headers.get("content-length", "")
    is_long = length.isdecimal() and int(length[:20]) > MAX_BODY  # int() raises on 5,000 digits
    if decision.reason is Reason.TOO_LARGE and flow.request.raw_content is None and not is_long:
        return "The recording lacks its body, which a rule reads: it may have been decided by that."
    if decision.reason is Reason.ANONYMOUS and ENTRY in flow.metadata:
        return (
            "Browsers leave credentials out of HAR files, unless a person asks for them: it"
            " may have had one."
        )
    return None
