"""`hublet-router demo`: which tool it runs, and with what."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from mitmproxy.tools import main

from hublet_router.cli.commands import command_line
from hublet_router.demo import proof, traffic


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The tool that was run, with its arguments and its table."""
    seen: dict[str, list[str]] = {}

    def run(tool: str, arguments: list[str]) -> None:
        (table,) = [word for word in arguments if word.startswith("hublets=")]
        seen[tool] = arguments
        seen["domains"] = Path(table.partition("=")[2]).read_text().split("domains:")[1:]

    monkeypatch.setattr("hublet_router.cli.demo._is_on_terminal", lambda: True)
    for tool in ("mitmproxy", "mitmweb"):
        monkeypatch.setattr(main, tool, lambda arguments, tool=tool: run(tool, arguments))
    return seen


@pytest.mark.parametrize(("option", "tool"), [("--console", "mitmproxy"), ("--web", "mitmweb")])
def test_the_tool_gets_the_addon_the_traffic_and_a_table_of_its_own(
    ran: dict[str, list[str]], option: str, tool: str
) -> None:
    assert command_line(["demo", option, "--port", "7", "--", "--anticache"]) == 0
    arguments = ran[tool]
    assert traffic.__file__ in arguments
    assert arguments[-1] == "--anticache"
    assert arguments[arguments.index("--listen-port") + 1] == "7"
    assert "hublet_demo=true" in arguments
    assert ran["domains"]


def test_what_the_user_sets_is_not_set_twice(ran: dict[str, list[str]], tmp_path: Path) -> None:
    table = tmp_path / "mine.yaml"
    table.write_text("domains: []")
    command_line(["demo", "--web", "--", "--set", f"hublets={table}"])
    assert [word for word in ran["mitmweb"] if word.startswith("hublets=")] == [f"hublets={table}"]


def port_of(arguments: list[str]) -> str:
    return arguments[arguments.index("--listen-port") + 1]


def test_where_the_usual_ports_are_taken_it_uses_free_ones(
    ran: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hublet_router.demo.shipped.free_port", lambda usual=0: usual + 1)
    command_line(["demo", "--console"])
    assert port_of(ran["mitmproxy"]) == "8081"
    command_line(["demo", "--web"])
    assert port_of(ran["mitmweb"]) == "8081"
    assert "web_port=8082" in ran["mitmweb"]
    command_line(["demo", "--web", "--port", "7", "--", "--web-port", "9"])
    assert port_of(ran["mitmweb"]) == "7"
    assert not [word for word in ran["mitmweb"] if word.startswith("web_port")]


def test_a_proxy_that_does_not_start_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with Path(os.devnull).open("w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert command_line(["demo"]) == 2
    assert capfd.readouterr().err.endswith("mitmdump does not listen; what it said stands above\n")


def test_the_console_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["demo", "--console"]) == 2
    said = "hublet-router demo: --console needs a terminal; --web needs none\n"
    assert capsys.readouterr().err == said


def test_a_port_of_mitmweb_that_is_taken_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """mitmweb raises an OSError with a sentence of its own."""

    def run(_: list[str]) -> None:
        raise OSError(98, "Web server failed to listen on 127.0.0.1:1 with [Errno 98]")

    monkeypatch.setattr(main, "mitmweb", run)
    with Path(os.devnull).open("w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert command_line(["demo", "--web"]) == 2
    said = "hublet-router: Web server failed to listen on 127.0.0.1:1 with [Errno 98]\n"
    assert capsys.readouterr().err == said


def test_without_a_tool_it_is_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "prove", lambda script: 1 if script.name == "router.py" else 2)
    assert command_line(["demo"]) == 1
