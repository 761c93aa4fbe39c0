"""The end of the router: what is under way is answered, and what comes goes elsewhere."""

import asyncio
import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.commands import SendData
from mitmproxy.test import taddons, tflow

from forked import Forked
from harness import (
    REVERSE,
    Client,
    Stage,
    WebSocket,
    bearer,
    confdir,
    free_port,
    is_listening,
    read_request,
    token,
    wait_for,
)
from http2_client import Http2Client
from hublet_router.proxy.engine import drain
from hublet_router.proxy.engine.connections import http_layers, inject
from hublet_router.proxy.engine.drain import CUT, Drain
from system_programs import needed


class Slow:
    """An upstream that answers `/slow` only when it may."""

    def __init__(self, stage: Stage, name: str = "eu1") -> None:
        self.stage = stage
        self.may_answer = asyncio.Event()
        self.asked = threading.Event()
        self.upstream = stage.upstream(name, behaviour=self._answer)

    def go_on(self) -> None:
        self.stage.loop.call_soon_threadsafe(self.may_answer.set)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await read_request(reader, bytearray()):
            if b" /slow " in head:
                self.asked.set()
                await self.may_answer.wait()
            writer.write(b"HTTP/1.1 200 OK\r\nHublet: eu1\r\nContent-Length: 2\r\n\r\nok")


class Router:
    """A router as a process of its own, with its log and its probes."""

    def __init__(
        self,
        stage: Stage,
        *options: str,
        tool: str = "hublet-router",
        again: "Router | None" = None,
    ) -> None:
        self.port: int = again.port if again else free_port()
        self.metrics: int = again.metrics if again else free_port()
        self.decisions = stage.folder / f"decisions-{self.port}"
        self.log = stage.folder / f"log-{self.port}"
        words = ["run"] if tool == "hublet-router" else [
            "-s", str(Path(__file__).parents[1] / "addon" / "router.py"), "--listen-host",
            "127.0.0.1", "--mode", "reverse:https://unrouted.invalid",
        ]  # fmt: skip
        command: list[str | Path] = [
            tool, *words, "--listen-port", str(self.port),
            "--set", f"confdir={confdir()}", "--set", f"hublets={stage.folder / 'hublets.yaml'}",
            "--set", f"hublet_log={self.decisions}", "--set", f"hublet_metrics=:{self.metrics}",
            *options,
        ]  # fmt: skip
        self.process = Forked(*command, stdout=self.log)
        wait_for(lambda: self.readiness() == (200, "ok"))

    def readiness(self) -> tuple[int, str] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/readyz") as answer:
                return answer.status, answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode().strip()
        except OSError:
            return None

    def client(self) -> Client:
        return Client(self.port)

    def ended(self) -> list[dict[str, object]]:
        """Wait for the end, which must be a good one; return the lines of the decision log."""
        assert self.process.wait(30) == 0
        said = self.log.read_text()
        assert "unloaded" not in said  # the guard is for a mitmproxy that runs on
        assert "Traceback" not in said
        assert "crashed" not in said
        return [json.loads(line) for line in self.decisions.read_text().splitlines()]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@pytest.fixture
def slow(stage: Stage) -> Slow:
    it = Slow(stage)
    stage.table()
    return it


@pytest.fixture
def router(stage: Stage, slow: Slow, request: pytest.FixtureRequest) -> Iterator[Router]:
    it = Router(stage, *getattr(request, "param", ()))
    yield it
    it.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda it: it.name)
def test_a_signal_lets_requests_end_and_sends_clients_elsewhere(
    router: Router, slow: Slow, number: signal.Signals
) -> None:
    with router.client() as waiting, router.client() as kept, router.client() as idle:
        assert kept.get("/", bearer("eu1")).headers.get("connection") is None
        waiting.socket.sendall(_request("/slow"))
        assert slow.asked.wait(20)
        router.process.send_signal(number)
        wait_for(lambda: router.readiness() == (503, "draining"))
        wait_for(lambda: not is_listening(router.port))
        last = kept.get("/", bearer("eu1"))
        assert (last.status, last.headers["connection"]) == (200, "close")
        assert kept.socket.recv(1) == b""
        slow.go_on()
        answer = waiting.receive()
        assert (answer.status, answer.body) == (200, b"ok")
        assert answer.headers["connection"] == "close"
        assert idle.socket.recv(1) == b""
    lines = router.ended()
    assert [(it["hublet"], it["status"], it["error"]) for it in lines] == [("eu1", 200, None)] * 3


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: api.hubapi.com\r\n{bearer('eu1')}\r\n\r\n".encode()


@pytest.mark.parametrize("router", [["--set", "hublet_drain_timeout=1"]], indirect=True)
def test_what_is_not_answered_in_time_is_cut_and_logged(router: Router, slow: Slow) -> None:
    with router.client() as client:
        client.socket.sendall(_request("/slow"))
        assert slow.asked.wait(20)
        router.process.terminate()
        assert client.socket.recv(1) == b""
    (line,) = router.ended()
    assert (line["hublet"], line["status"], line["error"]) == ("eu1", None, CUT.partition(":")[0])
    assert "1 is not answered in time" in router.log.read_text()


@pytest.mark.parametrize("router", [["--set", "hublet_drain_timeout=600"]], indirect=True)
def test_a_second_signal_ends_at_once(router: Router, slow: Slow) -> None:
    with router.client() as client:
        client.socket.sendall(_request("/slow"))
        assert slow.asked.wait(20)
        router.process.terminate()
        wait_for(lambda: router.readiness() == (503, "draining"))
        assert (
            "waits up to 600 s for 1 request; to end at once, ask again" in router.log.read_text()
        )
        router.process.send_signal(signal.SIGINT)
        router.ended()
        assert "1 is not answered in time" in router.log.read_text()


def test_bare_mitmdump_drains_too(stage: Stage, slow: Slow) -> None:
    router = Router(stage, tool="mitmdump")
    try:
        with router.client() as client:
            client.socket.sendall(_request("/slow"))
            assert slow.asked.wait(20)
            router.process.terminate()
            wait_for(lambda: router.readiness() == (503, "draining"))
            slow.go_on()
            assert client.receive().status == 200
        router.ended()
    finally:
        router.kill()


# a balancer in front of two

HAPROXY = """\
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  retries 5
  option redispatch 1
frontend all
  bind 127.0.0.1:{front}
  default_backend routers
backend routers
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 100 fall 1 rise 1
  server one 127.0.0.1:{one.port} port {one.metrics}
  server two 127.0.0.1:{two.port} port {two.metrics}
"""


class Caller:
    """A client that asks without a pause, over a connection that it keeps while it may."""

    def __init__(self, port: int) -> None:
        self.answered = 0
        self.lost: list[str] = []
        self._port = port
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._call)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(20)

    def _call(self) -> None:
        while not self._is_over.is_set():
            try:
                with Client(self._port) as client:
                    self._ask(client)
            except (OSError, HTTPException) as error:
                self.lost.append(repr(error))

    def _ask(self, client: Client) -> None:
        while not self._is_over.is_set():
            answer = client.get("/", bearer("eu1"))
            if answer.status != 200:
                self.lost.append(str(answer))
            self.answered += 1
            if answer.headers.get("connection") == "close":
                return


def test_a_restart_of_one_of_two_routers_loses_no_request_of_four_clients(
    stage: Stage, slow: Slow
) -> None:
    slow.go_on()
    one, two = Router(stage), Router(stage)
    file, front = stage.folder / "haproxy.cfg", free_port()
    file.write_text(HAPROXY.format(front=front, one=one, two=two))
    haproxy = subprocess.Popen([needed("haproxy"), "-q", "-f", file], stderr=subprocess.DEVNULL)
    callers: list[Caller] = []
    try:
        wait_for(lambda: is_listening(front))
        callers += [Caller(front) for _ in range(4)]
        wait_for(lambda: all(it.answered > 10 for it in callers))
        one.process.terminate()
        one.ended()
        one = Router(stage, again=one)
        before = [it.answered for it in callers]
        wait_for(
            lambda: all(it.answered > was + 10 for it, was in zip(callers, before, strict=True))
        )
    finally:
        for caller in callers:
            caller.stop()
        haproxy.kill()
        haproxy.wait(20)
        one.kill()
        two.kill()
    assert [it.lost for it in callers] == [[]] * 4


# in one process with the test


def end(stage: Stage) -> None:
    stage.master.shutdown()


def is_ended(stage: Stage) -> bool:
    assert stage.running
    return stage.running.done()


@pytest.mark.parametrize("mode", [REVERSE, "regular"], ids=["reverse", "CONNECT"])
def test_an_http2_client_is_asked_to_go_elsewhere_and_its_streams_end(
    stage: Stage, mode: str
) -> None:
    stage.upstream("na1", "api.hubapi.com")
    slow = Slow(stage)
    stage.table()
    stage.proxy(mode=mode, hublet_drain_timeout=20)
    with Http2Client(stage.port, tunnel=mode == "regular") as client:
        assert client.get("/", token("na1"))[0] == "200"
        stream = client.start("GET", "/slow", token("eu1"), end=True)
        assert slow.asked.wait(20)
        end(stage)
        with pytest.raises(AssertionError, match="the proxy ended the connection"):
            client.read()  # that is a GOAWAY, and no end of the connection
        slow.go_on()
        answered = b""
        while b"ok" not in answered:  # h2 takes nothing more after a GOAWAY
            answered += client.socket.recv(65536)
        assert stream == 3
        while client.socket.recv(65536):
            pass
    wait_for(lambda: is_ended(stage))


def test_nothing_is_sent_to_a_client_whose_connection_has_ended(stage: Stage) -> None:
    """TLS would fail, and mitmproxy would log a crash."""
    stage.regions("eu1")
    stage.proxy()

    async def send() -> None:
        (connection,) = stage.clients
        (layer,) = http_layers(connection)
        state, connection.state = connection.state, ConnectionState.CLOSED
        await inject(connection, layer, SendData(connection, b"no frame of HTTP/2"))
        connection.state = state

    with Http2Client(stage.port) as client:
        assert client.get("/", token("eu1")) == ("200", b"eu1")
        stage.call(send())
        assert client.get("/", token("eu1")) == ("200", b"eu1")


@pytest.mark.parametrize(
    ("version", "status", "draining", "expected"),
    [
        ("HTTP/1.1", 200, True, "close"),
        ("HTTP/1.0", 200, True, "close"),
        ("HTTP/1.1", 200, False, "keep-alive"),
        ("HTTP/1.1", 101, True, "keep-alive"),  # it is `upgrade` there
        ("HTTP/2.0", 200, True, "keep-alive"),
    ],
)
def test_a_client_of_http1_is_told_by_its_answer(
    version: str, status: int, draining: bool, expected: str
) -> None:
    flow = tflow.tflow(resp=True)
    assert flow.response
    flow.request.http_version = version
    flow.response.status_code = status
    flow.response.headers["connection"] = "keep-alive"
    it = Drain()
    it.is_draining = draining
    it.responseheaders(flow)
    assert flow.response.headers["connection"] == expected


def test_a_websocket_is_waited_for(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy(hublet_drain_timeout=20)
    with stage.client() as client:
        speaker = WebSocket(client, "eu1")
        end(stage)
        time.sleep(drain.QUIET_LOOKS * drain.POLL + 0.5)
        assert speaker.ask("still there") == "eu1: still there"
        assert not is_ended(stage)
    wait_for(lambda: is_ended(stage))


class Holds:
    """An addon that holds each request, as a person in the console does."""

    def __init__(self) -> None:
        self.flows: list[http.HTTPFlow] = []

    def request(self, flow: http.HTTPFlow) -> None:
        flow.intercept()
        self.flows.append(flow)


def test_a_request_that_a_person_holds_is_logged_as_well(stage: Stage, tmp_path: Path) -> None:
    stage.regions("eu1")
    holds, log = Holds(), tmp_path / "log"
    stage.proxy(beside=[holds], hublet_drain_timeout=1, hublet_log=str(log))
    with stage.client() as client:
        client.socket.sendall(_request("/"))
        wait_for(lambda: holds.flows)
        end(stage)
        wait_for(lambda: is_ended(stage))
    (line,) = map(json.loads, log.read_text().splitlines())
    assert line["error"] == CUT.partition(":")[0]


def test_clients_that_wait_in_the_queue_are_served(stage: Stage) -> None:
    """They have connected, and nothing has accepted them yet."""
    stage.regions("eu1")
    stage.proxy(hublet_drain_timeout=20)
    clients: list[Client] = []

    async def connect_and_end() -> None:
        """On the loop itself, which accepts nothing meanwhile."""
        for _ in range(5):
            client = Client(stage.port)
            client.socket.sendall(_request("/"))
            clients.append(client)
        stage.router.drain._begin()

    stage.call(connect_and_end())
    for client in clients:
        with client:
            answer = client.receive()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
    wait_for(lambda: is_ended(stage))


@pytest.mark.parametrize("seconds", [0, 20])
def test_nothing_under_way_ends_at_once(stage: Stage, seconds: int) -> None:
    stage.regions("eu1")
    stage.proxy(hublet_drain_timeout=seconds)
    assert stage.get("/", bearer("eu1")).status == 200
    wait_for(lambda: not stage.router.drain._flows)
    began = time.monotonic()
    end(stage)
    wait_for(lambda: is_ended(stage))
    assert time.monotonic() - began < 10


def test_mitmproxys_own_end_comes_back_with_the_addon(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy()
    ours = stage.master.shutdown
    stage.router.drain.done()
    assert "shutdown" not in vars(stage.master)
    stage.router.drain.running()
    assert stage.master.shutdown == ours


def test_requests_of_a_client_that_left_are_forgotten(stage: Stage) -> None:
    slow = Slow(stage)
    stage.table()
    stage.proxy(hublet_drain_timeout=20)
    with stage.client() as client:
        client.socket.sendall(_request("/slow"))
        assert slow.asked.wait(20)
        assert stage.router.drain._flows
    wait_for(lambda: not stage.router.drain._flows)


def test_without_a_proxyserver_there_is_nothing_to_wait_for() -> None:
    async def run() -> None:
        with taddons.context() as context:
            context.options.add_option("hublet_drain_timeout", int, 10, "")
            it = Drain()
            it.running()
            await it._drain(10)
            assert context.master.should_exit.is_set()

    asyncio.run(run())
