"""The command lines as processes that start at once.

They are forked from a process that has imported mitmproxy, which takes a second each time; the
rest, our own imports too, is as it is in a process that a shell starts.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["mitmproxy.tools.main", "forked"])


class Forked:
    """A command line that runs, with what `subprocess.Popen` can do to it."""

    def __init__(
        self,
        *words: str | Path,
        stdout: Path,
        stderr: Path | None = None,
        stdin: str = os.devnull,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; without a file of its own, stderr goes where stdout goes."""
        self.words = [str(it) for it in words]
        for file in filter(None, (stdout, stderr)):
            file.write_bytes(b"")  # a test may look into it at once
        streams = stdin, str(stdout), str(stderr or stdout)
        arguments = self.words, streams, str(cwd or Path.cwd()), dict(env or os.environ)
        self._process = _FORKS.Process(target=_main, args=arguments)
        self._process.start()
        assert self._process.pid
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self.words, timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(
    *words: str | Path,
    cwd: Path | None = None,
    stdin: str = os.devnull,
    stdout: str = "",
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end, and return what it said, as `subprocess.run` does."""
    with TemporaryDirectory() as folder:
        out, err = Path(stdout) if stdout else Path(folder, "out"), Path(folder, "err")
        process = Forked(*words, stdin=stdin, stdout=out, stderr=err, cwd=cwd, env=env)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        said = "" if stdout else out.read_text()
        return subprocess.CompletedProcess(process.words, code, said, err.read_text())


def _main(words: list[str], streams: tuple[str, ...], cwd: str, env: dict[str, str]) -> None:
    """Become the process: its files, its folder, its environment, its words."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, name in enumerate(streams):
        how = os.O_RDWR | os.O_CREAT | (os.O_APPEND if number else 0)
        file = os.open(name, how, 0o600)
        os.dup2(file, number)
        os.close(file)
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(line_buffering=True)  # a test may wait for a line
    sys.argv = words
    (script,) = entry_points(group="console_scripts", name=Path(words[0]).name)
    sys.exit(script.load()())
