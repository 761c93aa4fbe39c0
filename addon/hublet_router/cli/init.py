"""`hublet-router init` and `schema`: the beginning of a table, and what editors check one with."""

import argparse
import sys
from pathlib import Path
from shlex import quote

from ..tablefile import DEFAULT_TABLE
from ..tablefile.structure import SCHEMA_FILE
from .report import CommandError
from .shared_options import Commands, add_command

SUMMARY = "write a commented table to begin with"
DESCRIPTION = """\
Write a table with comments, for an API at api.example.com, to be changed in a few minutes. Its
first line names the schema that editors complete and check the table with. A file that exists is
left alone. Exit status: 0 written, 2 an error."""

_STARTER = Path(__file__).with_name("starter.yaml")


def declare(commands: Commands) -> None:
    """Add both commands."""
    add_command(commands, "init", write_starter, SUMMARY, DESCRIPTION).add_argument(
        "file", metavar="FILE", nargs="?", type=Path, default=DEFAULT_TABLE,
        help="the file to write (default: hublets.yaml)",
    )  # fmt: skip
    summary = "print the JSON schema of a table"
    add_command(commands, "schema", print_schema, summary, summary.replace("p", "P", 1) + ".")


def write_starter(options: argparse.Namespace) -> int:
    """Write a table that one can begin with; never over a file that is there."""
    file = options.file
    if str(file) == "-":
        raise CommandError("- is standard input, where a table is read; name a file to write")
    text = (
        f"# yaml-language-server: $schema={SCHEMA_FILE.as_uri()}\n\n{_STARTER.read_text('utf-8')}"
    )
    try:
        with file.open("x", encoding="utf-8") as output:
            try:
                output.write(text)
                output.flush()
            except OSError:
                file.unlink()  # what is there of it would be in the way of the next attempt
                raise
    except FileExistsError:
        print(f"{file} is there already and stays as it is; name another file", file=sys.stderr)
        return 2
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error
    named = "" if str(file) == DEFAULT_TABLE else f" {quote(str(file))}"
    print(f"{file} is written; change it, then: hublet-router check{named}")
    return 0


def print_schema(_: argparse.Namespace) -> int:
    """Print the schema as the package carries it."""
    print(SCHEMA_FILE.read_text("utf-8"), end="")
    return 0
