"""The endpoint beside the proxy."""

import asyncio
import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError

import pytest
from mitmproxy.exceptions import OptionsError

from harness import wait_for
from hublet_router.proxy.observe import metrics_server
from hublet_router.proxy.observe.metrics_server import Endpoint


def fetch(port: int, path: str, host: str = "127.0.0.1", **fields: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread."""
    it = asyncio.new_event_loop()
    thread = threading.Thread(target=it.run_forever)
    thread.start()
    yield it
    it.call_soon_threadsafe(it.stop)
    thread.join()
    it.close()


def metrics(accept: str) -> tuple[bytes, str]:
    return f"some 1 # {accept}\n".encode(), "text/plain; version=1"


def ready() -> str:
    return ""


def test_metrics_and_probes(loop: asyncio.AbstractEventLoop) -> None:
    reason = "no table"
    endpoint = Endpoint(":0", metrics, lambda: reason, loop)
    try:
        assert fetch(endpoint.port, "/metrics") == (200, "some 1 # \n")
        assert fetch(endpoint.port, "/metrics?name=x", Accept="x/y") == (200, "some 1 # x/y\n")
        assert fetch(endpoint.port, "/healthz") == (200, "ok\n")
        assert fetch(endpoint.port, "/readyz") == (503, "no table\n")
        reason = ""
        assert fetch(endpoint.port, "/readyz") == (200, "ok\n")
        assert fetch(endpoint.port, "/") == (200, "/metrics, /healthz and /readyz\n")
        assert fetch(endpoint.port, "/x") == (404, "/metrics, /healthz and /readyz\n")
    finally:
        endpoint.close()


def test_a_loop_that_is_stuck_is_not_healthy(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "ALIVE_WITHIN", 0.1)
    endpoint, stuck = Endpoint(":0", metrics, ready, loop), threading.Event()
    try:
        loop.call_soon_threadsafe(stuck.wait)
        assert fetch(endpoint.port, "/healthz") == (503, "the event loop does not answer\n")
        stuck.set()
        wait_for(lambda: fetch(endpoint.port, "/healthz") == (200, "ok\n"))
    finally:
        stuck.set()
        endpoint.close()


def test_a_loop_that_is_closed_is_not_healthy() -> None:
    over = asyncio.new_event_loop()
    over.close()
    endpoint = Endpoint(":0", metrics, ready, over)
    try:
        assert fetch(endpoint.port, "/healthz")[0] == 503
    finally:
        endpoint.close()


def test_it_can_be_opened_again_where_it_was(loop: asyncio.AbstractEventLoop) -> None:
    first = Endpoint("localhost:0", metrics, ready, loop)
    first.close()
    Endpoint(f"127.0.0.1:{first.port}", metrics, ready, loop).close()


@pytest.mark.parametrize(("address", "host"), [("[::1]:0", "[::1]"), ("[::]:0", "[::1]")])
def test_it_listens_on_ipv6(loop: asyncio.AbstractEventLoop, address: str, host: str) -> None:
    endpoint = Endpoint(address, metrics, ready, loop)
    try:
        assert fetch(endpoint.port, "/readyz", host) == (200, "ok\n")
    finally:
        endpoint.close()


LOOP = asyncio.new_event_loop()  # of those that never listen
LOOP.close()


@pytest.mark.parametrize("address", ["9090", "localhost", ":port", "a b:1", "::1:9090"])
def test_what_is_no_address_is_a_sentence(address: str) -> None:
    with pytest.raises(OptionsError, match=r"hublet_metrics is '.*', which is not \[host\]:port;"):
        Endpoint(address, metrics, ready, LOOP)


@pytest.mark.parametrize("address", [":99999", "203.0.113.1:1", "nowhere.invalid:1"])
def test_what_cannot_be_listened_at_is_a_sentence(address: str) -> None:
    with pytest.raises(OptionsError, match=f"hublet_metrics cannot listen at {address}: "):
        Endpoint(address, metrics, ready, LOOP)


def test_a_port_that_is_taken_is_a_sentence(taken: int) -> None:
    with pytest.raises(OptionsError, match=f"cannot listen at 127.0.0.1:{taken}: Address already"):
        Endpoint(f"127.0.0.1:{taken}", metrics, ready, LOOP)


def test_a_probe_that_does_not_wait_is_no_news(
    loop: asyncio.AbstractEventLoop, capfd: pytest.CaptureFixture[str]
) -> None:
    class Exposition:
        """Fails as it is asked."""

        error: Exception = BrokenPipeError()

        def __call__(self, _: str) -> tuple[bytes, str]:
            raise self.error

    exposition = Exposition()
    endpoint = Endpoint(":0", exposition, ready, loop)
    try:
        for error, count in ((BrokenPipeError(), 0), (KeyError(), 1)):
            exposition.error = error
            with pytest.raises(HTTPException):
                fetch(endpoint.port, "/metrics")
            assert capfd.readouterr().err.count("Traceback") == count
    finally:
        endpoint.close()
