"""`hublet-router fingerprint`: what stands for a credential in the decision log."""

import argparse
import getpass
import sys
from pathlib import Path

from ..analysis.fingerprint import Fingerprints, KeyFileError
from .report import CommandError
from .shared_options import Commands, add_command

SUMMARY = "print the fingerprint of a credential, to find its requests in the decision log"
DESCRIPTION = """\
Read one credential from standard input, and print the fingerprint that the decision log shows for
it. The log has to be written with the same key: --set hublet_fingerprint_key=FILE.

Give the credential as its rule reads it: a token without its scheme ('Bearer'), and the value of a
parameter alone. Exit status: 0 done, 2 an error."""


def declare(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "fingerprint", print_fingerprint, SUMMARY, DESCRIPTION)
    parser.add_argument(
        "--key", metavar="FILE", type=Path, required=True,
        help="the file of hublet_fingerprint_key",
    )  # fmt: skip


def print_fingerprint(options: argparse.Namespace) -> int:
    """Print 12 hex digits; return 2 where there is no key or no credential."""
    fingerprints = Fingerprints()
    try:
        fingerprints.use(options.key)
    except KeyFileError as error:
        print(error, file=sys.stderr)
        return 2
    credential = _given()
    if not credential:
        print("standard input is empty; give it one credential", file=sys.stderr)
        return 2
    print(fingerprints(credential))
    return 0


def _given() -> str:
    try:
        if sys.stdin.isatty():
            return getpass.getpass("credential: ").strip()
        text = sys.stdin.buffer.read().decode("utf-8-sig")  # Windows may begin it with a mark
    except EOFError:  # a person pressed Control-D
        return ""
    except UnicodeDecodeError:
        raise CommandError("standard input is not UTF-8; give it one credential") from None
    return text.strip()
