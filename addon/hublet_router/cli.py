"""The command line: thin, each command a few lines around the core or mitmproxy."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

UNROUTED = "reverse:https://unrouted.invalid"
"""Where a request goes that nothing routes: a name that cannot exist (RFC 6761 section 6.4)."""

# The user's own mode; or none: where flows are read from a file in a reverse mode, mitmproxy writes
# the mode's host over the Host of each (`Master.load_flow`).
_NO_MODE = re.compile(r"-m.*|--mode(=.*)?|-n|--no-server|-n?r.*|--rfile(=.*)?")


def command_line(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="hublet-router",
        description="Route API calls to the regional deployment that their credential names.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser(
        "run",
        add_help=False,
        help="the routing proxy: mitmdump with the addon, on 127.0.0.1:8080; further arguments"
        " go to mitmdump",
    )
    _, rest = parser.parse_known_args(arguments)
    return run(rest)


def run(arguments: Sequence[str]) -> int:
    """Run mitmdump with the addon; a later argument of the user's wins over ours.

    flow_detail=0, because mitmdump would print each URL, and with it credentials of the query.
    """
    from mitmproxy.tools.main import mitmdump  # noqa: PLC0415  # half a second, for this alone

    ours = ["-s", str(script()), "--listen-host", "127.0.0.1", "--set", "flow_detail=0"]
    if not any(_NO_MODE.fullmatch(word) for word in arguments):
        ours += ["--mode", UNROUTED]
    mitmdump([*ours, *arguments])
    return 0


def script() -> Path:
    """Return the file for mitmproxy's `-s`: the checkout's, or the one that the wheel carries."""
    package = Path(__file__).parent
    packed = package / "script" / "router.py"
    return packed if packed.exists() else package.parent / "router.py"
