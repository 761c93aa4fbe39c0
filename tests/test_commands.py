"""The words after `hublet-router`."""

import sys

import pytest

import hublet_router.__main__
from hublet_router.cli.commands import command_line


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `run` hands to mitmdump."""
    words: list[str] = []
    monkeypatch.setattr("mitmproxy.tools.main.mitmdump", words.extend)
    return words


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
        command_line(words)
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
