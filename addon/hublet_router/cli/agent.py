"""`hublet-router agent`: what HAProxy asks for each decision."""

import argparse
import asyncio
import logging
import re
from pathlib import Path

from ..analysis.fingerprint import KeyFileError, fingerprint
from ..tablefile import table_path
from .report import CommandError
from .shared_options import Commands, add_command, add_table

DESCRIPTION = """\
Decide for HAProxy, which asks with its SPOE filter: `hublet-router export haproxy DIR` writes its
configuration. The table is read again whenever its file changes, and at SIGHUP; the last good one
goes on while the new one is bad. SIGTERM ends the agent when all that was asked is answered.
Exit status: 0 it was ended, 2 an error."""

LISTEN = "127.0.0.1:9090"
"""Where an agent listens, and where an exported HAProxy looks for it, by default."""


def declare(commands: Commands) -> None:
    """Add the command."""
    summary = "the SPOE agent: HAProxy asks it for each decision"
    parser = add_command(commands, "agent", agent, summary, DESCRIPTION)
    add_table(parser)
    parser.add_argument(
        "--listen", metavar="ADDRESS", default=LISTEN,
        help=f"[host]:port, or the path of a Unix socket (default: {LISTEN})",
    )  # fmt: skip
    parser.add_argument(
        "--log", metavar="FILE", type=Path, help="append one JSON line for each decision"
    )
    parser.add_argument(
        "--fingerprint-key", metavar="FILE", type=Path,
        help="a file with the key of fingerprints, so that they stay the same from start to start",
    )  # fmt: skip
    parser.add_argument(
        "--metrics", metavar="[HOST]:PORT",
        help="serve metrics for Prometheus, /healthz and /readyz",
    )  # fmt: skip
    parser.add_argument(
        "--shadow", metavar="FILE", type=Path,
        help="a candidate table that decides as well and changes nothing; report each difference",
    )  # fmt: skip
    parser.add_argument(
        "--proxy-status", action="store_true",
        help="say in the Proxy-Status of forwarded responses which Hublet was asked and why",
    )  # fmt: skip


def agent(options: argparse.Namespace) -> int:
    """Serve until the end."""
    from mitmproxy.exceptions import OptionsError  # noqa: PLC0415  # mitmproxy: half a second

    from ..agent.serve import Setting, serve  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="[%(asctime)s] %(message)s")
    setting = Setting(
        table_path(options.table), options.listen, options.log, options.metrics, options.shadow,
        options.proxy_status,
    )  # fmt: skip
    try:
        fingerprint.use(options.fingerprint_key)
        asyncio.run(serve(setting))
    except (OptionsError, KeyFileError) as error:
        said = re.sub(r"\bhublet_(log|metrics)\b", r"--\1", str(error))  # the proxy's names
        raise CommandError(said) from error
    return 0
