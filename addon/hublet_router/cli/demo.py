"""`hublet-router demo`: a visible proof, or the same proxy inside the console or mitmweb."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .report import CommandError
from .run import UNROUTED, defaults, script
from .shared_options import Commands, add_command

DESCRIPTION = """\
Send a signed request of every kind through the proxy to demo Hublets, and print where each went,
which Host the Hublet saw, and whether the signature still verified. Everything stays on this
machine, on free ports. Exit status: 0 all is as it must be, 1 it is not."""

# Newest first, with the whole URL.
CONSOLE = {
    "console_flowlist_layout": "list",
    "view_order_reversed": "true",
    "console_focus_follow": "true",
}


def declare(commands: Commands) -> None:
    """Add the command."""
    summary = "a visible proof with demo Hublets, also in mitmproxy's console or mitmweb"
    parser = add_command(commands, "demo", demo, summary, DESCRIPTION)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--console", action="store_true", help="look at it in mitmproxy's console")
    where.add_argument("--web", action="store_true", help="look at it in mitmweb")
    parser.add_argument(
        "--port", type=int,
        help="of the proxy that you look at (default: 8080, or a free one if that is taken)",
    )  # fmt: skip
    parser.add_argument("more", nargs="*", help="after --: arguments of mitmproxy or mitmweb")


def _is_on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def demo(options: argparse.Namespace) -> int:
    """Print the proof, or run the tool that was asked for."""
    from mitmproxy.tools import main  # noqa: PLC0415  # half a second, for this alone

    from ..demo import traffic  # noqa: PLC0415
    from ..demo.proof import prove  # noqa: PLC0415
    from ..demo.shipped import free_port, write_demo_table  # noqa: PLC0415

    if not (options.console or options.web):
        return prove(script())
    if options.console and not _is_on_terminal():  # mitmproxy would print a traceback
        raise CommandError("--console needs a terminal; --web needs none")
    tool, look = (main.mitmproxy, CONSOLE) if options.console else (main.mitmweb, {})
    if options.web and not any(word.startswith("--web-port") for word in options.more):
        look = {"web_port": str(free_port(8081))}
    port = free_port(8080) if options.port is None else options.port
    with TemporaryDirectory(prefix="hublet-router-demo-") as folder:
        ours = {"hublet_demo": "true", "hublets": str(write_demo_table(Path(folder))), **look}
        arguments = [
            "-s", str(script()), "-s", traffic.__file__, "--mode", UNROUTED,
            "--listen-host", "127.0.0.1", "--listen-port", str(port),
            *defaults(ours, options.more),
        ]  # fmt: skip
        tool([*arguments, *options.more])
    return 0
