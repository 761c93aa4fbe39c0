"""workerd with the exported Worker, as `export worker` writes it, before the stage's upstreams."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from harness import SECONDS, authority, free_port, is_listening, wait_for
from hublet_router.core.table import Table
from hublet_router.export.bundle import write
from hublet_router.export.worker import bundle, configuration
from system_programs import from_npm


def workerd() -> Path:
    """Return the program."""
    return from_npm("@cloudflare/workerd-*/bin/workerd")


class Workerd:
    """The Worker of a table, on a free port; `lines` is what it has logged."""

    def __init__(self, table: Table, folder: Path, hosts: Iterable[str] = ()) -> None:
        program = workerd()
        write(bundle(table, authority().read_bytes()), folder)
        (folder / "config.capnp").write_text(configuration(table, hosts, has_authority=True))
        self.port = free_port()
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "config.capnp", "--socket-addr", f"http=127.0.0.1:{self.port}"],
                cwd=folder, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        wait_for(self._is_listening)

    def _is_listening(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        return is_listening(self.port)

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(SECONDS)
