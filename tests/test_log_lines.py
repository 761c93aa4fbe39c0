"""Lines of a decision log as flows."""

import io
import json
from typing import Any

import pytest
from mitmproxy.flowfilter import match
from mitmproxy.test import tflow

from hublet_router.core.decision import Action, Reason
from hublet_router.flows.log_lines import is_decision_log, log_flows
from hublet_router.flows.opened import peekable
from hublet_router.flows.recorded import LINE, decision_then, logged_decision
from hublet_router.flows.requests import request_with_body
from hublet_router.proxy.observe.decision_log import line as line_of
from hublet_router.proxy.routing.annotate import Decided
from hublet_router.tablefile import loads
from test_start import TABLE

LINES: dict[str, dict[str, Any]] = {
    "routed": {"action": "route", "hublet": "eu1", "reason": "credential", "credential": "x"},
    "refused": {"action": "refuse", "hublet": None, "reason": "conflict", "credential": "x"},
    "passed": {"action": "pass", "hublet": None, "reason": "foreign-host", "credential": None},
}  # fmt: skip


def read(*lines: object) -> tuple[list[Any], list[str]]:
    said: list[str] = []
    text = "\n".join(it if isinstance(it, str) else json.dumps(it) for it in lines)
    return list(log_flows(io.BytesIO(text.encode()), said.append)), said


@pytest.mark.parametrize("kind", LINES)
def test_a_line_is_a_flow_with_its_decision(kind: str) -> None:
    line = {**LINES[kind], "flow": "id", "table": "0123456789ab", "status": 421, "method": "PUT",
            "domain": "api.hubapi.com", "path": "/a/***"}  # fmt: skip
    (flow,), said = read(line)
    assert said == []
    assert (flow.id, flow.metadata[LINE]) == ("id", line)
    assert match("~c 421 & ~m PUT & ~d api.hubapi.com & ~u /a/", flow)
    assert decision_then(flow) == logged_decision(line)
    seen = request_with_body(flow)
    assert (seen.host, seen.target) == ("api.hubapi.com", "/a/***")


def test_what_the_router_writes_is_read() -> None:
    flow = tflow.tflow(resp=True)
    table = loads(TABLE.replace("PORT", "9").encode())
    decided = Decided.now(table, request_with_body(flow))
    text = line_of(flow, decided)
    assert is_decision_log(peekable(io.BytesIO(text.encode() + b"\n" * 9)))
    (read_again,), _ = read(text)
    assert read_again.id == flow.id
    assert logged_decision(json.loads(text)) == decided.decision._replace(upstream=None)


def test_only_what_a_line_needs() -> None:
    (flow,), _ = read({**LINES["refused"], "flow": "id"})
    assert request_with_body(flow).hosts == ()
    assert flow.response is None


@pytest.mark.parametrize(
    "line",
    ["c0ffee", "[]", "1", {"action": "route"}, {**LINES["routed"], "reason": "c0ffee", "flow": ""},
     {**LINES["routed"], "action": "c0ffee", "flow": ""}, LINES["routed"], "[" * 200_000],
    ids=["no JSON", "a list", "a number", "no reason", "another reason", "another action", "no id",
         "deep"],
)  # fmt: skip
def test_another_line_is_left_out_and_named(line: object) -> None:
    flows, said = read({**LINES["routed"], "flow": "1"}, line, "", {**LINES["passed"], "flow": "2"})
    assert [flow.id for flow in flows] == ["1", "2"]
    assert said == ["line 2 is left out: it is none of a decision log"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('{"action": "route", "reason": "moved"}\n{', True),
        ('{"log": {"entries": []}}', False),
        ('{\n"action": "route"}', False),
        ("12:abc", False),
        ("", False),
    ],
)
def test_what_a_decision_log_begins_with(text: str, is_one: bool) -> None:
    assert is_decision_log(peekable(io.BytesIO(text.encode()))) is is_one


def test_every_action_and_reason_is_known() -> None:
    for action in Action:
        for reason in Reason:
            decision = logged_decision({"action": action.value, "reason": reason.value})
            assert (decision.action, decision.reason) == (action, reason)
