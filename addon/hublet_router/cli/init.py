"""`hublet-router init` and `schema`: the beginning of a table, and what editors check one with."""

import argparse
import sys
from pathlib import Path

from ..tablefile import DEFAULT_TABLE
from ..tablefile.structure import SCHEMA_FILE

SUMMARY = "write a commented table to begin with"
DESCRIPTION = """\
Write a table with comments, for an API at api.example.com, to be changed in a few minutes. Its
first line names the schema that editors complete and check the table with. A file that exists is
left alone. Exit status: 0 written, 2 an error."""

_STARTER = Path(__file__).with_name("starter.yaml")


def declare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands."""
    parser = commands.add_parser("init", help=SUMMARY, description=DESCRIPTION)
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default=DEFAULT_TABLE,
        help="the file to write (default: hublets.yaml)",
    )  # fmt: skip
    parser.set_defaults(call=lambda options: write_starter(Path(options.file)))
    summary = "print the JSON schema of a table"
    schema = commands.add_parser("schema", help=summary, description=f"{summary.capitalize()}.")
    schema.set_defaults(call=lambda _: print_schema())


def write_starter(file: Path) -> int:
    """Write a table that one can begin with; never over a file that is there."""
    text = (
        f"# yaml-language-server: $schema={SCHEMA_FILE.as_uri()}\n\n{_STARTER.read_text('utf-8')}"
    )
    try:
        with file.open("x", encoding="utf-8") as output:
            output.write(text)
    except FileExistsError:
        print(f"{file} is there already and stays as it is; name another file", file=sys.stderr)
        return 2
    named = "" if str(file) == DEFAULT_TABLE else f" {file}"
    print(f"{file} is written; change it, then: hublet-router check{named}")
    return 0


def print_schema() -> int:
    """Print the schema as the package carries it."""
    print(SCHEMA_FILE.read_text("utf-8"), end="")
    return 0
