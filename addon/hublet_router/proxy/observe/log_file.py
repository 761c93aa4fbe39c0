"""A file or pipe that a thread of its own writes lines to: no disk delays the event loop."""

import logging
import os
import queue
import select
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

from mitmproxy.exceptions import OptionsError

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
"""Lines that wait for the disk; one more is dropped, and counted."""

WRITE_INTERVAL = 0.5
"""Seconds between writes: each makes the thread and the event loop switch several times."""

_STDOUT = {"-", "/dev/stdout"}  # by its number: the name cannot be opened where it is a socket

PATIENCE = 2.0
"""Seconds that a pipe whose reader does not read may delay the end of the process."""


class LogFile:
    """Appends whole lines. What the disk does not take is dropped, counted and reported once.

    `-` is standard output. A pipe, a FIFO or a terminal waits for its reader, in the thread.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dropped = 0
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._is_full = False
        self._is_closing = threading.Event()
        # A link at the start was set by whoever runs the proxy. One that comes later is not
        # followed: it could lead the log over any file that the proxy may write.
        self._no_follow = 0 if path.is_symlink() else os.O_NOFOLLOW
        try:
            self._is_stdout = str(path) in _STDOUT
            self._fd = os.dup(1) if self._is_stdout else self._open()
        except OSError as error:
            raise OptionsError(
                f"hublet_log: {path} cannot be written: {error.strerror}; name a file in a folder"
                " that is there"
            ) from error
        self._closed_at = float("inf")
        self._thread = threading.Thread(target=self._run, name="hublet_log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Hand over a line, without its end; never waits."""
        if self._lines.qsize() < MAX_WAITING:
            self._lines.put(line.encode() + b"\n")
        else:
            self.dropped += 1

    def reopen(self) -> None:
        """Follow a rotation now, and not with the next line."""
        self._lines.put(b"")

    def close(self) -> None:
        """Write what waits, and end."""
        self._lines.put(None)
        self._closed_at = time.monotonic()
        self._is_closing.set()
        self._thread.join(2 * PATIENCE)

    def _run(self) -> None:
        going = True
        while going:
            lines = [self._lines.get()]
            self._is_closing.wait(WRITE_INTERVAL)
            lines += [self._lines.get() for _ in range(self._lines.qsize())]
            going = None not in lines
            if some := [line for line in lines if line is not None]:
                self._write(some)
        os.close(self._fd)

    def _write(self, lines: list[bytes]) -> None:
        try:
            if not self._is_stdout:
                self._follow_rotation()
            is_file = not self._is_stdout and stat.S_ISREG(os.fstat(self._fd).st_mode)
            (self._append if is_file else self._send)(b"".join(lines))
        except OSError as error:
            self.dropped += sum(some.count(b"\n") for some in lines)
            if not self._is_full:
                reason = error.strerror
                logger.error("%s cannot be written: %s; lines are dropped", self.path, reason)
            self._is_full = True
        else:
            if self._is_full:
                logger.error("%s is written again; %s lines are lost", self.path, self.dropped)
            self._is_full = False

    def _append(self, lines: bytes) -> None:
        end = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            written = os.write(self._fd, lines)
            while written < len(lines):
                written += os.write(self._fd, lines[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, end)  # no half of a line stays
            raise

    def _send(self, lines: bytes) -> None:
        """Write to a pipe no more at once than it takes: a full one would block the end as well.

        Its flag O_NONBLOCK would also be that of the programs that share it.
        """
        ready = select.poll()
        ready.register(self._fd, select.POLLOUT)
        sent = 0
        try:
            while sent < len(lines):
                if ready.poll(100):
                    sent += os.write(self._fd, lines[sent : sent + select.PIPE_BUF])
                elif time.monotonic() > self._closed_at + PATIENCE:
                    raise TimeoutError(0, "its reader does not read")
        except OSError:
            self.dropped -= lines.count(b"\n", 0, sent)  # these are not lost
            raise

    def _follow_rotation(self) -> None:
        """Open the file anew where another one, or none, has its name now."""
        with suppress(FileNotFoundError):
            if os.path.samestat(self.path.stat(), os.fstat(self._fd)):
                return
        fd = self._open()
        os.close(self._fd)
        self._fd = fd

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | self._no_follow
        if self.path.is_fifo():  # opened for writing alone, it would wait for a reader
            flags = os.O_RDWR
        return os.open(self.path, flags, 0o640)
