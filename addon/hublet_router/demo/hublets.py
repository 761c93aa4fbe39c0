"""Demo Hublets: servers on the table's own loopback upstreams that echo what they received."""

import asyncio
import errno
import logging
import socket
import ssl
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy.certs import CertStore
from mitmproxy.exceptions import OptionsError

from ..core.request import ip_address
from ..core.table import Table, Upstream
from .echo import echo
from .http_server import serve

logger = logging.getLogger(__name__)

type _Address = tuple[str, int]


class DemoHublets:
    """The servers of one table."""

    def __init__(self) -> None:
        self.servers: dict[_Address, asyncio.Task[asyncio.Server]] = {}
        self._ports: dict[_Address, int] = {}

    def serve(self, table: Table, certificates: CertStore) -> Table:
        """Serve every upstream of the table and no other; raise OptionsError when that cannot be.

        Return the table with the ports that are served: a free one in the place of each that
        another program has taken. `certificates` mints what the https ones present: the table's
        domains and `localhost`.
        """
        wanted = {(up.host, up.port): (name, up) for name, up in table.hublets.items()}
        for name, upstream in wanted.values():
            if not _is_loopback(upstream.host):
                raise OptionsError(
                    f"hublet_demo serves loopback only, and {name} is at {upstream}; point it at"
                    " 127.0.0.1, or leave hublet_demo out"
                )
        kept = self.servers.keys() & wanted.keys()
        with ExitStack() as undo:
            sockets = {
                address: undo.enter_context(_listen(name, upstream))
                for address, (name, upstream) in wanted.items()
                if address not in kept
            }
            undo.pop_all()
        self._stop(self.servers.keys() - kept)
        for address, listener in sockets.items():
            name, upstream = wanted[address]
            self._ports[address] = port = listener.getsockname()[1]
            if port != upstream.port:
                logger.info("%s is taken; the demo serves %s at port %d", upstream, name, port)
            self.servers[address] = asyncio.create_task(
                asyncio.start_server(
                    partial(serve, partial(echo, name, table)),
                    sock=listener,
                    ssl=context_of(upstream, table, certificates),
                )
            )

        return replace(
            table,
            hublets={
                name: replace(upstream, port=self._ports[upstream.host, upstream.port])
                for name, upstream in table.hublets.items()
            },
        )

    def close(self) -> None:
        """Stop every server."""
        self._stop(set(self.servers))

    def _stop(self, addresses: set[_Address]) -> None:
        for address in addresses:
            self.servers.pop(address).add_done_callback(lambda task: task.result().close())


def _listen(name: str, upstream: Upstream) -> socket.socket:
    """Bind at once, so that what cannot be stops the start; to any port if this one is taken."""
    family = socket.AF_INET6 if ":" in upstream.host else socket.AF_INET
    # By its number: asyncio switches Nagle's delay off only for what says that it is TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((upstream.host, upstream.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            listener.bind((upstream.host, 0))
        listener.listen()
    except OSError as error:
        listener.close()
        raise OptionsError(
            f"hublet_demo cannot serve {name} at {upstream}: {error.strerror};"
            " change the upstream in the table"
        ) from error
    return listener


def _is_loopback(host: str) -> bool:
    address = ip_address(host)
    return address.is_loopback if address else host == "localhost"


def context_of(upstream: Upstream, table: Table, certificates: CertStore) -> ssl.SSLContext | None:
    """Return a context whose certificate holds whatever a client of this table may ask for.

    It is None for an upstream without TLS.
    """
    if upstream.scheme != "https":
        return None
    names = {*table.domains, "localhost"}
    for it in table.hublets.values():
        names |= {it.host, it.server_name(None, it.host)}
    return server_context(certificates, names)


def server_context(certificates: CertStore, names: Iterable[str]) -> ssl.SSLContext:
    """Return a server's side of TLS, with a certificate of mitmproxy's own CA for these names.

    What the client asks for is kept as `sni` of the connection.
    """
    subjects = {name: ip_address(name) for name in sorted(set(names))}
    entry = certificates.get_cert(
        None, [x509.IPAddress(it) if it else x509.DNSName(name) for name, it in subjects.items()]
    )
    key = entry.privatekey.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:  # ssl reads nothing but files
        pem = Path(folder, "demo.pem")
        pem.write_bytes(key + entry.cert.to_pem())
        context.load_cert_chain(pem)
    context.sni_callback = _keep_server_name
    return context


def _keep_server_name(
    connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _context: ssl.SSLContext
) -> None:
    """Keep the SNI: `server_hostname` is a client's attribute and None here."""
    connection.sni = name  # type: ignore[union-attr]
