"""workerd on loopback, with the Worker of a folder."""

import shutil
import sys
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..core.table import Table
from ..demo.shipped import free_port
from ..export.bundle import ExportError
from ..export.worker import AUTHORITY, configuration
from .dump import Dumps
from .process import process

_INSTALLED = "node/node_modules/@cloudflare/workerd-*/bin/workerd"


@asynccontextmanager
async def worker(
    table: Table,
    bundle: Path,
    dumps: Dumps,
    hosts: Set[str],
) -> AsyncIterator[int]:
    """Run workerd with a bundle before the dumps; yield its port.

    Only the configuration is another one than in the bundle: it has the addresses and the CA of the
    dumps. Raises ExportError where it does not start.
    """
    program, port = _workerd(), free_port()
    with TemporaryDirectory(prefix="hublet-router-prove-") as folder:
        copy = Path(folder, "bundle")
        shutil.copytree(bundle, copy)
        shutil.copy(dumps.authority, copy / AUTHORITY)
        addresses = {url: f"127.0.0.1:{port}" for url, port in dumps.ports.items()}
        text = configuration(table, hosts, has_authority=True, addresses=addresses)
        (copy / "config.capnp").write_text(text, "utf-8")
        words = ["serve", "config.capnp", "--socket-addr", f"http=127.0.0.1:{port}"]
        async with process("workerd", port, program, *words, cwd=copy):
            yield port


def _workerd() -> str:
    """Return where workerd is: on the path, or below the venv."""
    found = [shutil.which("workerd"), *map(str, Path(sys.prefix).glob(_INSTALLED))]
    if program := next(filter(None, found), None):
        return program
    raise ExportError(f"workerd is not installed: npm install --prefix {sys.prefix}/node workerd")
