"""The content view `Hublet`: why the flow that is open went where it went."""

from collections.abc import Callable, Iterator
from textwrap import fill

from mitmproxy import http
from mitmproxy.contentviews import Contentview, Metadata

from ..analysis.explanation import Explanation
from ..analysis.masking import mask_request
from ..analysis.rows import Outcome
from ..core.table import Table
from ..flows.recorded import decision_then, explain_flow
from ..flows.requests import request_with_body
from .routing.annotate import written

_NOTHING = (Outcome.ABSENT, Outcome.NOT_HERE, Outcome.NO_ACCOUNT)
"""What is said once for all rules that it is true of."""

WIDTH = 72
"""Characters of a line: the view has half of a window, beside the list."""

NO_TABLE = "there is no table; the event log says why"


class HubletView(Contentview):
    """Explains the flow that a person has open, in the console and in mitmweb.

    mitmweb shows it under the request of each flow without a body, and in its menu of views for
    all others. No command can do that there: which flow is open is known to the browser alone.
    """

    name = "Hublet"

    def __init__(self, table: Callable[[], Table | None]) -> None:
        self._table = table

    def prettify(self, data: bytes, metadata: Metadata) -> str:  # noqa: ARG002  # as declared
        """Return the explanation of the flow that some content belongs to."""
        if not isinstance(metadata.flow, http.HTTPFlow):
            raise ValueError("only HTTP requests are decided")
        table = self._table()
        if table is None:
            return NO_TABLE
        explanation = explain_flow(table, metadata.flow)
        notes = went(metadata.flow, explanation)
        lines = [notes.pop("went"), *(f"{name}: {note}" for name, note in notes.items())]
        lines += [describe(table, metadata.flow, "\n"), "", *_rows(explanation)]
        return "\n".join(lines)

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Return the highest of all for a request without a body, which other views leave empty."""
        return 1 if isinstance(metadata.http_message, http.Request) and not data else -1


def _rows(explanation: Explanation) -> Iterator[str]:
    """Yield what was found, two short lines for each, and then what was not."""
    for one in explanation.tried:
        if one.outcome not in _NOTHING:
            yield f"{one.rule}: {one.why}"
            yield f"    {one.place}" + (f": {one.shape}" if one.shape else "")
    for outcome in _NOTHING:
        rules = explanation.rules(outcome)
        if rules and outcome is not Outcome.NO_ACCOUNT:
            text = f"{outcome.value}: {', '.join(rules)}"
            yield fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    if explanation.policy:
        yield f"policy {explanation.policy}"
    yield f"table {explanation.decision.table}"
    if explanation.hint:
        yield explanation.hint


def record(table: Table, flow: http.HTTPFlow) -> Iterator[list[str]]:
    """Yield the rows of `hublet.explain`: a flow, where it went, and what each rule found."""
    explanation = explain_flow(table, flow)
    notes = {
        "flow": describe(table, flow),
        **went(flow, explanation),
        "policy": explanation.policy,
        "hint": explanation.hint,
    }
    yield from ([name, note] for name, note in notes.items() if note)
    for one in explanation.tried:
        if one.outcome is not Outcome.NOT_HERE:
            shape = f" ({one.shape})" if one.shape else ""
            yield [one.rule, f"{one.place}: {one.why}{shape}"]
    if absent := explanation.rules(Outcome.NOT_HERE):
        yield [Outcome.NOT_HERE.value, ", ".join(absent)]
    yield ["table", str(explanation.decision.table)]


def went(flow: http.HTTPFlow, explanation: Explanation) -> dict[str, str]:
    """Return where a flow went, with later remarks, and where it would go now if elsewhere."""
    then, now = decision_then(flow), explanation.decision.summary
    if not then:
        return {"went": now}
    text = written(flow) or then.summary
    return {"went": text} if then.summary == now else {"went": text, "would go now": now}


def describe(table: Table, flow: http.HTTPFlow, separator: str = ", ") -> str:
    """Return the method and the masked URL of a flow, and its id."""
    shown = mask_request(table, request_with_body(flow), flow.request.scheme)
    return f"{shown}{separator}flow {flow.id}"
