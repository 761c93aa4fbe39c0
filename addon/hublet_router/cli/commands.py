"""The command line: `hublet-router COMMAND …`."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper

from ..flows.files import FlowFileError
from ..tablefile import TableError
from . import (
    agent,
    check,
    completion,
    demo,
    diff,
    explain,
    export,
    fingerprint,
    init,
    redact,
    run,
    verify,
)
from .report import CommandError

# Their words are those of another program, so argparse does not look at them.
_PASSED_ON: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run.run,
    "explain": explain.explain_words,
}


def command_line(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    name, *words = arguments or [""]
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # whose encoding may have no arrow
            stream.reconfigure(errors="backslashreplace")
    if name == "run" and "--version" in words:  # mitmdump adds its own
        print(_versions(), flush=True)
    try:
        code = _PASSED_ON[name](words) if name in _PASSED_ON else _call(arguments)
        print(end="", flush=True)
    except (TableError, FlowFileError) as error:
        print(error, file=sys.stderr)
        return 2
    except CommandError as error:
        for sentence in str(error).splitlines():
            print(f"hublet-router {name}: {sentence}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python tries again at exit
        if isinstance(error, BrokenPipeError):  # the reader has closed the pipe, like `head`
            return 141
        print(f"hublet-router: {_sentence(error)}", file=sys.stderr)
        return 2
    return code


def _sentence(error: OSError) -> str:
    if error.strerror != os.strerror(error.errno or 0):  # mitmproxy's own, about a port
        return error.strerror or str(error)
    return f"{error.filename or 'standard input or output'}: {error.strerror}"


def _open_what_is_closed() -> None:
    """Open a null device in the place of each standard stream that is closed, as by `<&-`.

    Python has None there, of which neither this program nor mitmproxy reads or writes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _call(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="hublet-router",
        description="Route API calls to the regional deployment that their credential names.",
    )
    parser.add_argument("-V", "--version", action="version", version=_versions())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("run", help=run.SUMMARY)
    commands.add_parser("explain", help=explain.SUMMARY)
    for module in (init, check, diff, redact, export, agent, verify, fingerprint, demo, completion):
        module.declare(commands)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:  # a file behind an option, where one stands before it, or what no one knows
        own: argparse.ArgumentParser = options.parser
        options = own.parse_intermixed_args(arguments[len(own.prog.split()) - 1 :])
    return int(options.call(options))


def _versions() -> str:
    """Return what a report of a fault needs."""
    found = [f"{name} {_version(name)}" for name in ("hublet-router", "mitmproxy")]
    return ", ".join([*found, f"Python {platform.python_version()}"])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a checkout, which need not be installed
        return "(not installed)"
