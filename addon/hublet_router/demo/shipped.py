"""The shipped table, with free ports, so that two demos can run on one machine."""

import re
import socket
from contextlib import suppress
from pathlib import Path
from random import sample

_PORTS = range(10_000, 32_768)
_DEMO_UPSTREAM = re.compile(r"https://127\.0\.0\.1:[0-9]+")


def shipped_table() -> Path:
    """Return the table that the project ships: the checkout's, or the one in the wheel."""
    package = Path(__file__).parents[1]
    packed = package / "script" / "hublets.yaml"
    return packed if packed.exists() else package.parents[1] / "hublets.yaml"


def write_demo_table(folder: Path) -> Path:
    """Write the shipped table into a folder, each of its upstreams at a free port."""
    text = shipped_table().read_text("utf-8")
    table = folder / "hublets.yaml"
    table.write_text(
        _DEMO_UPSTREAM.sub(lambda _: f"https://127.0.0.1:{free_port()}", text), "utf-8"
    )
    return table


def free_port(usual: int = 0) -> int:
    """Return a port that nothing listens on, the usual one if it is free; raise OSError.

    It is for a process that cannot report which port it took. Linux, macOS and Windows give no port
    below 32768 to an outgoing connection, so it is still free when that process takes it.
    """
    ports = [usual] if usual else []
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for port in (*ports, *sample(_PORTS, 20)):
            with suppress(OSError):
                listener.bind(("127.0.0.1", port))
                return port
        listener.bind(("127.0.0.1", 0))
        any_port: int = listener.getsockname()[1]
    return any_port
