"""What a decision leaves on a flow."""

from mitmproxy.flowfilter import match
from mitmproxy.test import tflow

from hublet_router.core.decision import Action, Decision, Reason, refuse
from hublet_router.core.table import Upstream
from hublet_router.proxy.routing.annotate import (
    MISDIRECTED_MARK,
    SHADOW_MARK,
    annotate,
    is_annotated,
    remark,
    written,
)

EU1 = Upstream("https", "10.20.0.4", 8443)


def routed(reason: Reason = Reason.CREDENTIAL, rule: str | None = "api-key") -> Decision:
    return Decision(Action.ROUTE, "eu1", EU1, reason, rule, "0123456789ab")


def test_filters_find_a_flow_by_what_was_decided() -> None:
    flow = tflow.tflow()
    assert not is_annotated(flow)
    annotate(flow, routed())
    assert is_annotated(flow)
    assert match("~meta '^hublet: eu1$'", flow)
    assert match("~meta '^hublet_reason: credential$'", flow)
    assert match("~meta '^hublet_credential: api-key$'", flow)
    assert not match("~meta '^hublet: na1$'", flow)
    assert not match("~marked", flow)


def test_a_comment_of_a_person_is_no_decisions() -> None:
    flow = tflow.tflow()
    annotate(flow, routed())
    assert written(flow) == flow.comment == routed().summary
    flow.comment = "a slow one"
    assert written(flow) == ""


def test_a_later_decision_replaces_the_earlier_one_whole() -> None:
    flow = tflow.tflow()
    annotate(flow, refuse(Reason.CONFLICT, "api-key", "0"))
    assert flow.marked == ":no_entry:"
    annotate(flow, routed(Reason.ANONYMOUS, None))
    assert flow.metadata == {
        "hublet": "eu1",
        "hublet_reason": "anonymous",
        "hublet_table": "0123456789ab",
    }
    assert flow.comment == "eu1 ← anonymous"
    assert flow.marked == ""


def test_what_a_person_wrote_stays() -> None:
    flow = tflow.tflow()
    flow.comment, flow.marked = "look at this", ":star:"
    for _ in range(2):
        annotate(flow, refuse(Reason.CONFLICT))
        assert flow.marked == ":star:"
        assert flow.comment == "look at this"


def test_what_turns_out_later_is_added() -> None:
    flow = tflow.tflow()
    annotate(flow, routed(Reason.LEGACY))
    remark(flow, "shadow", "na1 ← api-key", SHADOW_MARK)
    assert flow.marked == ":twisted_rightwards_arrows:"
    remark(flow, "misdirected", "ap1", MISDIRECTED_MARK)
    assert flow.marked == ":x:"
    remark(flow, "shadow", "na1 ← api-key", SHADOW_MARK)
    assert flow.marked == ":x:"
    assert match("~meta '^hublet_shadow: na1 ' & ~meta '^hublet_misdirected: ap1$'", flow)
    assert flow.comment == (
        "eu1 ← legacy (api-key); shadow: na1 ← api-key; misdirected: ap1; shadow: na1 ← api-key"
    )
    annotate(flow, routed())
    assert flow.comment == "eu1 ← api-key"
    assert flow.marked == ""
    assert not match("~meta '^hublet_shadow: ' | ~meta '^hublet_misdirected: '", flow)


def test_what_a_person_wrote_stays_when_something_turns_out() -> None:
    flow = tflow.tflow()
    flow.comment, flow.marked = "look at this", ":star:"
    annotate(flow, routed())
    remark(flow, "misdirected", "ap1", MISDIRECTED_MARK)
    assert (flow.comment, flow.marked) == ("look at this", ":star:")
    assert flow.metadata["hublet_misdirected"] == "ap1"
