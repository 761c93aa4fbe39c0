"""HAProxy on loopback, with the bundle of a folder and an agent inside this process."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from pathlib import Path

from ..agent.connection import Connection
from ..agent.spoa import Agent
from ..core.table import Table
from ..demo.shipped import free_port
from ..export.bundle import ExportError
from .process import process
from .upstreams import Upstreams

_UPSTREAM = re.compile(r"server upstream \S+( resolvers system init-addr last,libc,none)?")
_ELSEWHERE = re.compile(r"  (bind|server agent\d+) ")
_AUTHORITY = re.compile(r"ca-file \S+")


@asynccontextmanager
async def haproxy(
    table: Table,
    bundle: Path,
    upstreams: Upstreams,
    hosts: Set[str],  # noqa: ARG001  # HAProxy takes each for the name of TLS, as it comes
) -> AsyncIterator[int]:
    """Run HAProxy with a bundle before the upstreams; yield its port.

    Only addresses are written anew: those of Hublets, agents and HAProxy itself, and the CA. Raises
    ExportError where it does not start.
    """
    program = shutil.which("haproxy")
    if not program:
        raise ExportError("HAProxy is not installed; on Debian: apt-get install haproxy")
    agent = Agent()
    agent.live.table = table
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(agent.answer, connections), "127.0.0.1", 0)
    agent_port, port = server.sockets[0].getsockname()[1], free_port()
    path = bundle / "haproxy.cfg"
    try:
        # beside the configuration: HAProxy would part a path at its blanks
        shutil.copy(upstreams.authority, bundle / "ca.pem")
        text = _on_loopback(path.read_text("utf-8"), table, upstreams, agent_port, port)
        path.write_text(text, "utf-8")
        async with process("HAProxy", port, program, "-db", "-f", path):
            yield port
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
        await asyncio.sleep(0)  # the transports are closed one turn later


def _on_loopback(text: str, table: Table, upstreams: Upstreams, agent: int, port: int) -> str:
    """Return a configuration with the addresses of a proof."""
    lines: list[str] = []
    hublet = ""
    own = {
        "bind": f"  bind 127.0.0.1:{port}",
        "server": f"  server agent1 127.0.0.1:{agent}",
    }
    for line in text.splitlines():
        if line.startswith("backend hublet_"):
            hublet = line.removeprefix("backend hublet_")
        if match := _ELSEWHERE.match(line):
            if replacement := own.pop(match[1].split()[0], None):
                lines.append(replacement)
            continue
        if "server upstream " in line:
            address = f"server upstream 127.0.0.1:{upstreams.ports[str(table.hublets[hublet])]}"
            here = _UPSTREAM.sub(address, line)
            lines.append(_AUTHORITY.sub("ca-file ca.pem", here))
        else:
            lines.append(line)
    return "\n".join([*lines, ""])
