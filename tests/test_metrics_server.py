"""The endpoint beside the proxy."""

import urllib.request
from urllib.error import HTTPError

import pytest
from mitmproxy.exceptions import OptionsError

from hublet_router.proxy.observe.metrics_server import Endpoint


def fetch(port: int, path: str, **fields: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=fields)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metrics(accept: str) -> tuple[bytes, str]:
    return f"some 1 # {accept}\n".encode(), "text/plain; version=1"


def test_metrics_and_probes() -> None:
    ready = False
    endpoint = Endpoint(":0", metrics, lambda: ready)
    try:
        assert fetch(endpoint.port, "/metrics") == (200, "some 1 # \n")
        assert fetch(endpoint.port, "/metrics?name=x", Accept="x/y") == (200, "some 1 # x/y\n")
        assert fetch(endpoint.port, "/healthz") == (200, "ok\n")
        assert fetch(endpoint.port, "/readyz") == (503, "no table\n")
        ready = True
        assert fetch(endpoint.port, "/readyz") == (200, "ok\n")
        assert fetch(endpoint.port, "/") == (404, "/metrics, /healthz and /readyz\n")
    finally:
        endpoint.close()


def test_it_can_be_opened_again_where_it_was() -> None:
    first = Endpoint("localhost:0", metrics, bool)
    first.close()
    Endpoint(f"127.0.0.1:{first.port}", metrics, bool).close()


@pytest.mark.parametrize("address", ["9090", "localhost", ":port", "a b:1", "::1:9090"])
def test_what_is_no_address_is_a_sentence(address: str) -> None:
    with pytest.raises(OptionsError, match=r"hublet_metrics is '.*', which is not \[host\]:port;"):
        Endpoint(address, metrics, bool)


@pytest.mark.parametrize("address", [":99999", "203.0.113.1:1", "nowhere.invalid:1"])
def test_what_cannot_be_listened_at_is_a_sentence(address: str) -> None:
    with pytest.raises(OptionsError, match=f"hublet_metrics cannot listen at {address}: "):
        Endpoint(address, metrics, bool)


def test_a_port_that_is_taken_is_a_sentence(taken: int) -> None:
    with pytest.raises(OptionsError, match=f"cannot listen at 127.0.0.1:{taken}: Address already"):
        Endpoint(f"127.0.0.1:{taken}", metrics, bool)
