"""The README shows what the program prints now: its blocks are run, and compared line by line."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import pytest

from harness import Client, bearer, confdir, free_port, wait_for
from hublet_router.cli.run import UNROUTED
from hublet_router.core.decision import Reason
from hublet_router.tablefile import loads
from ui import README, ROOT, demo_table

BIN = Path(sys.executable).parent
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)  # with the lines that a \ joins to it
MAKE_RUN = "$ make run\n"


def steady(text: str, names: dict[str, str]) -> list[str]:
    """Lines without what differs from run to run."""
    for found, shown in names.items():
        text = text.replace(found, shown)
    text = re.sub(r"^\[[0-9:.]+\]", "[time]", text, flags=re.MULTILINE)
    text = re.sub(r'((?:table|version)"?[:=]? ?"?)[0-9a-f]{12}\b', r"\g<1>0123456789ab", text)
    text = re.sub(r"^(hublet_\w+_total.*) [0-9.]+$", r"\1 1.0", text, flags=re.MULTILINE)
    text = re.sub(r"\(flow [0-9a-f-]{36}\)", "(flow 5b2ccbbd-c0f6-4f0c-b0f4-0f6ac0b8e2a4)", text)
    text = re.sub("flows in [0-9.]+ s: [0-9,]+ a second", "flows in 0.1 s: 1,000 a second", text)
    return text.strip().splitlines()


class Stack:
    """What `make run` starts, on free ports."""

    def __init__(self, folder: Path) -> None:
        self.port, metrics = free_port(), str(free_port())
        self.log = folder / "log"
        table, ports = demo_table(folder)
        self.names = {f"{ROOT}/": "", f"{folder}/": "", str(self.port): "8080", metrics: "9090"}
        self.names |= ports
        command: list[str | Path] = [
            BIN / "hublet-router", "run", "--listen-port", str(self.port),
            "--set", f"hublets={table}", "--set", "hublet_demo=true",
            "--set", f"confdir={confdir()}", "--set", f"hublet_metrics=:{metrics}",
        ]  # fmt: skip
        with self.log.open("w") as log:
            at_once = {**os.environ, "PYTHONUNBUFFERED": "1"}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=at_once)
        wait_for(self.is_listening)
        for hublet in ("eu1", "zz9"):  # for the metrics, whichever test comes first
            with Client(self.port) as client:
                client.get("/", bearer(hublet))

    def is_listening(self) -> bool:
        assert self.process.poll() is None
        return "listening at" in self.log.read_text()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    it = Stack(tmp_path_factory.mktemp("readme"))
    try:
        yield it
    finally:
        it.process.terminate()
        it.process.wait(30)


def test_make_run(stack: Stack) -> None:
    (block,) = (block for block in BLOCKS if block.startswith(MAKE_RUN))
    shown = block.removeprefix(MAKE_RUN).splitlines()
    assert steady(stack.log.read_text(), stack.names)[: len(shown)] == shown
    assert (
        "hublet-router run --listen-port $(PORT) --set hublet_demo=true"
        in (ROOT / "Makefile").read_text()
    )


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if not block.startswith(MAKE_RUN)],
    ids=lambda block: block.partition("\n")[0],
)
def test_a_session(block: str, request: pytest.FixtureRequest) -> None:
    script = ["exec 2>&1"]
    names = {f"{ROOT}/": ""}
    for command in COMMAND.findall(block):
        here = command.replace(
            "hublet-router run", f"hublet-router run --listen-port {free_port()}"
        )
        if "localhost:" in command:  # what `make run` started is asked
            names = request.getfixturevalue("stack").names
            for taken, shown in names.items():
                here = here.replace(shown, taken) if shown.isdigit() else here
        script += [f"echo {quote(f'$ {command}')}", here]
    ended = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        stdout=subprocess.PIPE, text=True, timeout=60, cwd=ROOT, check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )  # fmt: skip
    said = [line for line in steady(ended.stdout, names) if "listening at" not in line]
    assert said == block.strip().splitlines()


def test_make_demo() -> None:
    ended = subprocess.run(
        [BIN / "hublet-router", "demo"],
        capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    column = "127.0.0.1:0".ljust(len("api.hubspot.com") + 2)
    said = re.sub(r"127\.0\.0\.1:[0-9]+ +", column, ended.stdout).strip().splitlines()
    (block,) = re.findall(r"<!-- make demo.*?```\n(.*?)```", README, re.DOTALL)
    head, tail = (part.strip().splitlines() for part in block.split("…"))
    assert said[: len(head)] == head
    assert said[-len(tail) :] == tail


def test_the_table_of_the_readme_is_a_table() -> None:
    (table,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert set(loads(table.encode()).hublets) == {"na1", "eu1"}


def test_every_reason_and_option_is_explained() -> None:
    assert all(f"`{reason}`" in README for reason in Reason)
    listed = subprocess.run(
        [BIN / "mitmdump", "-s", ROOT / "addon" / "router.py", "--options"],
        capture_output=True, text=True, timeout=60, cwd=ROOT, check=True,
    )  # fmt: skip
    options = re.findall(r"^(hublet\w*):", listed.stdout, re.MULTILINE)
    assert options
    assert all(f"| `{option}` |" in README for option in options)
    assert UNROUTED in README
