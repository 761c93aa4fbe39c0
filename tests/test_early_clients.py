"""Clients that call while the router starts: none is served too soon, and none ends the start."""

import asyncio
import logging
import socket
import threading
from pathlib import Path

import pytest
from mitmproxy.addons.errorcheck import ErrorCheck
from mitmproxy.connection import Client
from mitmproxy.test import taddons

from forked import Forked
from harness import Stage, bearer, confdir, free_port, request, wait_for
from hublet_router.proxy.engine.early_clients import (
    STOPPED,
    EarlyClients,
    shutdown_if_errored,
)

RATE = 50  # clients a second


class Callers:
    """Clients that call a port, one after the other, and keep what each was answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers: list[bytes] = []
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._begin = threading.Thread(target=self._call_on)
        self._begin.start()

    def stop(self) -> None:
        self._is_over.set()
        self._begin.join()
        for thread in self._threads:
            thread.join()

    def _call_on(self) -> None:
        while not self._is_over.wait(1 / RATE):
            thread = threading.Thread(target=self._call)
            thread.start()
            self._threads.append(thread)

    def _call(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 20) as client:
                client.sendall(request("GET", "/", bearer("eu1"), "Connection: close"))
                answer = b""
                while data := client.recv(65536):
                    answer += data
        except OSError:
            return
        if answer:
            self.answers.append(answer)


def start(port: int, folder: Path, *options: str) -> Forked:
    """Start the router; what it says is in a file `log`."""
    words = "--listen-port", str(port), "--set", f"confdir={confdir()}", *options
    return Forked("hublet-router", "run", *words, cwd=folder, stdout=folder / "log")


def test_a_start_under_clients_does_not_end_and_serves_by_its_own_table(
    stage: Stage, tmp_path: Path
) -> None:
    """The table of the working directory, which is not the one that is meant, names another."""
    other, eu1 = stage.upstream("other"), stage.upstream("eu1")
    meant = tmp_path / "meant.yaml"
    stage.table(stage.table_text().replace(eu1.url, other.url))
    meant.write_text(stage.table_text())
    port = free_port()
    callers = Callers(port)
    proxy = start(port, tmp_path, "--set", f"hublets={meant}")
    try:
        wait_for(lambda: len(callers.answers) >= 20 or proxy.poll() is not None)
        assert proxy.poll() is None
    finally:
        callers.stop()
        proxy.terminate()
        proxy.wait(30)
    log = (tmp_path / "log").read_text()
    assert all(it.startswith(b"HTTP/1.1 200") for it in callers.answers)
    assert other.connections == []
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--set", "hublet=meant.yaml"], "unknown option hublet; did you mean hublets?"),
        (["--set", "hublets=nowhere.yaml"], "nowhere.yaml:1:1: cannot be read: No such file"),
        (["--ssl-insecure"], "ssl_insecure would take any server for a Hublet"),
    ],
    ids=["misspelt", "no table", "insecure"],
)
def test_a_start_that_fails_serves_no_client_and_ends_with_a_sentence(
    stage: Stage, tmp_path: Path, options: list[str], sentence: str
) -> None:
    (eu1,) = stage.regions("eu1")
    port = free_port()
    callers = Callers(port)
    proxy = start(port, tmp_path, *options)
    try:
        assert proxy.wait(30) == 2
    finally:
        callers.stop()
    log = (tmp_path / "log").read_text()
    assert [it for it in callers.answers if b"ublet" in it] == []  # another test may have the port
    assert eu1.connections == []
    assert sentence in log
    said, _, _ = log.partition("Error logged during startup, exiting...")  # the end of the process
    assert "Traceback" not in said


def test_a_client_waits_for_the_rest_of_the_start_and_is_sent_away_where_it_fails() -> None:
    """Where mitmproxy never finds the start good, the client is not served."""

    async def run(*, is_good: bool) -> tuple[bool, str | None]:
        with taddons.context() as context:
            early, check = EarlyClients(), ErrorCheck()
            context.master.addons.lookup["errorcheck"] = check
            client = Client(peername=("", 0), sockname=("", 0))
            waiting = asyncio.ensure_future(early.client_connected(client) or asyncio.sleep(0))
            early.running()
            await asyncio.sleep(0.05)
            assert not waiting.done()
            assert not early.is_over
            if is_good:
                check.finish()
                await asyncio.wait_for(waiting, 20)
            early.done()
            await waiting
            return early.is_over, client.error

    assert asyncio.run(run(is_good=True)) == (True, None)
    assert asyncio.run(run(is_good=False)) == (False, STOPPED)


def test_a_client_after_the_start_does_not_wait(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy()
    wait_for(lambda: stage.router.early_clients.is_over)
    client = Client(peername=("", 0), sockname=("", 0))
    assert stage.router.early_clients.client_connected(client) is None


class Slow:
    """An addon whose start takes a while, after ours."""

    def __init__(self) -> None:
        self.is_ready = False

    async def running(self) -> None:
        await asyncio.sleep(0.5)
        self.is_ready = True


def test_a_client_waits_for_other_addons_too(stage: Stage) -> None:
    stage.regions("eu1")
    slow = Slow()
    port = free_port()
    starting = threading.Thread(target=lambda: stage.proxy(beside=[slow], listen_port=port))
    starting.start()
    callers = Callers(port)
    try:
        wait_for(lambda: callers.answers)
        assert slow.is_ready
        assert all(it.startswith(b"HTTP/1.1 200") for it in callers.answers)
    finally:
        callers.stop()
        starting.join()


@pytest.mark.parametrize(
    "sent", [b"", b"GARBAGE\r\n\r\n", request("GET", "/", "Host: another.test")],
    ids=["nothing", "garbage", "refused"],
)  # fmt: skip
def test_a_client_that_has_left_when_it_is_let_in_is_no_crash(
    stage: Stage, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    stage.regions("eu1")
    port = free_port()
    slow = Slow()
    starting = threading.Thread(target=lambda: stage.proxy(beside=[slow], listen_port=port))
    starting.start()
    wait_for(lambda: is_sent(port, sent))
    starting.join()
    assert slow.is_ready
    assert stage.get("/", bearer("eu1")).status == 200
    assert "crashed" not in caplog.text
    assert "Unhandled" not in caplog.text


def is_sent(port: int, data: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            client.sendall(data)
    except OSError:
        return False
    return True


def test_what_never_ran_can_end() -> None:
    EarlyClients().done()


def test_a_start_that_a_script_fails_ends_before_servers_are_started() -> None:
    """mitmproxy loads a script one turn after it looks for errors first."""

    async def start() -> None:
        check = ErrorCheck()
        try:
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, logging.error, "none.yaml: cannot be read")
            await shutdown_if_errored(check)
        finally:
            check.finish()

    with pytest.raises(SystemExit, match="1"):
        asyncio.run(start())
