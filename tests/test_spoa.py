"""The agent: what it decides, what it answers, and what is watched of it."""

import asyncio
import json
import logging
from pathlib import Path

import pytest

from cases import cases
from haproxy_stage import TABLE
from hublet_router.agent import spop
from hublet_router.agent.asked import READS_BODY, actions
from hublet_router.agent.spoa import Agent
from hublet_router.agent.spop import Value
from hublet_router.core.request import MAX_BODY
from hublet_router.proxy.observe.log_file import LogFile
from hublet_router.proxy.observe.metrics import make_counters
from hublet_router.proxy.routing import annotate
from synthetic import api_key, private_app_token


@pytest.fixture
def agent(table: Path) -> Agent:
    agent = Agent()
    agent.live.use(table)
    return agent


def head(*fields: str, url: str = "/x", host: str = "api.hubapi.com") -> dict[str, Value]:
    lines = "".join(f"{it}\r\n" for it in (f"host: {host}", *fields))
    return {"method": "GET", "url": url, "fields": lines + "\r\n", "sni": None}


def frame(stream: int) -> spop.Frame:
    return spop.Frame(spop.NOTIFY, spop.varint(stream) + b"\1", b"")


def token(hublet: str) -> str:
    return f"authorization: Bearer {private_app_token(hublet)}"


EU1 = actions("credential", hublet="eu1")


@cases(
    ("asked", "answer"),
    {
        "the host as SNI": (
            head(token("na1")),
            actions("credential", hublet="na1", sni="api.hubapi.com"),
        ),
        "an SNI of the table": (head(token("eu1")), EU1),
        "no TLS": (head(token("ap1")), actions("credential", hublet="ap1")),
        "anonymous": (head(), actions("anonymous", hublet="na1", sni="api.hubapi.com")),
        "a host of another spelling": (
            head(token("na1"), host="API.hubapi.com.:443"),
            actions("credential", hublet="na1", sni="api.hubapi.com"),
        ),
        "the client's SNI": (
            head(token("na1")) | {"sni": "a.api.example.com"},
            actions("credential", hublet="na1", sni="a.api.example.com"),
        ),
        "a foreign SNI": (
            head(token("na1")) | {"sni": "evil.example"},
            actions("foreign-host", answer="foreign-host-421"),
        ),
        "unknown": (head(token("na2")), actions("unknown-hublet", answer="unknown-hublet-421")),
        "conflict": (head(token("eu1"), token("na1")), actions("conflict", answer="conflict-400")),
        "foreign": (head(host="other.example"), actions("foreign-host", answer="foreign-host-421")),
        "control characters": (head("x: a\x01b"), actions("unreadable", answer="unreadable-400")),
        "a body to come": (head(url="/oauth/token"), READS_BODY),
        "a long body": (
            head(f"content-length: {MAX_BODY + 1}", url="/oauth/token"),
            actions("too-large", answer="too-large-413"),
        ),
    },
)
def test_a_head_is_answered(agent: Agent, asked: dict[str, Value], answer: bytes) -> None:
    assert agent.answer("decide", asked, frame(1)) == answer


FORM = "content-type: application/x-www-form-urlencoded"


@cases(
    ("body", "kind", "answer"),
    {
        "a form": (f"refresh_token={api_key('eu1')}".encode(), FORM, EU1),
        "another format": (
            b"{}",
            "content-type: application/json",
            actions("unreadable", answer="unreadable-415"),
        ),
        "perhaps not whole": (b"a=b" * 5000, FORM, actions("too-large", answer="too-large-413")),
    },
)
def test_a_body_is_answered(agent: Agent, body: bytes, kind: str, answer: bytes) -> None:
    asked = head(kind, url="/oauth/token") | {"body": body, "room": 15360}
    assert agent.answer("decide-body", asked, frame(1)) == answer


def test_a_body_that_no_rule_reads_any_more_is_not_read(agent: Agent) -> None:
    asked = head(token("eu1")) | {"body": b"x" * 99999, "room": 15360}
    assert agent.answer("decide-body", asked, frame(1)) == EU1


def test_without_a_table_nothing_is_routed(agent: Agent) -> None:
    agent.live.table = None
    assert agent.answer("decide", head(token("eu1")), frame(1)) == actions(
        "no-table", answer="no-table-503"
    )


def test_a_question_without_a_head_is_refused(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    failed = actions("internal-error", answer="internal-error-503")
    assert agent.answer("decide", {}, frame(1)) == failed
    assert agent.answer("decide", head(token("eu1")) | {"sni": b"x"}, frame(1)) == failed
    assert "KeyError at asked.py:" in caplog.text


def test_a_failure_of_the_core_refuses_and_shows_no_credential(
    agent: Agent, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, request: object) -> None:
        raise RuntimeError(private_app_token("eu1"))

    monkeypatch.setattr(annotate, "examine", fail)
    assert agent.answer("decide", head(token("eu1")), frame(1)) == actions(
        "internal-error", answer="internal-error-503"
    )
    assert "RuntimeError at test_spoa.py:" in caplog.text
    assert "pat-" not in caplog.text


def test_forwarded_responses_get_a_proxy_status_on_demand(agent: Agent) -> None:
    agent.shows_status = True
    assert agent.answer("decide", head(token("eu1")), frame(1)) == actions(
        "credential",
        hublet="eu1",
        proxy_status='hublet-router; next-hop="eu1"; details="credential"',
    )


def test_each_decision_is_a_line_of_the_log(agent: Agent, tmp_path: Path) -> None:
    agent.log = LogFile(tmp_path / "log")
    asked = head(token("eu1"), url="/crm/v3?secret=abcdefgh12345")
    assert agent.answer("decide", asked, frame(7)) == EU1
    agent.answer("decide", head(url="/oauth/token"), frame(8))  # no decision yet
    agent.answer("decide", head(token("na2")), frame(9))
    agent.log.close()
    text = (tmp_path / "log").read_text()
    routed, refused = map(json.loads, text.splitlines())
    assert (routed["flow"], routed["hublet"], routed["reason"]) == ("7", "eu1", "credential")
    assert (routed["status"], routed["answered_by"]) == (None, "hublet")
    assert routed["decision_seconds"] > 0
    assert len(routed["fingerprint"]) == 12
    assert (refused["flow"], refused["status"], refused["answered_by"]) == ("9", 421, "router")
    assert "pat-" not in text
    assert "abcdefgh" not in text


def test_each_decision_is_counted(agent: Agent) -> None:
    agent.counters = make_counters([agent.live, agent.shadow])
    agent.answer("decide", head(token("eu1")), frame(1))
    agent.answer("decide", head(token("na2")), frame(2))
    agent.answer("decide", head(url="/oauth/token"), frame(3))
    text = agent.counters.exposition("")[0].decode()
    assert (
        'hublet_requests_total{hublet="eu1",reason="credential",rule="private-app-token",status="-"}'
        " 1.0" in text
    )
    assert 'hublet_refusals_total{reason="unknown-hublet"} 1.0' in text
    assert 'status="4xx"} 1.0' in text
    assert "hublet_decision_seconds_count 2.0" in text


def test_the_candidate_decides_as_well_where_it_sees_what_it_reads(
    agent: Agent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    candidate = tmp_path / "candidate.yaml"
    changed = TABLE.replace("^pat-", "^tap-").replace('"^/oauth/"', '"^/(oauth|new)/"')
    candidate.write_text(changed)
    agent.shadow.candidate.use(candidate)
    assert agent.answer("decide", head(token("eu1")), frame(1)) == EU1
    assert agent.shadow.counts == {("eu1", "credential", "na1", "legacy"): 1}
    assert "hublet_shadow: " in caplog.text
    agent.answer("decide", head(token("eu1"), url="/new/"), frame(2))  # of which no body came
    assert agent.shadow.counts.total() == 1
    body = f"refresh_token={api_key('eu1')}".encode()
    asked = head(FORM, url="/oauth/") | {"body": body, "room": 15360}
    assert agent.answer("decide-body", asked, frame(3)) == EU1
    assert agent.shadow.counts.total() == 1  # the candidate reads the form, too
    asked = head(FORM, token("eu1"), url="/oauth/") | {"body": b"", "room": 15360}
    assert agent.answer("decide-body", asked, frame(4)) == EU1
    assert agent.shadow.counts.total() == 2


def test_a_table_with_other_hublets_says_what_to_do(
    agent: Agent, table: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    table.write_text(TABLE + "# the same Hublets\n")
    agent.live.reload()
    assert "run `hublet-router export haproxy` again" not in caplog.text
    assert "eu1 at https://10.0.0.2:443" in caplog.text
    table.write_text(TABLE.replace("10.0.0.3", "10.0.0.4"))
    agent.live.reload()
    assert "run `hublet-router export haproxy` again, and reload HAProxy" in caplog.text
    caplog.clear()
    agent.live.reload()
    assert caplog.text == ""


def test_hanging_up_reads_the_table_and_opens_the_log_again(
    agent: Agent, table: Path, tmp_path: Path
) -> None:
    agent.reopen_and_reload()  # without a log
    agent.log = LogFile(tmp_path / "log")
    (tmp_path / "log").rename(tmp_path / "moved")

    async def hang_up() -> None:
        agent.live.start_watching()
        before = agent.live.good
        agent.reopen_and_reload()
        for _ in range(100):
            await asyncio.sleep(0.1)
            if agent.live.good > before:
                break
        agent.live.close()

    asyncio.run(hang_up())
    agent.log.close()
    assert agent.live.good > 1
    assert (tmp_path / "log").exists()
