"""HAProxy with the agent, as `export haproxy` writes it, in front of the stage's upstreams."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harness import API, SECONDS, Stage, authority, certificates, free_port, is_listening, wait_for
from hublet_router.agent.connection import Connection
from hublet_router.agent.spoa import Agent
from hublet_router.export.bundle import write
from hublet_router.export.haproxy import Setting, bundle
from hublet_router.tablefile import load
from system_programs import needed

TABLE = """\
domains: [api.hubapi.com, "*.api.example.com"]
hublets:
  na1: {upstream: "https://10.0.0.1"}
  eu1: {upstream: "https://10.0.0.2", sni: eu1.internal.example}
  ap1: {upstream: "http://10.0.0.3"}
default: na1
credentials:
  - name: private-app-token
    in: {header: authorization, scheme: bearer}
    hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-"}
  - name: refresh-token
    paths: "^/oauth/"
    in: {form: refresh_token}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
"""
"""A table of three regions; nothing listens at their addresses."""


class AgentInside:
    """An agent on the event loop of the stage."""

    def __init__(self, stage: Stage, table: Path, kind: type[Connection] = Connection) -> None:
        self.stage = stage
        self.kind = kind
        self.agent = Agent()
        self.agent.live.use(table)
        self.connections: set[Connection] = set()
        self.port = stage.call(self._listen())

    async def _listen(self) -> int:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: self.kind(self.agent.answer, self.connections), "127.0.0.1", 0
        )
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    def stop(self) -> None:
        """Close everything, as the end of a process does."""

        async def close() -> None:
            self.server.close()
            for connection in list(self.connections):
                connection.close()

        self.stage.call(close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Process:
    """A process that a test has started."""

    def __init__(self, *command: str | Path) -> None:
        self._errors = tempfile.NamedTemporaryFile()  # noqa: SIM115 (closed in stop)
        self._said = ""
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    @property
    def said(self) -> str:
        """What it has printed on standard error."""
        if not self._errors.closed:
            self._said = Path(self._errors.name).read_text()
        return self._said

    def stop(self, number: int = signal.SIGTERM) -> str:
        """End it, and return what it printed on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        with contextlib.closing(self._errors):
            return self.said


def agent_process(table: Path, port: int, *more: str) -> Process:
    """Start `hublet-router agent` on a port, and wait until it listens."""
    return listening(
        Process(
            sys.executable, "-m", "hublet_router", "agent", "--table", table,
            "--listen", f"127.0.0.1:{port}", *more,
        ),
        port,
    )  # fmt: skip


def certificate(folder: Path, name: str) -> Path:
    """Write a certificate and its key, as HAProxy's `crt` takes them."""
    entry = certificates().get_cert(name, [x509.DNSName(name)])
    key = entry.privatekey.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    path = folder / "edge.pem"
    path.write_bytes(entry.cert.to_pem() + key)
    return path


RELOADING = "Reloading HAProxy"


class HAProxy(Process):
    """HAProxy, as the bundle in `folder` has it."""

    agent: Agent

    def __init__(
        self, table: Path, agents: Sequence[int], *, tls: Path | None = None, **options: object
    ) -> None:
        self.folder = table.parent / "bundle"
        self.port, self.tls_port = free_port(), free_port()
        self.binds = [f"127.0.0.1:{self.port}"]
        if tls:
            self.binds.append(f"127.0.0.1:{self.tls_port} ssl crt {tls} alpn h2,http/1.1")
        self.agents = agents
        self.options = options
        self.export(table)
        super().__init__(needed("haproxy"), "-W", "-f", self.folder / "haproxy.cfg")
        listening(self, self.port)

    def reload(self) -> None:
        """Make it read its configuration; a signal that comes right after its start is lost."""
        before = self.said.count(RELOADING)

        def is_heard() -> bool:
            self.send(signal.SIGUSR2)
            time.sleep(0.2)
            return self.said.count(RELOADING) > before

        wait_for(is_heard)

    def export(self, table: Path) -> None:
        """Write the bundle for a table."""
        setting = Setting(
            agents=[f"127.0.0.1:{port}" for port in self.agents],
            binds=self.binds,
            authority=authority(),
            **self.options,  # type: ignore[arg-type]
        )
        write(bundle(load(table), setting), self.folder)


def two_regions(stage: Stage, more: str = "") -> Path:
    """Start upstreams with TLS for two Hublets, and write their table."""
    for name in ("na1", "eu1"):
        stage.upstream(name, API)
    return stage.table(stage.table_text(domains=f"[{API}]") + more)


@contextlib.contextmanager
def haproxy(stage: Stage, table: Path, **options: Any) -> Iterator[HAProxy]:
    """HAProxy with an agent inside the stage, its `agent`."""
    with AgentInside(stage, table) as inside, HAProxy(table, [inside.port], **options) as edge:
        edge.agent = inside.agent
        yield edge


def listening[P: Process](process: P, port: int) -> P:
    """Wait until a process listens, and return it."""

    def is_ready() -> bool:
        if process.process.poll() is not None:
            raise AssertionError(process.stop())
        return is_listening(port)

    wait_for(is_ready)
    return process
