"""A process that listens on a port, for as long as a block lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..export.bundle import ExportError

SECONDS = 20
"""That it may take to listen."""


@asynccontextmanager
async def process(name: str, port: int, *command: str | Path) -> AsyncIterator[None]:
    """Run it until the block ends; raise ExportError, with what it said, if it does not listen."""
    running = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        await _listening(name, running, port)
        yield
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def _listening(name: str, running: asyncio.subprocess.Process, port: int) -> None:
    for _ in range(SECONDS * 50):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
        if running.returncode is not None:
            break
    _, said = await running.communicate()
    raise ExportError(f"{name} does not start: {said.decode(errors='replace')}")
