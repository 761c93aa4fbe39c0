"""TLS with clients: which protocol is spoken inside, and how it ends."""

from contextlib import suppress

from mitmproxy import ctx
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import HttpLayer
from mitmproxy.proxy.layers.modes import HttpProxy
from mitmproxy.proxy.layers.tls import ClientTLSLayer, TLSLayer
from mitmproxy.proxy.tunnel import TunnelState
from mitmproxy.tls import ClientHelloData
from OpenSSL import SSL


class ClientTls:
    """Chooses the protocol."""

    name = "hublet-router-tls"

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """Choose HTTP/2 for a client that offers it, whatever it lists first.

        mitmproxy obeys the client's order (`alpn_select_callback` in addons/tlsconfig.py), and some
        clients list what they can do, the oldest first. It takes what is set here.

        The TLS of an explicit proxy itself has HTTP/1.1 inside: mitmproxy knows no CONNECT of
        HTTP/2, but counts its layers wrongly where it means to say so (`tls_start_client`).
        """
        layers = data.context.layers
        if isinstance(layers[0], HttpProxy) and isinstance(layers[-1], HttpLayer):
            data.context.client.alpn = b"http/1.1"
        elif ctx.options.http2 and b"h2" in data.client_hello.alpn_protocols:
            data.context.client.alpn = b"h2"


def send_close(self: ClientTLSLayer, command: CloseConnection) -> CommandGenerator[None]:
    """Close a connection with close_notify (RFC 8446 section 6.1), which mitmproxy leaves out.

    Without it, clients take an answer that ends with its connection for a cut one
    (`TLSLayer.send_close` in proxy/layers/tls.py).
    """
    if self.tunnel_state is TunnelState.OPEN and command.connection is self.tunnel_connection:
        with suppress(SSL.Error):
            self.tls.shutdown()
        yield from self.tls_interact()
    yield from TLSLayer.send_close(self, command)
