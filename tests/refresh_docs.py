"""Runs each `console` block of the README and the manual; `make readme` writes their output anew.

A block that holds a line `…` shows only what stands before and after it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory

from harness import Client, bearer, confdir, free_port, wait_for
from ui import ROOT, demo_table

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "addon" / "docs").glob("*.md"))]
BIN = Path(sys.executable).parent
EXAMPLE = "acme.yaml"
"""What the README calls its example of a table."""

_BLOCK = re.compile(r"(?<=^```console\n)\$ .*?(?=^```$)", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)  # with the lines that a \ joins to it
_MAKE_RUN = "$ make run\n"
_LEFT_OUT = "…"

# What differs from run to run, and what stands for it.
_STEADY = {
    r"^\[[0-9:.]+\]": "[time]",
    r'((?:table|version)"?[:=]? ?"?)[0-9a-f]{12}\b': r"\g<1>0123456789ab",
    r"^(hublet_\w+_total.*) [0-9.]+$": r"\1 1.0",
    r"\(flow [0-9a-f-]{36}\)": "(flow 5b2ccbbd-c0f6-4f0c-b0f4-0f6ac0b8e2a4)",
    "(flows?) in [0-9.]+ s: [0-9,]+ a second": r"\1 in 0.1 s: 1,000 a second",
    # another port may have one digit less; the column of the demo keeps its width
    r"127\.0\.0\.1:[0-9]+ +(?=INVALID)": f"{'127.0.0.1:0':17}",
}


def blocks(page: Path) -> list[str]:
    """Return the console blocks of a page, each without its fences."""
    return _BLOCK.findall(page.read_text("utf-8"))


def yaml_blocks(page: Path) -> list[str]:
    """Return the YAML of a page, block by block."""
    return re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


class Sessions:
    """Runs blocks, and what `make run` starts beside them, as soon as one needs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.folder / EXAMPLE).write_text(yaml_blocks(README)[0])
        self.names = {f"{ROOT}/": "", f"{folder}/": ""}
        self._log = folder / "log"
        self._router: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End what was started."""
        if self._router:
            self._router.terminate()
            self._router.wait(30)

    def fresh(self, block: str) -> str:
        """Return a block as its commands print it now."""
        if block.startswith(_MAKE_RUN):
            self._start()
            end = "listening at 127.0.0.1:8080.\n"
            said = _MAKE_RUN + self._steady(self._log.read_text()).partition(end)[0] + end
        else:
            said = self._steady(self._run(block))
        return "".join(f"{line}\n" for line in _shortened(said.splitlines(), block.splitlines()))

    def _run(self, block: str) -> str:
        script = ["exec 2>&1"]
        for command in _COMMAND.findall(block):
            script += [f"echo {quote(f'$ {command}')}", self._here(command)]
        return subprocess.run(
            ["bash", "-c", "\n".join(script)],
            stdout=subprocess.PIPE, text=True, timeout=120, cwd=ROOT, check=False,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        ).stdout  # fmt: skip

    def _here(self, command: str) -> str:
        """Return what runs for a command: with the ports and the file of these sessions."""
        if "localhost:" in command:
            self._start()
            for taken, shown in self.names.items():
                command = command.replace(shown, taken) if shown.isdigit() else command
        return command.replace(EXAMPLE, str(self.folder / EXAMPLE))

    def _start(self) -> None:
        """Start what `make run` starts, with metrics, and send it two requests."""
        if self._router:
            return
        port, metrics = free_port(), str(free_port())
        table, ports = demo_table(self.folder)
        self.names |= {str(port): "8080", metrics: "9090"} | ports
        command: list[str | Path] = [
            BIN / "hublet-router", "run", "--listen-port", str(port),
            "--set", f"hublets={table}", "--set", "hublet_demo=true",
            "--set", f"confdir={confdir()}", "--set", f"hublet_metrics=:{metrics}",
        ]  # fmt: skip
        with self._log.open("w") as log:
            at_once = {**os.environ, "PYTHONUNBUFFERED": "1"}
            self._router = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=at_once)
        wait_for(lambda: "listening at" in self._log.read_text())
        for hublet in ("eu1", "zz9"):  # for the metrics, whichever block comes first
            with Client(port) as client:
                client.get("/", bearer(hublet))

    def _steady(self, text: str) -> str:
        for found, shown in self.names.items():
            text = text.replace(found, shown)
        for pattern, shown in _STEADY.items():
            text = re.sub(pattern, shown, text, flags=re.MULTILINE)
        return text


@contextmanager
def sessions() -> Iterator[Sessions]:
    """Have blocks run in a folder of their own."""
    with TemporaryDirectory(prefix="hublet-router-docs-") as folder:
        it = Sessions(Path(folder))
        try:
            yield it
        finally:
            it.close()


def _shortened(said: list[str], shown: list[str]) -> list[str]:
    """Leave out of what was said what the block leaves out."""
    if _LEFT_OUT not in shown:
        return said
    head = shown.index(_LEFT_OUT)
    tail = len(shown) - head - 1
    return [*said[:head], _LEFT_OUT, *said[len(said) - tail :]]


def main() -> None:
    """Write each block of each page as its commands print it now, and name what changed."""
    with sessions() as running:
        for page in PAGES:
            before = page.read_text("utf-8")
            after = _BLOCK.sub(lambda block: running.fresh(block[0]), before)
            if after != before:
                page.write_text(after, "utf-8")
                print(f"{page.relative_to(ROOT)}: output has changed")


if __name__ == "__main__":
    main()
