"""A candidate table decides beside the live one: only their differences are reported."""

import logging
from pathlib import Path

import pytest
from mitmproxy.flowfilter import match
from mitmproxy.http import HTTPFlow

from harness import REVERSE, Stage, bearer, request, token, wait_for
from hublet_router.core.decision import Reason, refuse
from hublet_router.core.request import Request
from hublet_router.core.table import Table
from hublet_router.proxy.observe import shadow
from synthetic import api_key
from test_metrics_server import fetch


def candidate(stage: Stage, text: str) -> Path:
    path = stage.folder / "candidate.yaml"
    path.write_text(text)
    return path


def start(
    stage: Stage, old: str = "", new: str = "", *, mode: str = REVERSE, metrics: str | None = None
) -> Path:
    """Start with a candidate that differs from the live table by that edit."""
    stage.upstream("na1")
    stage.upstream("eu1")
    path = candidate(stage, stage.table().read_text().replace(old, new))
    stage.proxy(mode=mode, hublet_shadow=str(path), hublet_metrics=metrics)
    wait_for(lambda: stage.router.shadow.candidate.table)
    return path


ONLY_NA1 = ("^pat-([a-z]{2}[0-9]{1,3})-", "^pat-(na1)-")
BODY_RULE = (
    "credentials:\n",
    "credentials:\n  - {name: form-key, paths: '^/x', in: {form: key},"
    ' hublet: {regex: "^([a-z]{2}[0-9])-"}}\n',
)


def test_a_difference_is_logged_and_nothing_changes(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    start(stage, *ONLY_NA1, metrics=":0")
    with stage.client() as client:
        for _ in range(2):
            assert client.get("/", bearer("eu1")).hublet == "eu1"
        assert client.get("/", bearer("na1")).hublet == "na1"
    flow, _, same = stage.seen.flows
    assert match("~meta '^hublet: eu1$' & ~meta '^hublet_shadow: na1 ' & ~marked", flow)
    assert flow.marked == ":twisted_rightwards_arrows:"
    assert flow.comment == "eu1 ← private-app-token; shadow: na1 ← legacy (private-app-token)"
    assert not match("~meta '^hublet_shadow: ' | ~marked", same)
    assert same.comment == "na1 ← private-app-token"
    assert stage.arrivals() == {"na1": 1, "eu1": 1}
    said = (
        "hublet_shadow: 'eu1 ← private-app-token' would become 'na1 ← legacy (private-app-token)'"
    )
    assert caplog.messages.count(said) == 1
    scraped = fetch(stage.metrics_port, "/metrics")[1]
    sample = (
        'hublet_shadow_differences_total{candidate="na1",candidate_reason="legacy",'
        'hublet="eu1",reason="credential"} 2.0'
    )
    assert sample in scraped


def test_what_is_refused_and_what_fails_is_compared_as_well(stage: Stage) -> None:
    start(stage, "  eu1:", "  zz9: {upstream: 'http://127.0.0.1:1'}\n  eu1:")
    assert stage.get("/", bearer("zz9")).status == 421
    (flow,) = stage.seen.flows
    assert flow.metadata["hublet_shadow"] == "zz9 ← private-app-token"
    assert flow.marked == ":no_entry:"
    eu1 = stage.upstreams["eu1"]
    assert eu1.server
    stage.loop.call_soon_threadsafe(eu1.server.close)
    candidate(stage, stage.table_text().replace(*ONLY_NA1))
    version = stage.router.shadow.candidate.table
    wait_for(lambda: stage.router.shadow.candidate.table is not version)
    assert stage.get("/", bearer("eu1")).status == 502
    assert stage.seen.flows[-1].metadata["hublet_shadow"] == "na1 ← legacy (private-app-token)"
    assert stage.router.shadow.counts == {
        ("-", "unknown-hublet", "zz9", "credential"): 1,
        ("eu1", "credential", "na1", "legacy"): 1,
    }


KEY = f"refresh_token={api_key('eu1')}".encode()
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(KEY), KEY)
TRAFFIC = [
    request("POST", "/oauth/v1/token", body=KEY),
    request("POST", "/oauth/v1/token", body=KEY + b"&x=" + b"x" * 100_000),
    request("PUT", "/oauth/v1/token", bearer("eu1"), "Transfer-Encoding: chunked") + CHUNKED,
    request("PUT", "/oauth/v1/token", "Transfer-Encoding: chunked") + CHUNKED,
    request("PUT", "/", bearer("zz9"), "Transfer-Encoding: chunked") + CHUNKED,
    request("POST", "/", bearer("eu1"), body=b"x" * 100_000),
    request("GET", "/", bearer("eu1"), "Host: other.example"),
    request("GET", "/", host="api.example.com"),
    request("GET", f"/?hapikey={api_key(None)}", bearer("na1")),
]


@pytest.mark.parametrize("mode", [REVERSE, "regular"], ids=["in reverse mode", "in regular mode"])
def test_no_difference_is_invented(stage: Stage, mode: str) -> None:
    start(stage, mode=mode)
    for raw in TRAFFIC:
        count = len(stage.seen.flows)
        with stage.client() as client:
            client.socket.sendall(raw.replace(b" /", b" http://api.hubapi.com/", mode == "regular"))
            client.receive_until(b"\r\n\r\n")
            # the lambda is called before the loop goes on
            wait_for(lambda: len(stage.seen.flows) > count)  # noqa: B023
    assert not stage.router.shadow.counts
    assert not any("hublet_shadow" in flow.metadata for flow in stage.seen.flows)


def test_a_way_round_the_decision_is_no_difference(stage: Stage) -> None:
    """The live path refuses what would pass to a Hublet by its own address; no table does."""
    eu1 = stage.upstream("eu1")
    path = candidate(
        stage, stage.table(stage.table_text(more="policy: {foreign: pass}")).read_text()
    )
    stage.proxy(mode="regular", hublet_shadow=str(path))
    wait_for(lambda: stage.router.shadow.candidate.table)
    answer = stage.send(request("GET", f"{eu1.url}/", host=f"127.0.0.1:{eu1.port}"))
    assert answer.problem["reason"] == "foreign-host"
    assert not stage.router.shadow.counts


class Editor:
    """Another addon, which changes requests when they have been decided."""

    def request(self, flow: HTTPFlow) -> None:
        flow.request.headers["authorization"] = token("na1")[1]


def test_what_another_addon_changes_afterwards_is_no_difference(stage: Stage) -> None:
    start(stage)
    stage.loop.call_soon_threadsafe(stage.master.addons.add, Editor())
    stage.get("/", bearer("eu1"))
    assert b"Bearer pat-na1-" in stage.upstreams["eu1"].only
    assert not stage.router.shadow.counts


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"key=eu1-0", "eu1 ← form-key"),
        (b"key=eu1-0&x=" + b"x" * 100_000, "refused: too-large (form-key)"),
        (b"", None),
    ],
    ids=["short", "streamed", "none"],
)
def test_a_body_that_only_the_candidate_reads(
    stage: Stage, body: bytes, expected: str | None
) -> None:
    start(stage, *BODY_RULE)
    assert stage.send(request("POST", "/x", body=body)).hublet == "na1"
    assert stage.seen.flows[0].metadata.get("hublet_shadow") == expected


def test_it_is_read_again_when_it_changes_and_its_differences_are_news(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = start(stage, *ONLY_NA1)
    first = stage.router.shadow.candidate.table
    assert first
    assert f"shadow table {first.version} decides as well, and changes nothing" in caplog.text
    stage.get("/", bearer("eu1"))
    wait_for(lambda: caplog.text.count("would become") == 1)  # the client has its answer before
    path.write_text(f"{path.read_text()}# again\n")
    wait_for(lambda: stage.router.shadow.candidate.table is not first)
    stage.get("/", bearer("eu1"))
    wait_for(lambda: caplog.text.count("would become") == 2)


@pytest.mark.parametrize("text", [None, "domains: []\n", "\0"], ids=["missing", "bad", "no YAML"])
def test_a_candidate_that_cannot_be_loaded_disturbs_nothing(
    stage: Stage,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    text: str | None,
) -> None:
    """Not even the start, which a logged error would end."""
    stage.upstream("na1")
    stage.upstream("eu1")
    good = stage.table().read_text()
    path = stage.folder / "candidate.yaml"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("HOME", str(stage.folder))
    stage.proxy(hublet_shadow="~/candidate.yaml")
    wait_for(lambda: f"{path} is not used" in caplog.text)
    assert "goes on" not in caplog.text
    assert f"{path}:1:" in caplog.text
    assert not [it for it in caplog.records if it.levelno >= logging.ERROR]
    with stage.client() as client:
        assert client.get("/", bearer("eu1")).hublet == "eu1"
        assert "hublet_shadow" not in stage.seen.flows[0].metadata
        path.write_text(good.replace(*ONLY_NA1))
        wait_for(lambda: stage.router.shadow.candidate.table)
        assert client.get("/", bearer("eu1")).hublet == "eu1"
    assert "hublet_shadow" in stage.seen.flows[1].metadata


def test_a_candidate_that_fails_disturbs_nothing_and_law_4_its_error_is_not_shown(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Table, asked: Request) -> None:
        raise ValueError(asked.headers)

    start(stage)
    monkeypatch.setattr(shadow, "decide", failing)
    with stage.client() as client:
        for _ in range(2):
            assert client.get("/", bearer("eu1")).hublet == "eu1"
    assert caplog.messages.count("hublet_shadow: the candidate failed with ValueError") == 1
    assert "0000-0000" not in caplog.text
    assert {flow.marked for flow in stage.seen.flows} == {""}


def test_it_can_be_switched_off_and_then_does_nothing(stage: Stage) -> None:
    start(stage, *ONLY_NA1)
    candidate = stage.router.shadow.candidate
    stage.set_option(hublet_connect_timeout=6)
    assert stage.router.shadow.candidate is candidate
    stage.set_option(hublet_shadow=None)
    assert candidate._watcher is None
    stage.get("/", bearer("eu1"))
    assert not stage.router.shadow.counts
    assert stage.seen.flows[0].marked == ""


def test_what_began_before_it_was_switched_off_is_not_compared(
    caplog: pytest.LogCaptureFixture,
) -> None:
    live = refuse(Reason.CONFLICT)
    assert shadow.Shadow().compare(Request("GET", (), "/"), live, lambda: None) is None
    assert caplog.messages == []
