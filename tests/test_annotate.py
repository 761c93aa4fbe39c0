"""What a decision leaves on a flow."""

from mitmproxy.flowfilter import match
from mitmproxy.test import tflow

from hublet_router.core.decide import Action, Decision, Reason, refuse
from hublet_router.core.table import Upstream
from hublet_router.proxy.annotate import annotate, is_annotated

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
