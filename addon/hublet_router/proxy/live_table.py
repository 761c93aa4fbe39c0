"""The table's file, read again whenever it changes."""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from ..core.table import Table
from ..tablefile import TableError, load

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks at the file."""

type _State = list[tuple[int, int, int] | None]


class TableSource:
    """A file that a table comes from, with the file of accounts that it names."""

    def __init__(self, path: Path, level: int = logging.ERROR) -> None:
        self.path = path
        self.level = level  # at which faults are logged; an error stops mitmproxy at its start
        self.good = 0  # how often it was read, and was a table
        self.bad = 0  # or was none
        self.read_at = time.monotonic()  # seconds, when it last was one
        self.is_current = True  # False while the last good table goes on
        self._watcher: asyncio.Task[None] | None = None
        self._files = [path]
        self._loaded: _State = []

    def load(self) -> Table:
        """Read the table; raise TableError with every fault of the file."""
        started = time.time_ns()
        self._loaded = self._state()  # first: what changes while we read is seen at the next look
        try:
            table = load(self.path, option="--set hublets=FILE")
        except TableError as error:
            self.bad += 1
            self._follow({fault.file for fault in error.faults}, started)
            raise
        self.good += 1
        self.is_current = True
        self._follow({table.accounts.file} if table.accounts else set(), started)
        self.read_at = time.monotonic()
        return table

    def expire(self) -> None:
        """Have the file read again at the next look, changed or not."""
        self._loaded = [(0, 0, 0)]

    def follow(self, replace: Callable[[Table], None]) -> None:
        """Begin to `watch`, until `close`."""
        self._watcher = asyncio.create_task(self.watch(replace))

    def close(self) -> None:
        """Stop watching."""
        if self._watcher:
            self._watcher.cancel()

    async def watch(self, replace: Callable[[Table], None]) -> None:
        """Hand over each new good table, for ever; report each bad one once.

        A change is read when the file was quiet for one interval, so that half of a file that is
        still being written does not become the table.
        """
        before = self._loaded
        while True:
            await asyncio.sleep(INTERVAL)
            now = self._state()
            if now == before and now != self._loaded:
                try:
                    replace(await asyncio.to_thread(self.load))
                except Exception as error:  # whatever it is, the watch goes on
                    self.is_current = False
                    for sentence in str(error).splitlines() or [type(error).__name__]:
                        logger.log(self.level, sentence)
                    rest = "; the last good table goes on" if self.good else ""
                    logger.log(self.level, "%s is not used%s", self.path, rest)
            before = now

    def _follow(self, files: set[str | None], since: int) -> None:
        """Look at these files as well from now on; they were read after that time (ns)."""
        for file in map(Path, filter(None, files)):
            if file not in self._files:
                self._files.append(file)
                state = _stat(file)
                is_newer = state is not None and state[0] >= since
                self._loaded.append((0, 0, 0) if is_newer else state)

    def _state(self) -> _State:
        return [_stat(file) for file in self._files]


def _stat(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
