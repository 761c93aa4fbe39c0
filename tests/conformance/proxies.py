"""What is compared: mitmdump with the router, and without it, in processes of their own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import REVERSE, Client, Stage, authority, confdir, free_port, wait_for

ROUTER = Path(__file__).parents[2] / "addon" / "router.py"


@contextmanager
def mitmdump(*arguments: str | Path) -> Iterator[int]:
    """Run it until the end of the block, and give its port."""
    port = free_port()
    settings = [
        "--listen-host", "127.0.0.1", "--listen-port", str(port), "-q",
        "--set", "keep_host_header=true", "--set", f"confdir={confdir()}",
        "--set", f"ssl_verify_upstream_trusted_ca={authority()}",
    ]  # fmt: skip
    program = Path(sys.executable).parent / "mitmdump"
    with subprocess.Popen([program, *settings, *arguments]) as process:
        try:
            wait_for(lambda: _listens(port) or process.poll() is not None)
            yield port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    try:
        with Client(port) as client:
            return client.get("/").status > 0
    except OSError:
        return False


@contextmanager
def both(stage: Stage) -> Iterator[dict[str, int]]:
    """Run both in front of eu1, and give the port of each."""
    eu1 = stage.upstreams["eu1"].url
    router: list[str | Path] = [
        "-s",
        ROUTER,
        "--mode",
        REVERSE,
        "--set",
        f"hublets={stage.table()}",
    ]
    options = ["--set", "connection_strategy=lazy"]
    with mitmdump("--mode", f"reverse:{eu1}", *options) as bare, mitmdump(*router) as routed:
        yield {"bare mitmdump": bare, "router": routed}
