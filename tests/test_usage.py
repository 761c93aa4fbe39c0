"""How often each Hublet and rule decided: each request is counted once."""

import time

import pytest
from mitmproxy.test import tflow

from cases import cases
from harness import Stage, bearer, request
from hublet_router.core.decision import Action, Decision, Reason, refuse
from hublet_router.proxy.observe.usage import Usage
from hublet_router.proxy.routing.annotate import Decided


def test_summary_names_the_count_and_the_time_of_the_last_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1767225600.0)
    monkeypatch.setattr(time, "localtime", time.gmtime)
    usage = Usage()

    def ended(decision: Decision) -> None:
        usage.count(tflow.tflow(), Decided(decision, None, 0))

    ended(refuse(Reason.CONFLICT, "api-key"))
    assert usage.of_rule("api-key") == "1 request, 00:00:00"
    ended(refuse(Reason.CONFLICT, "api-key"))
    assert usage.of_rule("api-key") == "2 requests, 00:00:00"
    ended(Decision(Action.ROUTE, "na1", None, Reason.LEGACY, "api-key", None))
    assert usage.of_rule("api-key") == "3 requests, 00:00:00"
    assert usage.of_hublet("na1") == "1 request, 00:00:00"
    assert usage.of_hublet("eu1") == "no request"


CHUNKED = b"8\r\nx=abcdef\r\n0\r\n\r\n"
TWICE_DECIDED = {
    "refused with a short body": (
        request("POST", "/", bearer("zz9"), body=b"x"),
        (None, "private-app-token"),
    ),
    "provisional until the end of a chunked body": (
        request("PUT", "/oauth/v1/token", bearer("eu1"), "Transfer-Encoding: chunked") + CHUNKED,
        ("eu1", "private-app-token"),
    ),
}


@cases(("raw", "key"), TWICE_DECIDED)
def test_request_that_is_decided_twice_is_counted_once(
    stage: Stage, raw: bytes, key: tuple[str | None, str]
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    stage.send(raw)
    stage.finish()
    assert {key: count for key, (count, _) in stage.router.usage.counts.items()} == {key: 1}
    rows = {row[0]: row[2] for row in stage.command("hublet.table")}
    assert rows["rule private-app-token"].startswith("1 request, ")
