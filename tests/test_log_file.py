"""A file that lines are appended to, and what its disk does to them."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from mitmproxy.exceptions import OptionsError

from harness import SECONDS, wait_for
from hublet_router.proxy.observe import log_file
from hublet_router.proxy.observe.log_file import LogFile


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    file = LogFile(path)
    file.write("one")
    file.write("zwei ü")
    file.close()
    assert path.read_text() == "before\none\nzwei ü\n"


def test_close_does_not_wait_for_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "WRITE_INTERVAL", 3600)
    file = LogFile(tmp_path / "log")
    file.write("one")
    closing = threading.Thread(target=file.close, daemon=True)
    closing.start()
    closing.join(SECONDS)
    assert not closing.is_alive()
    assert (tmp_path / "log").read_text() == "one\n"


def test_a_new_file_is_not_readable_by_others(tmp_path: Path) -> None:
    LogFile(tmp_path / "log").close()
    assert (tmp_path / "log").stat().st_mode & 0o007 == 0


def test_a_file_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match=r"hublet_log: .*/nowhere/log cannot be written: No"):
        LogFile(tmp_path / "nowhere" / "log")


@pytest.mark.parametrize("how", ["renamed", "removed"])
def test_a_rotated_file_is_opened_anew(tmp_path: Path, how: str) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    file = LogFile(path)
    file.write("one")
    wait_for(lambda: path.read_text() == "one\n")
    if how == "renamed":
        path.rename(old)
        path.write_text("by another process\n")
    else:
        path.unlink()
    file.write("two")
    file.close()
    assert path.read_text().endswith("two\n")
    assert how == "removed" or old.read_text() == "one\n"


def test_a_link_that_takes_the_place_of_the_file_is_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = tmp_path / "log", tmp_path / "other"
    file = LogFile(path)
    other.write_text("precious\n")
    path.unlink()
    path.symlink_to(other)
    file.write("one")
    file.close()
    assert other.read_text() == "precious\n"
    assert file.dropped == 1
    assert "cannot be written: Too many levels of symbolic links" in caplog.text


def test_a_link_that_is_there_at_the_start_is_followed_after_a_rotation_too(tmp_path: Path) -> None:
    path, target = tmp_path / "log", tmp_path / "target"
    path.symlink_to(target)
    file = LogFile(path)
    target.unlink()
    file.write("one")
    file.close()
    assert target.read_text() == "one\n"


def test_a_file_that_was_moved_away_can_be_opened_anew_before_the_next_line(
    tmp_path: Path,
) -> None:
    path, elsewhere = tmp_path / "folder" / "log", tmp_path / "elsewhere"
    path.parent.mkdir()
    file = LogFile(path)
    path.parent.rename(elsewhere)
    file.reopen()  # its folder is not there yet; no line is lost by that
    path.parent.mkdir()
    file.reopen()
    wait_for(path.exists)
    file.write("one")
    file.close()
    assert path.read_text() == "one\n"
    assert file.dropped == 0


def test_a_full_disk_is_reported_once_and_the_loss_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    file = LogFile(path)
    file.write("one")
    wait_for(lambda: file.dropped == 1)
    file.write("two")
    file.write("three")
    wait_for(lambda: file.dropped == 3)
    assert caplog.text.count("cannot be written: No space left on device; lines are dropped") == 1
    path.unlink()
    file.write("four")
    file.close()
    assert path.read_text() == "four\n"
    assert "is written again; 3 lines are lost" in caplog.text


def test_a_half_written_line_is_truncated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes some bytes of a line and then no more."""
    write, path = os.write, tmp_path / "log"
    answers = iter([2, None, 2, 99])

    def takes_little(fd: int, data: bytes) -> int:
        size = next(answers)
        if size is None:
            raise OSError(28, "No space left on device")
        return write(fd, data[:size])

    file = LogFile(path)
    monkeypatch.setattr(os, "write", takes_little)
    file.write("lost")
    wait_for(lambda: file.dropped)
    file.write("kept")
    file.close()
    assert path.read_text() == "kept\n"


def test_a_full_queue_drops_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MAX_WAITING", 2)
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = LogFile(fifo)
    for _ in range(200):
        file.write("x" * 65536)
    assert (before := file.dropped)
    file.write("one more")
    assert file.dropped == before + 1
    file.reopen()  # nothing that waits, nor an error
    while file._lines.qsize():
        try:
            os.read(reader, 65536)
        except BlockingIOError:
            continue
    os.close(reader)
    file.close()


# what is no regular file


@contextmanager
def standard_output(end: int) -> Iterator[None]:
    """Have standard output be something else; pytest has its own from the call of a test on."""
    before = os.dup(1)
    os.dup2(end, 1)
    try:
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):  # a test has closed it
            os.close(end)


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_standard_output_gets_the_lines(pipe: tuple[int, int], name: str, kind: str) -> None:
    """Under systemd it is a socket, and then /dev/stdout cannot be opened."""
    one, other = socket.socketpair()
    with one, other:
        reader, writer = pipe if kind == "pipe" else (one.fileno(), other.fileno())
        with standard_output(writer):
            file = LogFile(Path(name))
            file.write("one")
            assert os.read(reader, 99) == b"one\n"
            file.reopen()
            file.write("two")
            file.close()
            assert os.read(reader, 99) == b"two\n"
            os.fstat(1)  # it is still open
    assert not Path("-").exists()


def test_a_fifo_without_a_reader_delays_nothing_and_its_reader_gets_what_waits(
    tmp_path: Path,
) -> None:
    fifo = tmp_path / "log"
    os.mkfifo(fifo)
    file = LogFile(fifo)
    file.write("one")
    with fifo.open() as reader:
        assert reader.readline() == "one\n"
    file.write("two")  # its reader is gone, and another one comes
    with fifo.open() as reader:
        assert reader.readline() == "two\n"
    file.close()
    assert file.dropped == 0


def test_a_pipe_without_a_reader_does_not_delay_the_end_for_long_and_the_loss_is_counted(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_file, "PATIENCE", 0.1)
    reader, writer = pipe
    with standard_output(writer):
        file = LogFile(Path("-"))
        for _ in range(100):
            file.write("x" * 4095)
        file.close()
    taken = len(os.read(reader, 1 << 20)) // 4096
    assert 0 < taken < 100
    wait_for(lambda: file.dropped)
    assert file.dropped == 100 - taken
    assert "- cannot be written: its reader does not read; lines are dropped" in caplog.text


def test_a_pipe_whose_reader_is_gone_counts_what_is_lost(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = pipe
    os.close(reader)
    with standard_output(writer):
        file = LogFile(Path("-"))
        file.write("one")
        file.close()
    assert file.dropped == 1
    assert "- cannot be written: Broken pipe; lines are dropped" in caplog.text
