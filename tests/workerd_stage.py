"""workerd with the exported Worker, as `export worker` writes it, before the stage's upstreams."""

from collections.abc import Iterable
from pathlib import Path

from haproxy_stage import Process, listening
from harness import authority, free_port
from hublet_router.core.table import Table
from hublet_router.export.bundle import write
from hublet_router.export.worker import bundle, configuration
from system_programs import from_npm


def workerd() -> Path:
    """Return the program."""
    return from_npm("@cloudflare/workerd-*/bin/workerd")


class Workerd(Process):
    """The Worker of a table, on a free port."""

    def __init__(self, table: Table, folder: Path, hosts: Iterable[str] = ()) -> None:
        program, path = workerd(), folder / "config.capnp"
        write(bundle(table, authority().read_bytes()), folder)
        path.write_text(configuration(table, hosts, has_authority=True))
        self.port = free_port()
        super().__init__(program, "serve", path, "--socket-addr", f"http=127.0.0.1:{self.port}")
        listening(self, self.port)
