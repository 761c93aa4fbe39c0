"""The command line."""

import sys
from pathlib import Path

import pytest

import hublet_router.__main__
from hublet_router import cli

ROOT = Path(__file__).parents[1]


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `run` hands to mitmdump; test_start.py runs the whole."""
    words: list[str] = []
    monkeypatch.setattr("mitmproxy.tools.main.mitmdump", words.extend)
    return words


def test_run_is_mitmdump_with_the_faithful_options(passed_on: list[str]) -> None:
    assert cli.command_line(["run", "--set", "hublets=x.yaml"]) == 0
    assert passed_on == [
        "-s", str(ROOT / "addon" / "router.py"),
        "--listen-host", "127.0.0.1",
        "--set", "flow_detail=0",
        "--mode", "reverse:https://unrouted.invalid",
        "--set", "hublets=x.yaml",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["--mode", "regular"],
        ["--mode=regular"],
        ["-m", "regular"],
        ["-mregular"],
        ["-nr", "flows"],
        ["-r", "flows"],
        ["--rfile", "flows"],
        ["--no-server"],
    ],
    ids=" ".join,
)
def test_run_takes_the_mode_of_its_user_and_none_to_read_a_file(
    passed_on: list[str], words: list[str]
) -> None:
    cli.command_line(["run", *words])
    assert "reverse:https://unrouted.invalid" not in passed_on
    assert passed_on[-len(words) :] == words


def test_the_script_of_the_wheel_is_preferred(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packed = tmp_path / "script" / "router.py"
    packed.parent.mkdir()
    packed.touch()
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "cli.py"))
    assert cli.script() == packed


@pytest.mark.parametrize(
    ("words", "code", "piece"),
    [
        (["--help"], 0, "the routing proxy: mitmdump with the addon"),
        ([], 2, "the following arguments are required: COMMAND"),
        (["ruin"], 2, "invalid choice: 'ruin'"),
    ],
)
def test_help_and_mistakes(
    words: list[str], code: int, piece: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.command_line(words)
    assert ended.value.code == code
    said = capsys.readouterr()
    assert piece in " ".join((said.out + said.err).split())


def test_the_command_ends_with_the_code_of_its_command(
    monkeypatch: pytest.MonkeyPatch, passed_on: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["hublet-router", "run"])
    with pytest.raises(SystemExit) as ended:
        hublet_router.__main__.main()
    assert ended.value.code == 0
    assert passed_on[0] == "-s"


def test_the_command_says_it_and_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(SystemExit, match="hublet-router needs PyYAML"):
        hublet_router.__main__.main()
