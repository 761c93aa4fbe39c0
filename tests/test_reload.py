"""The addon itself is edited while it runs."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forked import Forked
from harness import REVERSE, Client, Stage, authority, bearer, confdir, free_port, request, wait_for

ROOT = Path(__file__).parents[1]


class Running:
    """A mitmdump with a copy of the addon, and its log."""

    def __init__(self, stage: Stage, folder: Path, mode: str = REVERSE) -> None:
        self.stage = stage
        self.addon = folder / "addon"
        shutil.copytree(ROOT / "addon", self.addon, ignore=shutil.ignore_patterns("__pycache__"))
        self.script = self.addon / "router.py"
        self.port = free_port()
        self.log = folder / "log"
        self.decisions = folder / "decisions"
        command: list[str | Path] = [
            "mitmdump", "-s", str(self.script),
            "--mode", mode,
            "--listen-host", "127.0.0.1", "--listen-port", str(self.port),
            "--set", f"hublets={stage.folder / 'hublets.yaml'}",
            "--set", f"confdir={confdir()}", "--set", f"hublet_log={self.decisions}",
            "--set", f"ssl_verify_upstream_trusted_ca={authority()}",
        ]  # fmt: skip
        self.process = Forked(*command, stdout=self.log)
        wait_for(lambda: self.status() == 200)

    def status(self, url: str = "/", host: str = "api.hubapi.com") -> int | None:
        """Return what a request is answered; a whole URL is for a proxy in regular mode."""
        try:
            with Client(self.port) as client:
                return client.send(request("GET", url, bearer("eu1"), host=host)).status
        except OSError:
            return None

    def edit(self, path: Path, change: Callable[[str], str]) -> None:
        """Change a file; the clock of the file system may be coarse, so say that it is later."""
        path.write_text(change(path.read_text()))
        self.touch()

    def touch(self) -> None:
        later = self.script.stat().st_mtime + 2
        os.utime(self.script, (later, later))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture
def running(stage: Stage, tmp_path: Path) -> Iterator[Running]:
    stage.regions("na1", "eu1")
    it = Running(stage, tmp_path / "copy")
    try:
        yield it
    finally:
        it.stop()


def test_touching_the_script_reloads_the_package(running: Running) -> None:
    decider = running.addon / "hublet_router" / "proxy" / "decider.py"
    ours, other = "decision = decided.decision\n", "decision = refuse(Reason.CONFLICT)\n"
    assert ours in decider.read_text()
    running.edit(decider, lambda text: text.replace(ours, other))
    wait_for(lambda: running.status() == 400)
    running.edit(decider, lambda text: text.replace(other, ours))
    wait_for(lambda: running.status() == 200)
    assert "Traceback" not in running.log.read_text()


def test_a_broken_edit_sends_nothing_anywhere(running: Running) -> None:
    arrived = running.stage.arrivals()
    decide = running.addon / "hublet_router" / "core" / "judge.py"
    running.edit(decide, lambda text: "this is not Python\n" + text)
    wait_for(lambda: running.status() == 502)
    between = running.stage.arrivals()
    assert running.status() == 502
    assert running.stage.arrivals() == between
    assert between["na1"] == arrived["na1"] == 0
    running.edit(decide, lambda text: text.removeprefix("this is not Python\n"))
    wait_for(lambda: running.status() == 200)


def test_a_script_that_vanishes_sends_nothing_anywhere_and_is_taken_back(running: Running) -> None:
    away = running.script.rename(running.script.with_suffix(".away"))
    wait_for(lambda: running.status() == 502)
    before = running.stage.arrivals()
    assert running.status() == 502
    assert running.stage.arrivals() == before
    away.rename(running.script)
    wait_for(lambda: running.status() == 200)


@pytest.mark.parametrize("harm", ["vanished", "broken", "replaced"])
def test_a_regular_proxy_without_its_script_is_no_open_proxy(
    stage: Stage, tmp_path: Path, harm: str
) -> None:
    stage.regions("eu1")
    other = stage.upstream("other")
    running = Running(stage, tmp_path / "copy", "regular")

    def status() -> int | None:
        return running.status(other.url, f"127.0.0.1:{other.port}")

    try:
        assert status() == 421
        away, broken = running.script.with_suffix(".away"), "this is not Python\n"
        if harm == "vanished":
            running.script.rename(away)
        elif harm == "broken":
            running.edit(running.script, lambda text: broken + text)
        else:  # by a script that loads, and is not ours
            ours = running.script.read_text()
            running.edit(running.script, lambda _: "addons = []\n")
        wait_for(lambda: status() == 502)
        assert other.connections == []
        if harm == "vanished":
            away.rename(running.script)
        elif harm == "broken":
            running.edit(running.script, lambda text: text.removeprefix(broken))
        else:
            running.edit(running.script, lambda _: ours)
        wait_for(lambda: status() == 421)
        assert other.connections == []
    finally:
        running.stop()


def test_sighup_reads_the_table_again_and_opens_the_log_anew(running: Running) -> None:
    table = running.stage.folder / "hublets.yaml"
    before = table.stat()
    running.decisions.rename(running.decisions.with_suffix(".1"))
    table.write_text(table.read_text().replace("eu1:", "eu2:"))
    os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if nothing had changed
    assert table.stat().st_size == before.st_size
    running.process.send_signal(signal.SIGHUP)
    wait_for(running.decisions.exists)
    wait_for(lambda: running.status() == 421)
    assert "Traceback" not in running.log.read_text()
