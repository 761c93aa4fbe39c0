"""The progress bar and the rate while many flows are read."""

import os
import pty
import re
from contextlib import suppress
from pathlib import Path

import pytest
from mitmproxy.test import tflow

from flows.record import save
from hublet_router.cli import progress
from hublet_router.cli.progress import watched_flows, watched_requests
from hublet_router.flows.files import FlowFileError

RATE = r"3 flows in [0-9.]+ s: [0-9,]+ a second\n"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return save([tflow.tflow() for _ in range(3)], tmp_path / "flows")


class Terminal:
    """A terminal in place of standard error; `shown` is what it shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, interval: float = 0) -> None:
        self.ours, theirs = pty.openpty()
        self.stderr = os.fdopen(theirs, "w")
        monkeypatch.setattr("sys.stderr", self.stderr)
        monkeypatch.setenv("COLUMNS", "28")
        monkeypatch.setattr(progress, "INTERVAL", interval)

    @property
    def shown(self) -> str:
        self.stderr.close()
        shown = b""
        with suppress(OSError):  # which is how a closed terminal ends
            while data := os.read(self.ours, 1000):
                shown += data
        os.close(self.ours)
        return shown.decode()


def test_without_a_terminal_only_the_rate_is_printed(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(list(watched_flows([recorded]))) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(RATE, said.err)


def test_a_terminal_shows_a_bar_that_leaves_nothing_behind(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(monkeypatch)
    assert len(list(watched_flows([recorded]))) == 3
    bars, _, rest = terminal.shown.replace("\r\n", "\n").partition("\r\x1b[K")
    assert bars.split("\r")[1:] == [
        "#######.............   33%",
        "#############.......   67%",
        "####################  100%",
    ]
    assert re.fullmatch(RATE, rest)


def test_it_is_drawn_seldom(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch, interval=1e9)
    assert len(list(watched_flows([recorded, recorded]))) == 6
    assert "%" not in terminal.shown


def test_a_missing_file_is_reported_by_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(monkeypatch)
    with pytest.raises(FlowFileError, match="nothing: cannot be read"):
        list(watched_flows([tmp_path / "nothing"]))
    assert terminal.shown == "\r\x1b[K"


def test_each_flow_comes_with_its_request(recorded: Path) -> None:
    requests = [request for _, request in watched_requests([recorded], "~all")]
    assert [(it.method, it.target) for it in requests] == [("GET", "/path")] * 3
