"""The content view `Hublet`, as the console and mitmweb ask for it."""

import pytest
from mitmproxy import contentviews
from mitmproxy.contentviews import Metadata
from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow
from mitmproxy.test import tflow, tutils

from harness import Stage, bearer
from hublet_router.core.decision import Decision, Reason, route
from hublet_router.core.table import Table
from hublet_router.proxy.content_view import NO_TABLE, HubletView, record
from hublet_router.proxy.routing.annotate import annotate
from shipped_table import SHIPPED

SECRET = "pat-eu1-00000000-0000-0000-0000-000000000000"


def flow_to(url: str, body: bytes = b"") -> HTTPFlow:
    flow = tflow.tflow()
    flow.client_conn.sni = None  # else that is a host, too
    flow.request.url = url
    flow.request.content = body
    flow.request.headers["authorization"] = f"Bearer {SECRET}"
    return flow


def shown(flow: Flow, table: Table | None = SHIPPED) -> str:
    return HubletView(lambda: table).prettify(b"", Metadata(flow=flow))


NOW = route(SHIPPED, "eu1", Reason.CREDENTIAL, "private-app-token")
THEN = route(SHIPPED, "na1", Reason.ANONYMOUS, None)


@pytest.mark.parametrize(
    ("then", "comment", "head"),
    [
        (None, "", [NOW.summary]),
        (None, "a person's", [NOW.summary]),
        (NOW, NOW.summary, [NOW.summary]),
        (NOW, f"{NOW.summary}; misdirected: na1", [f"{NOW.summary}; misdirected: na1"]),
        (NOW, "a person's", [NOW.summary]),
        (THEN, THEN.summary, [THEN.summary, f"would go now: {NOW.summary}"]),
        (THEN, "a person's", [THEN.summary, f"would go now: {NOW.summary}"]),
    ],
    ids=["new", "new, commented", "same", "remarked", "commented", "other", "other, commented"],
)
def test_it_says_where_the_flow_went_and_would_go_now(
    then: Decision | None, comment: str, head: list[str]
) -> None:
    flow = flow_to("https://api.hubapi.com/crm/v3/objects?hapikey=secret-words")
    if then:
        annotate(flow, then)
    flow.comment = comment
    lines = shown(flow).splitlines()
    assert lines[: len(head) + 3] == [
        *head, "GET https://api.hubapi.com/crm/v3/objects?hapikey=***", f"flow {flow.id}", "",
    ]  # fmt: skip
    assert lines[len(head) + 3 :][:2] == [
        "private-app-token: names eu1: decided",
        "    header authorization bearer: pat-…, 32 to 63 characters of a-z 0-9 -",
    ]
    assert lines[-1] == f"table {SHIPPED.version}"
    assert SECRET not in "\n".join(lines)


def test_a_policy_and_a_hint_are_shown_and_lines_are_short() -> None:
    flow = flow_to("https://api.hubapi.com/crm/v3")
    del flow.request.headers["authorization"]
    flow.response = tutils.tresp(status_code=401)
    lines = shown(flow).splitlines()
    assert "policy anonymous: default" in lines
    assert "401 may mean another" in lines[-1]
    assert max(map(len, lines)) <= 80


def test_of_a_foreign_url_only_the_host_is_shown() -> None:
    assert "GET https://elsewhere.example/***" in shown(flow_to("https://elsewhere.example/a/b"))


def test_without_a_table_it_says_so() -> None:
    assert shown(flow_to("https://api.hubapi.com/"), None) == NO_TABLE
    with pytest.raises(ValueError, match="only HTTP requests"):
        shown(tflow.tdnsflow())


@pytest.mark.parametrize(
    ("view", "body", "is_request", "expected"),
    [
        ("auto", b"", True, "Hublet"),
        ("auto", b'{"a": 1}', True, "JSON"),
        ("auto", b"plain", True, "Raw"),
        ("hublet", b'{"a": 1}', True, "Hublet"),
        ("auto", b"", False, "Raw"),
        ("hublet", b"", False, "Hublet"),
    ],
)
def test_mitmproxy_shows_it_where_there_is_nothing_else(
    stage: Stage, view: str, body: bytes, *, is_request: bool, expected: str
) -> None:
    stage.regions("eu1")
    stage.proxy()
    flow = flow_to("https://api.hubapi.com/?a=b", body)
    flow.response = tutils.tresp(content=body)
    message = flow.request if is_request else flow.response
    message.headers["content-type"] = "text/plain" if body == b"plain" else "application/json"

    async def ask() -> contentviews.ContentviewResult:
        return contentviews.prettify_message(message, flow, view)

    result = stage.call(ask())
    assert result.view_name == expected
    assert result.text.startswith("eu1 ← ") == (expected == "Hublet")


def test_a_live_flow_is_explained(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    assert stage.get("/a", bearer("eu1")).hublet == "eu1"
    (flow,) = stage.seen.flows
    text = shown(flow, stage.router.live.table)
    assert text.startswith("eu1 ← private-app-token\nGET http://api.hubapi.com/a\n")


def test_the_record_of_a_flow_has_a_row_for_each_rule_that_looked() -> None:
    flow = flow_to("https://api.hubapi.com/crm/v3?hapikey=eu1-0000")
    annotate(flow, THEN)
    rows = [*record(SHIPPED, flow)]
    assert rows[:3] == [
        ["flow", f"GET https://api.hubapi.com/crm/v3?hapikey=***, flow {flow.id}"],
        ["went", THEN.summary],
        ["would go now", NOW.summary],
    ]
    assert ["accounts", "query portalId: no account there"] in rows
    decided = "header authorization bearer: names eu1: decided (pat-…, 32 to 63 characters"
    assert any(row[0] == "private-app-token" and row[1].startswith(decided) for row in rows)
    assert rows[-2][0] == "not for this path"
    assert "personal-access-key" in rows[-2][1]
    assert rows[-1] == ["table", SHIPPED.version]
    assert SECRET not in str(rows)
