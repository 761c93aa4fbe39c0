"""mitmproxy's CA and certificates: in time, and a sentence where they cannot be used.

mitmproxy makes its CA in `running` (`TlsConfig` in addons/tlsconfig.py), and prints a traceback
where it cannot.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.exceptions import OptionsError

logger = logging.getLogger(__name__)

_configure: Callable[[TlsConfig, set[str]], None] = TlsConfig.configure


def make_certificate_store() -> None:
    """Have mitmproxy make its CA now, or log where that cannot be written."""
    tls = ctx.master.addons.get("tlsconfig")
    if not tls or tls.certstore is not None:
        return
    try:
        tls_configure(tls, {"confdir"})
    except OptionsError as error:
        logger.error("%s", error)


def tls_configure(tls: TlsConfig, updated: set[str]) -> None:
    """Do as mitmproxy's own, and raise OptionsError for `confdir`, or a file, that cannot be used.

    `run` puts it in the place of mitmproxy's own: no script is loaded when that reads `confdir`.
    """
    try:
        _configure(tls, updated)
    except OSError as error:
        certificates = {Path(it.rpartition("=")[2]).expanduser() for it in ctx.options.certs}
        if Path(str(error.filename)) in certificates:
            raise OptionsError(f"{error.filename} cannot be read: {error.strerror}") from error
        raise OptionsError(
            f"confdir {ctx.options.confdir} cannot be written: {error.strerror}; name a folder that"
            " can, with --set confdir=FOLDER"
        ) from error
