"""The words after `hublet-router`."""

import io
import logging
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

import hublet_router.__main__
from harness import wait_for
from hublet_router.cli import commands
from hublet_router.cli.commands import command_line

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    """`main` takes signals of the process, mitmproxy's sets a level: the process is the tests'."""
    level = logging.getLogger().level
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    logging.getLogger().setLevel(level)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("words", "code", "piece"),
    [
        (["--help"], 0, "the routing proxy: mitmdump with the addon"),
        (["--help"], 0, "explain where a request goes, and why"),
        (["--version"], 0, f"hublet-router {version('hublet-router')}, mitmproxy "),
        (["--version"], 0, f", Python {platform.python_version()}"),
        ([], 2, "the following arguments are required: COMMAND"),
        (["ruin"], 2, "invalid choice: 'ruin'"),
        (["diff", "a", "b", "c", "--jason"], 2, "usage: hublet-router diff [-h]"),
        (["diff", "a", "b", "c", "--jason"], 2, "unrecognized arguments: --jason"),
        (["export", "worker", "a", "--jason"], 2, "usage: hublet-router export worker [-h]"),
        (["redact", "a", "b", "--force", "c"], 2, "unrecognized arguments: c"),
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


def test_run_says_its_own_version_before_that_of_mitmproxy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command_line(["run", "--version"]) == 0
    ours, theirs = capsys.readouterr().out.splitlines()[:2]
    assert ours.startswith(f"hublet-router {version('hublet-router')}, ")
    assert theirs.startswith("Mitmproxy: ")


def test_files_may_stand_before_and_behind_options(capsys: pytest.CaptureFixture[str]) -> None:
    table = str(HERE.parent / "hublets.yaml")
    assert command_line(["check", table, "--strict", table]) == 0
    assert capsys.readouterr().out.count("hublets.yaml: sound") == 2


def test_version_of_a_checkout_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(SystemExit):
        command_line(["--version"])
    assert capsys.readouterr().out.startswith("hublet-router (not installed), mitmproxy (not ")


def test_the_command_ends_with_the_code_of_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["hublet-router", "check", str(HERE / "bad.yaml")])
    with pytest.raises(SystemExit) as ended:
        hublet_router.__main__.main()
    assert ended.value.code == 1


def test_a_missing_requirement_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(SystemExit) as ended:
        hublet_router.__main__.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("hublet-router needs PyYAML")


def test_a_fault_of_its_own_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python ends with 1, as `check` does where a table has a fault."""
    monkeypatch.setattr(commands, "command_line", lambda _: int("a secret"))
    with pytest.raises(SystemExit) as ended:
        hublet_router.__main__.main()
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert "ValueError: a fault of hublet-router" in printed
    assert "in main" in printed
    assert "invalid literal" not in printed, "it quotes what was read"


def test_a_bad_table_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "hublets.yaml"
    table.write_text("domains: [a.example]\n")
    assert command_line(["explain", "--table", str(table), "a.example"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"{table}:1:1: ")
    assert said.out == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_after_what_it_cleans_up(number: signal.Signals, tmp_path: Path) -> None:
    """A recording that does not end: what is written of the copy, and no copy yet."""
    recording, out = tmp_path / "flows", tmp_path / "out"
    os.mkfifo(recording)
    command = [sys.executable, "-m", "hublet_router", "redact", str(recording), str(out)]
    signal.signal(number, signal.SIG_DFL)  # under `nohup`, the command would ignore it
    with subprocess.Popen(command, cwd=HERE.parent) as running:
        try:
            wait_for(lambda: list(tmp_path.glob(".out.*")))
            running.send_signal(number)
            assert running.wait(60) == -number
        finally:
            running.kill()
    assert list(tmp_path.iterdir()) == [recording]


def test_a_signal_that_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    monkeypatch.setattr(commands, "command_line", lambda _: 0)
    with pytest.raises(SystemExit):
        hublet_router.__main__.main()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_its_end_is_that_of_the_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[int] = []
    send = signal.raise_signal
    monkeypatch.setattr(commands, "command_line", lambda _: send(signal.SIGTERM))
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    hublet_router.__main__.main()
    assert raised == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_control_c_while_the_modules_load_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt if name == "command_line" else AttributeError(name)

    monkeypatch.setitem(sys.modules, "hublet_router.cli.commands", Interrupted("commands"))
    with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
        hublet_router.__main__.main()
    assert ended.value.args == (130,)


def test_a_closed_pipe_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert command_line(["explain", "--help"]) == 141
        stdout.write("its flush at the end fails silently, too")


def test_standard_output_may_be_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", written := io.StringIO())
    assert command_line(["explain", "--help"]) == 0
    assert written.getvalue().startswith("usage: hublet-router explain ")


def test_a_failed_write_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with os.fdopen(os.open(os.devnull, os.O_RDONLY), "w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert command_line(["explain", "--help"]) == 2
    error = capsys.readouterr().err
    assert error == "hublet-router: standard input or output: Bad file descriptor\n"


def test_an_error_with_a_sentence_of_its_own_is_no_failed_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise OSError(98, "The web server cannot listen")

    monkeypatch.setattr("hublet_router.cli.check.load_table", fail)
    with Path(os.devnull).open("w") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        assert command_line(["check"]) == 2
    assert capsys.readouterr().err == "hublet-router: The web server cannot listen\n"


def test_a_terminal_without_an_arrow_gets_an_escape() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "hublet_router", "explain", "https://api.hubapi.com/"],
        capture_output=True, text=True, timeout=60, check=True, cwd=HERE.parent,
        env={**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
    )  # fmt: skip
    assert ended.stdout.startswith("na1 \\u2190 anonymous\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [("explain -", 2), ("fingerprint --key hublets.yaml", 2), ("run --help", 0), ("check", 0)],
)
def test_each_standard_stream_may_be_closed(words: str, code: int, tmp_path: Path) -> None:
    """As a shell closes them. Python has None in their places, which few programs expect."""
    for closed in ("<&-", ">&-", "2>&- <&- >&-"):
        # what is not closed has to be there: a test that runs in the background may have no input
        command = f"{sys.executable} -m hublet_router {words}"
        streams = f"</dev/null >{tmp_path}/out 2>{tmp_path}/err {closed}"
        ended = subprocess.run(
            ["/bin/sh", "-c", f"{command} {streams}"], timeout=60, cwd=HERE.parent, check=False
        )
        assert (ended.returncode, "Traceback" in (tmp_path / "err").read_text()) == (code, False)


def test_control_c_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hublet_router.cli.check.load_table", interrupted)
    assert command_line(["check"]) == 130
