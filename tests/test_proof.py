"""`export haproxy --prove`: the bundle of a folder, as HAProxy runs it."""

import asyncio
import re
from pathlib import Path

import pytest

from cases import cases
from haproxy_stage import TABLE
from harness import SECONDS
from hublet_router.cli.commands import command_line
from hublet_router.core.request import Request
from hublet_router.export.bundle import ExportError
from hublet_router.prove.haproxy_engine import haproxy
from hublet_router.prove.proof import prove
from hublet_router.prove.upstreams import Upstreams
from hublet_router.tablefile import load
from test_verify import FLOWS, recording

EXAMPLES = """
examples:
  - request: {url: "https://api.hubapi.com/x", headers: {authorization: "Bearer pat-eu1-0"}}
    hublet: eu1
  - request: {url: "https://a.api.example.com/x", headers: {authorization: "Bearer pat-na1-0"}}
    hublet: na1
  - request: {url: "https://api.hubapi.com/x", headers: {authorization: "Bearer pat-ap1-0"}}
    hublet: ap1
  - request: {url: "https://api.hubapi.com/oauth/v1/token", body: "refresh_token=eu1-0",
              headers: {content-type: application/x-www-form-urlencoded}}
    hublet: eu1
  - request: {url: "https://other.example/x"}
    refused: foreign-host
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "hublets.yaml"
    path.write_text(TABLE.replace("10.0.0.2", "eu1.invalid") + EXAMPLES)
    return path


@pytest.fixture
def folder(table: Path, tmp_path: Path) -> Path:
    """A bundle with several agents and binds, whose upstreams no one can reach."""
    folder = tmp_path / "edge"
    words = ["--agent", "10.9.9.9:1", "--agent", "10.9.9.9:2", "--bind", ":1 ssl crt none.pem"]
    assert command_line(["export", "haproxy", str(folder), "--table", str(table), *words]) == 0
    return folder


def run(table: Path, folder: Path) -> tuple[int, list[str]]:
    loaded = load(table)
    asked = [(f"example {n}", it.request) for n, it in enumerate(loaded.examples, 1)]
    asked.append(("too long", Request("GET", (), "/", (), None)))
    return asyncio.run(prove(haproxy, loaded, folder, asked))


def test_a_bundle_decides_as_its_table(
    table: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the folder of temporary files has blanks and letters beyond ASCII in its name."""
    temporary = tmp_path / "a b é"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert run(table, folder) == (6, [])


@cases(
    ("old", "new", "fault"),
    {
        "one Hublet for all": (
            "use_backend hublet_%[var(txn.hublet.hublet)]",
            "use_backend hublet_ap1",
            "example 1: arrived at http://10.0.0.3:80, but it is eu1 ← private-app-token",
        ),
        "one without its server name": (
            "use_backend hublet_%[var(txn.hublet.hublet)]",
            "use_backend hublet_na1",
            "example 1: answered with 503, but it is eu1 ← private-app-token",
        ),
        "another SNI": (
            "sni str(eu1.internal.example)",
            "sni var(txn.hublet.sni)",
            "example 1: arrived with another server name",
        ),
        "a field": (
            "use_backend hublet_",
            "http-request set-header x-added y\n  use_backend hublet_",
            "example 1: arrived with another fields",
        ),
        "no body": (
            "  http-request wait-for-body time 30s if waits\n",
            "  http-request deny if waits\n",
            "example 4: answered with 403, but it is eu1 ← refresh-token",
        ),
        "an open default": (
            "default_backend refused",
            "default_backend hublet_ap1",
            "example 5: arrived at http://10.0.0.3:80, but it is refused: foreign-host",
        ),
        "no answer": (
            "default_backend refused",
            "http-request reject\n  default_backend refused",
            "example 1: no answer (ValueError)",
        ),
    },
)
def test_a_bundle_that_was_changed_does_not(
    table: Path, folder: Path, old: str, new: str, fault: str
) -> None:
    path = folder / "haproxy.cfg"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert run(table, folder)[1][0] == fault


def test_an_upstream_ends_a_connection_that_its_peer_ends(table: Path, tmp_path: Path) -> None:
    upstreams = Upstreams(load(table), tmp_path)
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    async def ask() -> bytes:
        async with upstreams:
            port = upstreams.ports["http://10.0.0.3:80"]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request * 2)
            answer = await asyncio.wait_for(reader.read(), SECONDS)
            writer.close()
        return answer

    assert asyncio.run(ask()).count(b"HTTP/1.1 200") == len(upstreams.arrivals) == 1


def test_a_haproxy_that_does_not_start_says_why(table: Path, folder: Path) -> None:
    (folder / "spoe.conf").unlink()
    with pytest.raises(ExportError, match=r"HAProxy does not start: (?s:.*)spoe\.conf"):
        run(table, folder)


def test_without_haproxy_it_is_said_how_to_get_it(
    table: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ExportError, match="apt-get install haproxy"):
        run(table, folder)


def test_the_command_proves_examples_and_recordings(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "edge"
    words = ["export", "haproxy", str(folder), "--table", str(table)]
    assert command_line([*words, "--prove"]) == 1  # there is no bundle
    assert f"{folder}/haproxy.cfg is missing" in capsys.readouterr().out
    assert command_line(words) == 0
    assert command_line([*words, "--prove", str(recording(tmp_path, *FLOWS))]) == 0
    said = capsys.readouterr().err
    assert re.search(r"^9 requests, each decided and forwarded as the table says$", said, re.M)
    (folder / "haproxy.cfg").write_text("")
    assert command_line([*words, "--prove"]) == 1


def test_where_nothing_is_sent_nothing_is_proved(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write_text(table.read_text().partition("examples:")[0])
    words = ["export", "haproxy", str(tmp_path / "edge"), "--table", str(table)]
    assert command_line(words) == 0
    assert command_line([*words, "--prove"]) == 2
    said = "nothing was sent: give the table examples, or --prove recordings"
    assert capsys.readouterr().err.endswith(f"hublet-router export: {said}\n")


def test_what_haproxy_itself_refuses_is_printed(
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = ["export", "haproxy", str(tmp_path / "edge"), "--table", str(table)]
    assert command_line(words) == 0
    flows = recording(tmp_path, ("GET", "https://api.hubapi.com/x#y", {}))
    assert command_line([*words, "--prove", str(flows)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("flow ")
    assert line.endswith(": answered with 400, but it is na1 ← anonymous")
    monkeypatch.setenv("PATH", "/nowhere")
    assert command_line([*words, "--prove"]) == 2
    assert "hublet-router export: HAProxy is not installed" in capsys.readouterr().err
