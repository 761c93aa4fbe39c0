"""The agent as a process: where it listens, and how it ends."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest
from mitmproxy.exceptions import OptionsError

from haproxy_stage import agent_process
from harness import SECONDS, free_port, wait_for
from hublet_router.agent import serve as module
from hublet_router.agent import spop
from hublet_router.agent.connection import Connection
from hublet_router.agent.serve import Setting, serve
from hublet_router.agent.spoa import Agent
from hublet_router.tablefile import TableError
from test_spoa import head, token
from test_spop import HELLO, message


@contextlib.asynccontextmanager
async def serving(setting: Setting, end: int = signal.SIGTERM) -> AsyncIterator[str]:
    """Serve until a signal at the end of the block, and yield the address."""
    shown: list[str] = []
    task = asyncio.create_task(serve(setting, shown.append))
    while not shown:
        await asyncio.sleep(0.01)
    yield shown[0]
    asyncio.get_running_loop().call_soon(signal.raise_signal, end)
    await task


def probe(port: int, path: str) -> tuple[int, str]:
    with contextlib.closing(HTTPConnection("127.0.0.1", port, 10)) as client:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read().decode()


def test_a_process_has_a_log_and_metrics_and_ends_at_sigterm(table: Path, tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    log = tmp_path / "decisions.jsonl"
    with agent_process(table, port, "--metrics", f":{metrics}", "--log", str(log)) as agent:
        assert probe(metrics, "/readyz") == (200, "ok\n")
        shown = probe(metrics, "/metrics")[1]
        assert "hublet_table{" in shown
        assert "hublet_shadow_differences" in shown
        assert log.exists()
        log.unlink()
        agent.send(signal.SIGHUP)
        wait_for(log.exists)
        reads = 'hublet_table_reads_total{result="good"} 2.0'
        wait_for(lambda: reads in probe(metrics, "/metrics")[1])
        said = agent.stop()
        assert agent.process.returncode == 0
    assert f"HAProxy's agent listens at 127.0.0.1:{port}" in said


def test_what_it_was_asked_is_in_its_log_once_it_has_ended(table: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def run() -> None:
        setting = Setting(table, str(tmp_path / "s"), log=log, proxy_status=True)
        async with serving(setting) as address:
            reader, writer = await asyncio.open_unix_connection(address)
            writer.write(spop.frame(spop.HAPROXY_HELLO, b"\0\0", spop.key_values(HELLO)))
            asked = message("decide", head(token("eu1")))
            writer.write(spop.frame(spop.NOTIFY, b"\1\1", asked))
            said = reader.readuntil(b'hublet-router; next-hop="eu1"')
            await asyncio.wait_for(said, SECONDS)
        assert '"hublet": "eu1"' in log.read_text()
        writer.close()

    asyncio.run(run())


def test_a_candidate_is_watched(
    table: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def run() -> None:
        async with serving(Setting(table, ":0", log=tmp_path / "log", shadow=table)):
            for _ in range(200):
                await asyncio.sleep(0.05)
                if "shadow table" in caplog.text:
                    break

    asyncio.run(run())
    assert "shadow table" in caplog.text


@pytest.mark.parametrize("kind", ["unix", "ipv4", "ipv6"])
def test_it_listens_where_it_is_asked_to(table: Path, tmp_path: Path, kind: str) -> None:
    listen = {"unix": str(tmp_path / "s"), "ipv4": ":0", "ipv6": "[::1]:0"}[kind]
    begin = {"unix": "/", "ipv4": "127.0.0.1:", "ipv6": "[::1]:"}[kind]

    async def run() -> None:
        async with serving(Setting(table, listen), signal.SIGINT) as address:
            assert address.startswith(begin)
            if kind == "unix":
                reader, writer = await asyncio.open_unix_connection(address)
            else:
                host, _, port = address.rpartition(":")
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.write(spop.frame(spop.HAPROXY_HELLO, b"\0\0", spop.key_values(HELLO)))
            await reader.readexactly(4)
        assert (await reader.read()).endswith(spop.farewell(spop.NORMAL))
        writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("listen", ["127.0.0.1:{taken}", "/no/such/folder/s", ":99999"])
def test_where_it_cannot_listen_is_a_sentence(table: Path, taken: int, listen: str) -> None:
    with pytest.raises(OptionsError, match=r"^the agent cannot listen at .*; stop what holds it, "):
        asyncio.run(serve(Setting(table, listen.format(taken=taken))))


@pytest.mark.parametrize("listen", ["9090", "127.0.0.1:http", "agent"])
def test_a_word_without_a_slash_is_no_socket(
    listen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionsError, match=f"^the agent cannot listen at {listen}: write "):
        asyncio.run(module._listen(listen, lambda: Connection(Agent().answer, set())))
    assert list(tmp_path.iterdir()) == []


def test_a_start_without_a_table_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="name a table with --table FILE"):
        asyncio.run(serve(Setting(tmp_path / "none.yaml", ":0")))


def test_a_candidate_that_is_not_there_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="name a table with --shadow FILE"):
        Agent().shadow.candidate.use(tmp_path / "none.yaml")


def test_it_is_not_ready_once_it_ends(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[str] = []

    class Endpoint:
        def __init__(
            self, _: str, __: object, unready: Callable[[], str], loop: asyncio.AbstractEventLoop
        ) -> None:
            self.unready = unready
            states.append(unready())

        def close(self) -> None:
            states.append(self.unready())

    monkeypatch.setattr(module, "Endpoint", Endpoint)

    async def run() -> None:
        async with serving(Setting(table, ":0", metrics=":0")):
            pass

    asyncio.run(run())
    assert states == ["", "it ends"]


def test_a_socket_that_a_dead_agent_left_is_taken_over(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()

    async def run() -> None:
        async with serving(Setting(table, str(path))) as address:
            assert address == str(path)

    asyncio.run(run())


def test_a_socket_on_which_something_listens_stays_its_own(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def run() -> None:
        async with serving(Setting(table, str(path))):
            with pytest.raises(OptionsError, match=f"{path}: Address already in use; stop what"):
                await module._listen(str(path), lambda: Connection(Agent().answer, set()))
            _, writer = await asyncio.open_unix_connection(path)
            writer.close()

    asyncio.run(run())


def test_a_socket_whose_queue_is_full_is_one_on_which_something_listens(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as busy, contextlib.ExitStack() as waiting:
        busy.bind(path)
        busy.listen(0)
        for _ in range(2):
            client = waiting.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            client.connect_ex(path)
        with pytest.raises(OSError, match=str(errno.EADDRINUSE)):
            module._refuse_what_is_held(path)


def test_a_socket_for_datagrams_stays_its_own(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(path)
        with pytest.raises(OSError, match=str(errno.EADDRINUSE)):
            module._refuse_what_is_held(path)


@pytest.mark.parametrize(("name", "why"), [("file", "File exists"), ("file/s", "Not a directory")])
def test_a_file_stays_as_it_is(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OptionsError, match=f"{tmp_path / name}: {why}; stop what holds it"):
        asyncio.run(module._listen(str(tmp_path / name), lambda: Connection(Agent().answer, set())))
    assert (tmp_path / "file").read_text() == "mine"
