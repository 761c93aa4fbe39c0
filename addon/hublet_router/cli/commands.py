"""The words after `hublet-router`."""

import argparse
from collections.abc import Sequence

from .run import run


def command_line(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    if arguments[:1] == ["run"]:
        return run(arguments[1:])  # whatever follows is mitmdump's
    parser = argparse.ArgumentParser(
        prog="hublet-router",
        description="Route API calls to the regional deployment that their credential names.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser(
        "run",
        help="the routing proxy: mitmdump with the addon, on 127.0.0.1:8080; further arguments"
        " go to mitmdump",
    )
    options = parser.parse_args(arguments)
    return int(options.call(options))
