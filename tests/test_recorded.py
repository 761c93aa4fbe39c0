"""What a recording says beside the request."""

from typing import Any

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow

from hublet_router.core.decision import Action, Decision, Reason, refuse, route
from hublet_router.core.judge import decide
from hublet_router.flows.har_entries import ENTRY
from hublet_router.flows.log_lines import log_flow
from hublet_router.flows.recorded import decision_then, explain_flow, gap
from hublet_router.flows.requests import request_with_body
from hublet_router.proxy.routing.annotate import annotate
from hublet_router.tablefile import loads
from test_start import TABLE

LOADED = loads(TABLE.replace("PORT", "9").encode())


@pytest.mark.parametrize(
    "decision",
    [
        route(LOADED, "eu1", Reason.CREDENTIAL, "private-app-token"),
        refuse(Reason.CONFLICT, "private-app-token", LOADED.version),
        refuse(Reason.NO_TABLE),
        Decision(Action.PASS, None, None, Reason.FOREIGN_HOST, None, LOADED.version),
    ],
    ids=lambda it: it.summary,
)
def test_what_was_annotated_is_what_was_decided_then(decision: Decision) -> None:
    flow = tflow.tflow()
    annotate(flow, decision)
    assert decision_then(flow) == decision._replace(upstream=None)


@pytest.mark.parametrize("metadata", [{}, {"hublet_reason": "of another version"}])
def test_without_an_annotation_it_is_not_known(metadata: dict[str, Any]) -> None:
    flow = tflow.tflow()
    flow.metadata = metadata
    assert decision_then(flow) is None


def flow_with(body: bytes | None, length: str = "", *, is_har: bool = False) -> HTTPFlow:
    flow = tflow.tflow()
    flow.request.data.content = body
    flow.request.headers["content-length"] = length
    flow.metadata = {ENTRY: 1} if is_har else {}
    return flow


@pytest.mark.parametrize(
    ("flow", "reason", "begins"),
    [
        (flow_with(None), Reason.TOO_LARGE, "The recording lacks its body"),
        (flow_with(None, "90"), Reason.TOO_LARGE, "The recording lacks its body"),
        (flow_with(None, "65536"), Reason.TOO_LARGE, "The recording lacks its body"),
        (flow_with(None, "65537"), Reason.TOO_LARGE, None),
        (flow_with(None, "9" * 5000), Reason.TOO_LARGE, None),
        (flow_with(b"x"), Reason.TOO_LARGE, None),
        (flow_with(None), Reason.LEGACY, None),
        (flow_with(b"", is_har=True), Reason.ANONYMOUS, "Browsers leave credentials out"),
        (flow_with(b""), Reason.ANONYMOUS, None),
        (flow_with(b"", is_har=True), Reason.LEGACY, None),
    ],
)
def test_what_a_recording_lacks(flow: HTTPFlow, reason: Reason, begins: str | None) -> None:
    said = gap(flow, decide(LOADED, request_with_body(flow))._replace(reason=reason))
    assert (said or "")[: len(begins or "x")] == (begins or "")


def test_an_explanation_has_the_hints_of_answer_and_recording() -> None:
    flow = tflow.tflow(resp=True)
    flow.live = False
    flow.request.headers["host"] = "api.hubapi.com"
    assert flow.response
    flow.response.status_code = 401
    flow.metadata[ENTRY] = 1
    explanation = explain_flow(LOADED, flow)
    assert explanation.decision == decide(LOADED, request_with_body(flow))
    assert explanation.hint
    assert "401 may mean another" in explanation.hint
    assert "Browsers leave credentials out" in explanation.hint


def test_a_line_of_a_decision_log_is_explained_by_what_it_says() -> None:
    line = {"action": "refuse", "reason": "conflict", "flow": "1", "accounts": ["7"]}
    explanation = explain_flow(LOADED, log_flow(line))
    assert explanation.decision == refuse(Reason.CONFLICT)
    assert [it.place for it in explanation.tried] == ["in the log"]
