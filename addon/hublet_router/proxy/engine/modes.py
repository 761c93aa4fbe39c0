"""mitmproxy's modes: which of them the router serves."""

import logging

from mitmproxy import ctx
from mitmproxy.exceptions import OptionsError
from mitmproxy.proxy.mode_specs import ProxyMode

logger = logging.getLogger(__name__)

UNTESTED = {"local", "transparent", "tun", "wireguard"}


def check_modes() -> None:
    """Name modes that are untested; raise OptionsError for `upstream:`, round the decision.

    mitmproxy connects to the proxy behind it in place of each upstream, and sends it plain requests
    with the URL of the client, not of the Hublet (`HttpUpstreamProxy` in
    proxy/layers/http/_upstream_proxy.py).
    """
    for spec in ctx.options.mode:
        kind = ProxyMode.parse(spec).type_name
        if kind == "upstream":
            raise OptionsError(
                f"mode {spec} would send each request to another proxy instead of its Hublet;"
                " use reverse:, regular or socks5, and reach the Hublets without a proxy"
            )
        if kind in UNTESTED:
            logger.warning(
                "mode %s is untested with the router; reverse:, regular and socks5 are tested", kind
            )
