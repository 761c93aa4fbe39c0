"""The table in use: read from its file again whenever that changes, kept while it is bad."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ..core.table import Table
from ..tablefile import TableError, load
from .observe.measurement import Measurement

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks at the file."""

type _State = tuple[int, int, int, int] | None
"""Times of the last change of content and of inode (ns), size and inode; None without a file."""

_CHANGED: _State = (0, 0, 0, 0)
"""The state of no file: one that is known by it is read again."""


class LiveTable:
    """The table in use, and the files that it was read from: its own, and those that it names.

    `accept` sees each new table before it is used: it returns the one to use, or raises
    OptionsError to refuse it.
    """

    def __init__(
        self,
        accept: Callable[[Table, Path], Table],
        level: int = logging.ERROR,
        option: str = "--set hublets=FILE",
    ) -> None:
        self.table: Table | None = None
        self.path: Path | None = None
        self.level = level  # at which the watch logs faults; an error stops mitmproxy's start
        self.good = 0  # how often the file was read and was a table
        self.bad = 0  # or was none
        self.read_at = time.monotonic()  # seconds, when it was last a table
        self.is_current = True  # False while the last good table goes on
        self._accept = accept
        self._option = option  # how a table is named, for the fault of a file that is not there
        self._states: Mapping[Path, _State] = {}
        self._watcher: asyncio.Task[None] | None = None

    def use(self, path: Path) -> None:
        """Read a table and use it from now on.

        Raises TableError or OptionsError; then the table in use stays.
        """
        reading = self._read(path)
        self._take(path, reading)
        self.path, self._states = path, reading.states
        if self._watcher:
            self.start_watching()  # anew: an older reading may be under way in its thread

    def reload(self) -> Table:
        """Read the file at once; raise TableError or OptionsError, and keep the table in use."""
        assert self.path
        self.use(self.path)
        assert self.table
        return self.table

    def reload_soon(self, path: Path | None = None) -> None:
        """Have the watch read the file, or another one, even if it did not change."""
        self.path = path or self.path
        if self.path:
            self._states = {self.path: _CHANGED}

    def start_watching(self) -> None:
        """Begin to read the file whenever it changes, until `close`."""
        self.close()
        self._watcher = asyncio.create_task(self._watch())

    def close(self) -> None:
        """Stop watching."""
        if self._watcher:
            self._watcher.cancel()
        self._watcher = None

    def measurements(self) -> Iterator[Measurement]:
        """Yield what the metrics say of the table."""
        yield Measurement(
            "hublet_table",
            "gauge",
            "1 for the table in use; nothing where there is none.",
            ("version",),
            lambda: {(self.table.version,): 1} if self.table else {},
        )
        yield Measurement(
            "hublet_table_age_seconds",
            "gauge",
            "Time since the table was read.",
            (),
            lambda: {(): time.monotonic() - self.read_at} if self.path else {},
        )
        yield Measurement(
            "hublet_table_is_current",
            "gauge",
            "1, or 0 while its file is bad and the last good table goes on.",
            (),
            lambda: {(): self.is_current} if self.path else {},
        )
        yield Measurement(
            "hublet_table_reads",
            "counter",
            "Reads of its file: `good` or `bad`.",
            ("result",),
            lambda: {("good",): self.good, ("bad",): self.bad} if self.path else {},
        )

    async def _watch(self) -> None:
        """Use each new good table; report each bad one once.

        A change is read when the file was quiet for one interval and no program holds it open for
        writing, so that half of a file that is still being written does not become the table.
        """
        before = self._states
        while True:
            await asyncio.sleep(INTERVAL)
            now = {file: _state(file) for file in self._states}
            is_quiet = now == before and now != self._states
            if self.path and is_quiet and not any(map(_is_being_written, now)):
                reading = await asyncio.to_thread(self._read, self.path, self._states)
                self._states = reading.states
                try:
                    self._take(self.path, reading)
                except Exception as error:  # whatever it is, the watch goes on
                    self._report(error)
            before = now

    def _read(self, path: Path, known: Iterable[Path] = ()) -> "_Reading":
        """Read a table and the other files that it names; `known` are those that it named before.

        Only what was as it is now before the read began counts as read.
        """
        began = time.time_ns()
        states = {file: _state(file) for file in (path, *known)}
        outcome: Table | Exception
        named: set[str | None] = set()
        try:
            outcome = load(path, option=self._option)
            named = {*outcome.files}
        except TableError as error:
            outcome = error
            named = {fault.file for fault in error.faults}
        except Exception as error:  # a bug; the watch reports it once, and goes on
            outcome = error
        for file in map(Path, filter(None, named)):
            if file not in states:
                state = _state(file)
                states[file] = _CHANGED if state and state[0] >= began else state
        return _Reading(outcome, states)

    def _take(self, path: Path, reading: "_Reading") -> None:
        """Use the table of a reading, whole, or raise its error: each request is decided by one."""
        table = reading.outcome
        if isinstance(table, Exception):
            self.bad += 1
            raise table
        self.good += 1
        self.table = self._accept(table, path)
        if not self.is_current:  # also where it is the same table as before
            logger.info("%s is good again, and used: table %s", path, table.version)
        self.read_at = time.monotonic()
        self.is_current = True

    def _report(self, error: Exception) -> None:
        self.is_current = False
        for sentence in str(error).splitlines() or [type(error).__name__]:
            logger.log(self.level, sentence)
        rest = "; the last good table goes on" if self.table else ""
        logger.log(self.level, "%s is not used%s", self.path, rest)


class _Reading(NamedTuple):
    """A table or why there is none, and the state that each of its files was read in."""

    outcome: Table | Exception
    states: Mapping[Path, _State]


def _state(file: Path) -> _State:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _is_being_written(file: Path) -> bool:
    """Return whether a program has the file open for writing, where Linux says so.

    It gives a lease for reading only on a file that has no writer (fcntl(2), F_SETLEASE), and only
    to the file's owner or root. A writer that opens it meanwhile makes the kernel send a signal:
    SIGURG, which nothing minds, instead of SIGIO, which would end the process.
    """
    if sys.platform != "linux":
        return False
    import fcntl  # noqa: PLC0415  # Windows has none

    try:
        fd = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:  # another owner's file, or a file system without leases
        return False
    finally:
        os.close(fd)  # and with it the lease
    return False
