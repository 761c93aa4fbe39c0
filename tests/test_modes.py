"""The modes of mitmproxy: each that the router serves, on the wire, and those that it does not."""

import logging
import socket
from collections.abc import Callable

import pytest
from mitmproxy.exceptions import OptionsError
from mitmproxy.test import taddons

from cases import cases
from harness import API, REVERSE, Client, Stage, bearer, free_port, request, wait_for
from hublet_router.proxy.engine.modes import UNTESTED, check_modes


def plain(port: int, _host: str) -> Client:
    return Client(port)


def tls(port: int, host: str) -> Client:
    return Client(port, host)


def connect(port: int, host: str) -> Client:
    client = Client(port)
    client.connect_through(f"{host}:443", host)
    return client


def socks(port: int, address: bytes) -> Client:
    """Ask a SOCKS5 proxy for a connection (RFC 1928), without a password."""
    client = Client(port)
    client.socket.sendall(b"\x05\x01\x00")
    assert client.socket.recv(2) == b"\x05\x00"
    client.socket.sendall(b"\x05\x01\x00" + address)
    assert client.socket.recv(10)[:2] == b"\x05\x00"
    return client


def socks_name(port: int, host: str) -> Client:
    return socks(port, b"\x03%c%s" % (len(host), host.encode()) + (80).to_bytes(2))


def socks_address(port: int, _host: str) -> Client:
    """As clients do that look the name up themselves."""
    return socks(port, b"\x01" + socket.inet_aton("203.0.113.1") + (80).to_bytes(2))


def socks_tls(port: int, host: str) -> Client:
    client = socks(port, b"\x03%c%s" % (len(host), host.encode()) + (443).to_bytes(2))
    client.start_tls(host)
    return client


WAYS: dict[str, tuple[str, Callable[[int, str], Client], str]] = {
    "reverse": (REVERSE, plain, ""),
    "reverse, TLS": (REVERSE, tls, ""),
    "regular": ("regular", plain, "http://{host}"),
    "regular, CONNECT": ("regular", connect, ""),
    "socks5, a name": ("socks5", socks_name, ""),
    "socks5, an address": ("socks5", socks_address, ""),
    "socks5, TLS": ("socks5", socks_tls, ""),
}


@cases(("mode", "open_", "prefix"), WAYS)
def test_a_mode_routes_and_refuses(
    stage: Stage, mode: str, open_: Callable[[int, str], Client], prefix: str
) -> None:
    stage.regions("na1", "eu1")
    port = stage.proxy(mode=mode)

    def ask(hublet: str, host: str = API) -> str:
        with open_(port, host) as client:
            path = prefix.format(host=host) + "/"
            answer = client.send(request("GET", path, bearer(hublet), host=host))
        return str(answer.hublet or answer.problem["reason"])

    assert ask("eu1") == "eu1"
    assert ask("na1") == "na1"
    assert ask("zz9") == "unknown-hublet"
    assert ask("eu1", "another.test") == "foreign-host"
    assert {name: len(it.requests) for name, it in stage.upstreams.items()} == {"na1": 1, "eu1": 1}


def test_a_proxy_behind_the_router_is_a_sentence(stage: Stage) -> None:
    """mitmproxy goes back to the mode from before."""
    stage.regions("eu1")
    port = stage.proxy(listen_port=free_port())

    def hublet() -> str | None:
        try:
            with Client(port) as client:
                return client.get("/", bearer("eu1")).hublet
        except OSError:
            return None

    with pytest.raises(OptionsError, match=r"mode upstream:http://proxy.test:1 would send each"):
        stage.set_option(mode=["upstream:http://proxy.test:1"])
    wait_for(lambda: hublet() == "eu1")


@pytest.mark.parametrize(("mode", "is_untested"), [
    *((it, True) for it in sorted(UNTESTED)), ("regular", False), ("socks5", False),
])  # fmt: skip
def test_a_mode_that_is_untested_is_named(
    mode: str, caplog: pytest.LogCaptureFixture, *, is_untested: bool
) -> None:
    caplog.set_level(logging.WARNING)
    with taddons.context() as context:
        context.options.mode = [mode]
        check_modes()
    named = f"mode {mode} is untested with the router; reverse:, regular and socks5 are tested"
    assert caplog.messages == [named] * is_untested
