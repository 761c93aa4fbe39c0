"""The words after `hublet-router`."""

import argparse
import os
import sys
from collections.abc import Sequence

from ..flows.files import FlowFileError
from ..tablefile import TableError
from . import check, demo, diff, explain, redact
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
    for module in (check, diff, explain, redact, demo):
        module.declare(commands)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:  # argparse would show the usage of all commands instead of this one's
        commands.choices[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        code = int(options.call(options))
        print(end="", flush=True)  # where standard output is closed, it does nothing
    except (TableError, FlowFileError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python tries again at exit
        if isinstance(error, BrokenPipeError):  # whoever read it has seen enough
            return 141
        where = error.filename or "standard input or output"
        print(f"hublet-router: {where}: {error.strerror}", file=sys.stderr)
        return 2
    return code
