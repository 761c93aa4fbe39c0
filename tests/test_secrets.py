"""A secret is planted wherever a credential can stand, and looked for in all that is said."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.io import FlowWriter
from mitmproxy.net.http import http1
from mitmproxy.test import tflow

from forked import Forked
from harness import Client, confdir, free_port, request, wait_for
from hublet_router.cli.commands import command_line
from hublet_router.core.findings import findings
from hublet_router.core.judge import decide
from hublet_router.demo.shipped import write_demo_table
from hublet_router.tablefile import load
from synthetic import access_token, base64url, personal_access_key
from test_metrics_server import fetch

ROOT = Path(__file__).parents[1]
SECRET = "c0ffee5ec2e7"  # what no output may hold
TOKENS = (
    access_token("eu1", signature=SECRET.encode()),
    access_token(None, signature=SECRET.encode()),
    personal_access_key("ap1") + base64url(b"\x1a\x0c" + SECRET.encode()),
)
PATHS = ("/oauth/v1/access-tokens", "/oauth/v1/refresh-tokens", "//%6Fauth/v1/access-tokens")


def ask(method: str, path: str, *fields: str, **more: Any) -> bytes:
    return request(method, path, "Connection: close", *fields, **more)


def requests() -> Iterator[bytes]:
    """Requests of every kind and fate, each with the secret in its credential."""
    keys = [f"{name}-{SECRET}" for name in ("pat-eu1", "pat-zz9", "eu1", "ap1", "zz9")]
    for credential in (*keys, *TOKENS, f"pat-eu1-{SECRET}" + "0" * 20_000, f"\xe9{SECRET}"):
        authorization = f"Authorization: Bearer {credential}"
        yield ask("GET", "/crm/v3/objects", authorization)
        yield ask("HEAD", "/crm/v3/objects", authorization)
        yield ask("GET", f"/crm/v3/objects?hapikey={credential[:300]}")
        yield ask("GET", "/?hapikey=na1-0", authorization)
        yield ask("GET", "/", authorization, host="api.example.com")
        yield ask("POST", "/", authorization, body=b"x" * 100_000)
        form = f"refresh_token={credential}&token={credential}".encode("latin-1")
        yield ask("POST", "/oauth/v1/token", body=form)
        yield ask("POST", "/oauth/v1/token", body=form + b"&x=" + b"x" * 70_000)
        document = json.dumps({"encodedOAuthRefreshToken": credential}).encode()
        yield ask("POST", "/localdevauth/v1/auth/refresh", body=document)
        for path in PATHS:
            yield ask("GET", f"{path}/{credential[:300]}?x=y")
        yield ask(credential[:60], "/crm/v3/objects")  # where that is a token
    yield ask("GET", "/", host=f"user:{SECRET}@api.hubapi.com")


def forms_of(secret: str) -> set[str]:
    """How the secret could be written: as it is, and inside base64 in each alignment."""
    inside = {base64url(b"x" * shift + secret.encode())[2 + shift : -3] for shift in range(3)}
    return {secret, secret.upper(), *inside}  # mitmproxy takes methods in upper case


@pytest.fixture
def output(tmp_path: Path) -> dict[str, str]:
    """All that the router said, at its most talkative, while it served those requests."""
    port, metrics, log = free_port(), free_port(), tmp_path / "decisions.jsonl"
    table = write_demo_table(tmp_path)
    text = table.read_text()
    candidate = tmp_path / "candidate.yaml"
    candidate.write_text(text.partition("\nexamples:")[0].replace("default: na1", "default: eu1"))
    command: list[str | Path] = [
        "hublet-router", "run", "--listen-port", str(port),
        "--set", f"hublets={table}", "--set", "hublet_demo=true", "--set", f"hublet_log={log}",
        "--set", f"hublet_metrics=:{metrics}", "--set", "termlog_verbosity=debug",
        "--set", f"hublet_shadow={candidate}", "--set", f"confdir={confdir()}",
    ]  # fmt: skip
    said = tmp_path / "said"
    answers = []
    process = Forked(*command, stdout=said)
    try:
        wait_for(
            lambda: (
                process.poll() is not None
                or {"listening at", "shadow table"}
                <= set(re.findall("listening at|shadow table", said.read_text(errors="replace")))
            )
        )
        for raw in requests():
            with Client(port) as client:
                client.socket.sendall(raw)
                answers.append(client.receive_until(b"never said").decode("latin-1"))
        process.send_signal(signal.SIGHUP)
        scraped = fetch(metrics, "/metrics")[1]
    finally:
        process.terminate()
        process.wait(30)
    return {
        "answers": "\n".join(answers),
        "metrics": scraped,
        "log": log.read_text(),
        "said": said.read_text(errors="replace"),
    }


def test_law_4_nothing_that_the_router_says_holds_a_credential(output: dict[str, str]) -> None:
    assert '"reason": "unknown-hublet"' in output["answers"]
    assert '"hublet": "eu1"' in output["answers"]
    assert "hublet_requests_total" in output["metrics"]
    assert len(output["log"].splitlines()) > 50
    assert "server connect" in output["said"]
    assert "would become 'eu1 ← legacy (api-key)'" in output["said"]
    assert "hublet_shadow_differences_total{" in output["metrics"]
    assert "Traceback" not in output["said"]
    for source, text in output.items():
        for form in forms_of(SECRET):
            found = text.find(form)
            assert found < 0, f"{source}: {text[max(0, found - 200) : found + 50]}"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Those requests, recorded."""
    path = tmp_path / "recording"
    with path.open("wb") as file:
        for raw in requests():
            head, _, body = raw.partition(b"\r\n\r\n")
            flow = tflow.tflow(req=http1.read_request_head(head.split(b"\r\n")))
            flow.request.raw_content = body
            FlowWriter(file).add(flow)
    return path


@pytest.mark.parametrize(
    "words", [["check", "--coverage"], ["check", "--format=json", "--coverage"]]
)
def test_law_4_no_command_prints_a_credential(
    words: list[str], recording: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(ROOT)
    command_line([*words, str(recording)])
    said = capsys.readouterr()
    assert len(said.out.splitlines()) > 10
    assert all(form not in said.out + said.err for form in forms_of(SECRET))


def test_law_4_no_repr_holds_a_credential() -> None:
    table = load(ROOT / "hublets.yaml")
    for example in table.examples:
        shown = repr((example.request, decide(table, example.request), table.places))
        for it in findings(table, example.request):
            if it.credential and not it.rule.reads_hosts:  # a host is no secret
                assert it.credential not in shown
    assert "0000-0000" not in repr(table)
