"""Starting for real: from any directory, with each tool, and with what cannot work."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import forked
from harness import Client, bearer, confdir, free_port, is_listening, wait_for

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "addon" / "router.py"
BIN = Path(sys.executable).parent
TABLE = """\
domains: [api.hubapi.com]
hublets:
  eu1: {upstream: "http://127.0.0.1:PORT"}
default: eu1
credentials:
  - name: private-app-token
    in: {header: authorization, scheme: bearer}
    hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-"}
"""


def start(
    tool: str, *arguments: str, cwd: Path = ROOT, script: Path = SCRIPT, home: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a tool that must end by itself, on a terminal: mitmproxy wants one."""
    command: list[str | Path] = [
        tool, "-s", script, "--listen-host", "127.0.0.1", "--listen-port", str(free_port()),
        *([] if home else ["--set", f"confdir={confdir()}"]), *arguments,
    ]  # fmt: skip
    if tool == "mitmweb":
        command += ["--no-web-open-browser", "--web-port", str(free_port())]
    here, there = pty.openpty()
    try:
        terminal = os.ttyname(there)
        return forked.run(
            *command, stdin=terminal, stdout=terminal if tool == "mitmproxy" else "", cwd=cwd,
            env={**os.environ, "TERM": "xterm", **({"HOME": home} if home else {})},
        )  # fmt: skip
    finally:
        os.close(here)
        os.close(there)


def said(ended: subprocess.CompletedProcess[str]) -> str:
    return f"{ended.stdout or ''}{ended.stderr}"


@pytest.mark.parametrize("tool", ["mitmdump", "mitmproxy", "mitmweb"])
def test_a_bad_table_stops_the_start_with_a_sentence_for_each_fault(
    tool: str, tmp_path: Path
) -> None:
    table = tmp_path / "bad.yaml"
    table.write_text("domains: [api.hubapi.com]\nhublets: {eu1: {upstream: nowhere}}\nx: 1\n")
    ended = start(tool, "--set", f"hublets={table}")
    assert ended.returncode == 1
    assert f"{table}:1:1: the table has no 'credentials'; add it" in said(ended)
    assert f"{table}:2:27: 'upstream' of Hublet 'eu1' must be http(s)://host[:port]" in said(ended)
    assert f"{table}:3:1: unknown key 'x' in the table; known are " in said(ended)
    assert "Traceback" not in said(ended)


@pytest.mark.parametrize("tool", ["mitmdump", "mitmproxy", "mitmweb"])
def test_a_missing_table_stops_the_start(tool: str, tmp_path: Path) -> None:
    ended = start(tool, "--set", "hublets=nowhere.yaml", cwd=tmp_path)
    assert ended.returncode == 1
    assert "nowhere.yaml:1:1: cannot be read: No such file or directory" in said(ended)
    assert "; name a table with --set hublets=FILE" in said(ended)
    assert "Traceback" not in said(ended)


def test_a_misspelt_option_stops_the_start() -> None:
    ended = start("mitmdump", "--set", "hubletz=x", "--set", "hublet_demonstrate=true")
    assert ended.returncode == 1
    assert "unknown option hubletz; did you mean hublets?" in said(ended)
    assert "unknown option hublet_demonstrate; did you mean hublet_demo?" in said(ended)


@pytest.mark.parametrize("tool", ["mitmdump", "mitmproxy", "mitmweb"])
def test_law_1_an_option_that_cannot_be_taken_stops_the_start(tool: str) -> None:
    ended = start(tool, "--set", "hublet_demo=true", "--set", "hublet_demo=false")
    assert ended.returncode == 1
    assert "Received multiple values for hublet_demo: ['true', 'false']" in said(ended)
    assert "Traceback" not in said(ended)


@pytest.mark.parametrize("tool", ["mitmdump", "mitmproxy", "mitmweb"])
def test_a_confdir_that_cannot_be_written_is_a_sentence(tool: str) -> None:
    """As for a user without a home, and where the root is read-only."""
    ended = start(tool, home="/proc/nowhere")
    assert ended.returncode == 1
    assert "confdir ~/.mitmproxy cannot be written: No such file or directory;" in said(ended)
    assert "name a folder that can, with --set confdir=FOLDER" in said(ended)
    assert "Traceback" not in said(ended)


def test_a_proxy_behind_the_router_stops_the_start() -> None:
    ended = start("mitmdump", "--mode", "upstream:http://127.0.0.1:1")
    assert ended.returncode == 1
    assert "mode upstream:http://127.0.0.1:1 would send each request to another" in said(ended)
    assert "Traceback" not in said(ended)


def test_an_unverified_upstream_stops_the_start() -> None:
    ended = start("mitmdump", "--ssl-insecure")
    assert ended.returncode == 1
    assert "ssl_insecure would take any server for a Hublet; leave it out" in said(ended)
    assert "Traceback" not in said(ended)


def test_the_demo_serves_loopback_only(tmp_path: Path) -> None:
    table = tmp_path / "hublets.yaml"
    table.write_text(TABLE.replace("127.0.0.1:PORT", "10.20.0.4"))
    ended = start("mitmdump", "--set", f"hublets={table}", "--set", "hublet_demo=true")
    assert ended.returncode == 1
    assert "hublet_demo serves loopback only, and eu1 is at http://10.20.0.4:80;" in said(ended)
    assert "Traceback" not in said(ended)


def test_the_options_are_listed_with_their_help() -> None:
    ended = start("mitmdump", "--options")
    assert ended.returncode == 0
    listed = " ".join(said(ended).replace("#", " ").split())
    assert "The table of Hublets and credentials. It is read again when the file" in listed
    assert "hublets: hublets.yaml" in listed
    assert "hublet_connect_timeout: 5" in listed


@pytest.mark.parametrize(
    "command",
    [
        [BIN / "mitmdump", "-s", SCRIPT, "--mode", "reverse:https://unrouted.invalid"],
        [BIN / "hublet-router", "run"],
        [sys.executable, "-m", "hublet_router", "run"],
    ],
    ids=["mitmdump", "hublet-router", "module"],
)
def test_it_routes_from_any_directory(tmp_path: Path, command: list[str | Path]) -> None:
    """A relative path is one of the working directory, wherever the addon is."""
    table = tmp_path / "elsewhere" / "hublets.yaml"
    table.parent.mkdir()
    table.write_text(TABLE.replace("PORT", str(free_port())))
    port = free_port()
    process = subprocess.Popen(
        [*command, "--listen-port", str(port), "--set", "hublets=hublets.yaml",
         "--set", "hublet_demo=true", "--set", f"confdir={confdir()}"],
        cwd=table.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_for(lambda: process.poll() is not None or is_listening(port))
        with Client(port) as client:
            answer = client.get("/a", bearer("eu1"))
        assert answer.status == 200
        assert b'"hublet": "eu1"' in answer.body
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert b"Traceback" not in output


def test_the_default_table_is_found_beside_the_checkout(tmp_path: Path) -> None:
    ended = start("mitmdump", "--options", cwd=tmp_path)
    assert ended.returncode == 0
    assert "cannot be read" not in said(ended)
