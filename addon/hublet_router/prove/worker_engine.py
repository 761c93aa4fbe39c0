"""workerd on loopback, with the Worker of a folder."""

import shutil
import sys
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from pathlib import Path

from ..core.table import Table
from ..demo.shipped import free_port
from ..export.bundle import ExportError
from ..export.worker import AUTHORITY, configuration
from .process import process
from .upstreams import Upstreams

_INSTALLED = "node/node_modules/@cloudflare/workerd-*/bin/workerd"


@asynccontextmanager
async def worker(
    table: Table, bundle: Path, upstreams: Upstreams, hosts: Set[str]
) -> AsyncIterator[int]:
    """Run workerd with a bundle before the upstreams; yield its port.

    Only the configuration is written anew: it has the addresses and the CA of the upstreams. Raises
    ExportError where it does not start.
    """
    program, port, path = _workerd(), free_port(), bundle / "config.capnp"
    shutil.copy(upstreams.authority, bundle / AUTHORITY)
    addresses = {url: f"127.0.0.1:{port}" for url, port in upstreams.ports.items()}
    text = configuration(table, hosts, has_authority=True, addresses=addresses)
    path.write_text(text, "utf-8")
    socket = f"http=127.0.0.1:{port}"
    async with process("workerd", port, program, "serve", path, "--socket-addr", socket):
        yield port


def _workerd() -> str:
    """Return where workerd is: on the path, or below the venv."""
    found = [shutil.which("workerd"), *map(str, Path(sys.prefix).glob(_INSTALLED))]
    if program := next(filter(None, found), None):
        return program
    raise ExportError(f"workerd is not installed: npm install --prefix {sys.prefix}/node workerd")
