"""Verifies an upstream with the table's own CA, where the table names one.

`TlsConfig.tls_start_server` takes the CA from an option that holds for all upstreams. So it is
called from here, with another function in the place of the one that makes its context. It leaves
alone what has a connection already, whichever of the two comes first.
"""

import os
from functools import lru_cache, partial
from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from mitmproxy import ctx
from mitmproxy.connection import Server
from mitmproxy.net import tls
from mitmproxy.tls import TlsData
from OpenSSL import SSL, crypto

from ..routing.upstream import UpstreamHost

_plain_context = tls.create_proxy_server_context


class UpstreamCa:
    """Gives TLS to an upstream the certificates that its Hublet is verified with."""

    name = "hublet-router-upstream-ca"

    def tls_start_server(self, data: TlsData) -> None:
        """Have mitmproxy prepare the connection of an upstream, with the CA of its stamp."""
        assert isinstance(data.conn, Server)
        host = data.conn.address[0] if data.conn.address else None
        if isinstance(host, UpstreamHost) and host.ca:
            vars(tls).update(create_proxy_server_context=partial(_context, host.ca))
            data.ssl_conn = None
            try:
                ctx.master.addons.get("tlsconfig").tls_start_server(data)
            finally:
                vars(tls).update(create_proxy_server_context=_plain_context)


@lru_cache(64)
def _context(ca: str, **how: Any) -> SSL.Context:
    """Return a context that trusts these certificates in PEM, and no others."""
    how |= {"ca_pemfile": None, "ca_path": os.devnull}  # nothing is there
    context: SSL.Context = _plain_context.__wrapped__(**how)
    store = context.get_cert_store()
    assert store
    for certificate in load_pem_x509_certificates(ca.encode()):
        store.add_cert(crypto.X509.from_cryptography(certificate))
    # As curl and Python's own ssl do: an intermediate, or the upstream's own, is enough.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    return context
