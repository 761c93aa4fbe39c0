"""`make console` on a real terminal: tmux types, and reads the screen. The manual shows it."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from harness import SECONDS, wait_for
from hublet_router.tablefile import load
from system_programs import needed
from ui import MANUAL, ROOT, demo_table, recipe

LIST, VIEW, DETAIL, RECORD = (
    block.splitlines()
    for block in re.findall(r"<!-- make console.*?```\n(.*?)```", MANUAL, re.DOTALL)
)


class Console:
    """What `make console` starts, in a tmux of its own."""

    def __init__(self, folder: Path) -> None:
        self.tmux = [needed("tmux"), "-u", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        table, self.names = demo_table(folder)
        self.order("new-session", "-d", "-x", "100", "-y", "40", recipe("console", table))
        self.pid = int(self.order("display-message", "-p", "#{pane_pid}"))

    def order(self, *words: str) -> str:
        """Have tmux do something, and return what it says."""
        return subprocess.run(
            [*self.tmux, *words], capture_output=True, text=True, check=True, cwd=ROOT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        ).stdout  # fmt: skip

    def lines(self) -> list[str]:
        """Read the screen, as it would be on the shipped ports."""
        screen = self.order("capture-pane", "-p")
        for taken, shown in self.names.items():
            screen = screen.replace(taken, shown)
        return screen.splitlines()

    def wait_until_it_shows(self, wanted: list[str]) -> None:
        """Wait for lines, one below the other; fail with what is there instead."""

        def is_there() -> bool:
            lines = steady(self.lines())
            return any(lines[at : at + len(wanted)] == steady(wanted) for at in range(len(lines)))

        with suppress(AssertionError):
            wait_for(is_there, 2 * SECONDS)  # a start beside other tests on every core is slow
        assert is_there(), "\n".join(self.lines())

    def is_alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True


def steady(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run."""
    masked = (re.sub(r"\b[0-9]+m?s$", "[time]", line) for line in lines)
    masked = (re.sub(r"'[0-9a-f]{12}'", "'0123456789ab'", line) for line in masked)
    masked = (re.sub(r"^flow [0-9a-f-]{36}$", "flow …", line) for line in masked)
    return [re.sub(" +", " ", line) for line in masked]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    it = Console(tmp_path)
    try:
        yield it
    finally:
        with suppress(ProcessLookupError):
            os.kill(it.pid, signal.SIGKILL)
        with suppress(subprocess.CalledProcessError):
            it.order("kill-server")


def test_a_newcomer_sees_routing_at_once(console: Console) -> None:
    console.wait_until_it_shows(LIST[:-1])
    assert LIST[-1] == "…"
    assert f"[1/{len(load(ROOT / 'hublets.yaml').examples)}]" in "".join(console.lines())


def test_a_flow_says_where_it_went_and_why(console: Console) -> None:
    console.wait_until_it_shows(LIST[:-1])
    console.order("send-keys", "f")
    console.order("send-keys", "-l", '~meta "^hublet_reason: legacy$"')
    console.order("send-keys", "Enter", "g", "Enter")
    console.wait_until_it_shows(["URL-encoded [m:auto]"])
    console.order("send-keys", "m")
    wait_for(lambda: ") hublet " in "\n".join(console.lines()))
    (key,) = re.findall(r"(\w)\) hublet", "\n".join(console.lines()))
    console.order("send-keys", key)
    console.wait_until_it_shows(VIEW)
    console.order("send-keys", "Left")
    console.wait_until_it_shows(DETAIL)
    console.order("send-keys", "y")
    with suppress(AssertionError):
        wait_for(lambda: RECORD[-1] in "\n".join(console.lines()))
    assert [line for line in RECORD if line not in "\n".join(console.lines())] == []


def test_it_ends_with_its_terminal(console: Console) -> None:
    """The router takes SIGHUP for the table, but not here: a console would go on unseen."""
    console.wait_until_it_shows(LIST[:-1])
    console.order("kill-server")
    wait_for(lambda: not console.is_alive())
