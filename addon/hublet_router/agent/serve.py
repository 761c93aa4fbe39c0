"""The agent as a process: where it listens, what it watches, and how it ends."""

import asyncio
import errno
import logging
import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mitmproxy.exceptions import OptionsError

from ..proxy.observe.log_file import LogFile
from ..proxy.observe.metrics import make_counters
from ..proxy.observe.metrics_server import Endpoint
from .connection import Connection
from .spoa import Agent

logger = logging.getLogger(__name__)

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/]*):([0-9]{1,5})")


class Setting(NamedTuple):
    """What an agent is started with. `listen` is [host]:port, or the path of a Unix socket."""

    table: Path
    listen: str
    log: Path | None = None
    metrics: str | None = None
    shadow: Path | None = None
    proxy_status: bool = False


async def serve(setting: Setting, listening: Callable[[str], None] = lambda _: None) -> None:
    """Answer HAProxy until SIGTERM or SIGINT, then what it has asked before, and end.

    `listening` gets the address. Raises TableError, OptionsError, or OSError with a sentence.
    """
    loop = asyncio.get_running_loop()
    agent = Agent()
    agent.live.use(setting.table)
    agent.shows_status = setting.proxy_status
    agent.log = LogFile(setting.log) if setting.log else None
    connections: set[Connection] = set()
    is_over = asyncio.Event()
    endpoint = None
    if setting.metrics:
        agent.counters = make_counters([agent.live, agent.shadow])
        endpoint = Endpoint(
            setting.metrics,
            agent.counters.exposition,
            lambda: "it ends" if is_over.is_set() else "",
            loop,
        )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_over.set)
    loop.add_signal_handler(signal.SIGHUP, agent.reopen_and_reload)
    agent.live.start_watching()
    if setting.shadow:
        agent.shadow.watch(setting.shadow)
    server = await _listen(setting.listen, lambda: Connection(agent.answer, connections))
    address = _shown(server)
    logger.info("HAProxy's agent listens at %s", address)
    listening(address)
    try:
        await is_over.wait()
    finally:
        server.close()
        for connection in list(connections):
            connection.close()
        if agent.log:
            agent.log.close()
        if endpoint:
            endpoint.close()


async def _listen(address: str, protocol: Callable[[], Connection]) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    match = _ADDRESS.fullmatch(address)
    if not match and "/" not in address:  # a slip, such as 9090, and not the name of a socket
        raise OptionsError(
            f"the agent cannot listen at {address}: write [host]:port, such as :9090, or the path"
            " of a socket with a / in it"
        )
    try:
        if match:
            host = match[1].strip("[]") or "127.0.0.1"
            return await loop.create_server(protocol, host, int(match[2]))
        _refuse_what_is_held(address)
        return await loop.create_unix_server(protocol, address)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0  # asyncio writes a sentence of its own
        reason = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or error
        raise OptionsError(
            f"the agent cannot listen at {address}: {reason}; stop what holds it, or name another"
            " [host]:port, or the path of a socket in a folder that is there"
        ) from error


def _refuse_what_is_held(path: str) -> None:
    """Raise OSError where there is a file, or a socket on which anything listens.

    asyncio puts its own in the place of each socket. What a dead agent left refuses a connection.
    """
    if Path(path).exists() and not Path(path).is_socket():
        raise OSError(errno.EEXIST, "")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # for a listener that is too busy to accept it
        number = probe.connect_ex(path)
    if number not in {errno.ECONNREFUSED, errno.ENOENT}:
        is_held = number in {0, errno.EAGAIN, errno.EPROTOTYPE}
        raise OSError(errno.EADDRINUSE if is_held else number, "")


def _shown(server: asyncio.Server) -> str:
    name = server.sockets[0].getsockname()
    if isinstance(name, str):
        return name
    host, port, *_ = name
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
