"""TLS with clients: which protocol is spoken inside, and how it ends."""

import asyncio
import inspect
import socket
import ssl

import pytest
from mitmproxy.addons import tlsconfig
from mitmproxy.proxy.layers.tls import TLSLayer

from harness import API, SECONDS, Stage, authority, bearer, read_request, request


def connect(port: int, *protocols: str) -> ssl.SSLSocket:
    """Open a connection that raises where TLS ends without close_notify."""
    context = ssl.create_default_context(cafile=str(authority()))
    context.set_alpn_protocols(list(protocols))
    plain = socket.create_connection(("127.0.0.1", port), SECONDS)
    return context.wrap_socket(plain, server_hostname=API, suppress_ragged_eofs=False)


async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader, bytearray())
    writer.write(b"HTTP/1.1 200 OK\r\n\r\nto its end")


def test_tls_ends_with_close_notify(stage: Stage) -> None:
    stage.upstream("eu1", behaviour=until_the_end)
    stage.table()
    stage.proxy()
    with connect(stage.port) as client:
        client.sendall(request("GET", "/", bearer("eu1")))
        received = b""
        while data := client.recv(65536):
            received += data
    assert received.endswith(b"to its end")


@pytest.mark.parametrize(
    ("offered", "http2", "spoken"),
    [
        (["http/1.1", "h2"], True, "h2"),
        (["h2", "http/1.1"], True, "h2"),
        (["h2"], True, "h2"),
        (["http/1.1"], True, "http/1.1"),
        (["http/1.1", "h2"], False, "http/1.1"),
        (["other", "h2"], True, "h2"),
        ([], True, None),
    ],
)
@pytest.mark.parametrize("mode", ["reverse:https://unrouted.invalid", "regular"])
def test_http2_is_chosen_wherever_it_stands(
    stage: Stage, mode: str, offered: list[str], http2: bool, spoken: str | None
) -> None:
    stage.regions("eu1")
    stage.proxy(mode=mode, http2=http2)
    if mode == "regular":
        context = ssl.create_default_context(cafile=str(authority()))
        context.set_alpn_protocols(offered)
        plain = socket.create_connection(("127.0.0.1", stage.port), SECONDS)
        plain.sendall(f"CONNECT {API}:443 HTTP/1.1\r\n\r\n".encode())
        assert plain.recv(65536).startswith(b"HTTP/1.1 200")
        client = context.wrap_socket(plain, server_hostname=API)
    else:
        client = connect(stage.port, *offered)
    with client:
        assert client.selected_alpn_protocol() == spoken


@pytest.mark.parametrize("offered", [["h2", "http/1.1"], ["http/1.1"], []])
def test_an_explicit_proxy_of_its_own_tls_speaks_http1_and_http2_in_its_tunnels(
    stage: Stage, offered: list[str]
) -> None:
    stage.regions("eu1")
    stage.proxy(mode="regular")
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    with connect(stage.port, *offered) as proxy:
        assert proxy.selected_alpn_protocol() == ("http/1.1" if offered else None)
        proxy.sendall(f"CONNECT {API}:443 HTTP/1.1\r\n\r\n".encode())
        assert proxy.recv(65536).startswith(b"HTTP/1.1 200")
        context = ssl.create_default_context(cafile=str(authority()))
        context.set_alpn_protocols(["h2"])
        inside = context.wrap_bio(theirs, ours, server_hostname=API)
        while True:
            try:
                inside.do_handshake()
                break
            except ssl.SSLWantReadError:
                proxy.sendall(ours.read())
                theirs.write(proxy.recv(65536))
        assert inside.selected_alpn_protocol() == "h2"


def test_mitmproxy_still_needs_the_cures() -> None:
    """Should this fail, then mitmproxy closes TLS, or chooses a protocol, by itself by now."""
    assert "tls.shutdown()" not in inspect.getsource(TLSLayer.send_close)
    assert "we are nice" in inspect.getsource(tlsconfig.alpn_select_callback)
    assert "layers) == 2" in inspect.getsource(tlsconfig.TlsConfig.tls_start_client)
