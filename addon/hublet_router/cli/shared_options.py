"""What several commands share: how they are declared, their options, and the table they read."""

import argparse
from collections.abc import Callable
from pathlib import Path

from ..core.table import Table
from ..tablefile import DEFAULT_TABLE, load, table_path

FORMATS = ("text", "json")
"""What every command that prints can write: text for people, and one JSON object a line."""

type Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_command(
    commands: Commands,
    name: str,
    call: Callable[[argparse.Namespace], int],
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    """Add a command; a description of several paragraphs is printed as it is written."""
    kept = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=kept if "\n\n" in description else argparse.HelpFormatter,
    )
    parser.set_defaults(call=call, parser=parser)
    return parser


def add_table(parser: argparse.ArgumentParser) -> None:
    """Add `--table FILE`, which `load_table` reads."""
    help_ = "the table (default: hublets.yaml)"
    parser.add_argument("--table", metavar="FILE", type=Path, default=DEFAULT_TABLE, help=help_)


def load_table(name: str | Path) -> Table:
    """Read the table of `--table`; raise TableError."""
    return load(table_path(name), option="--table FILE")


def add_format(parser: argparse.ArgumentParser, *more: str, json: str) -> None:
    """Add `--format`; `more` are formats beside FORMATS, `json` says what each line holds."""
    help_ = f"json writes one object a line: {json}"
    choices = (*FORMATS, *more)
    parser.add_argument("--format", choices=choices, default=FORMATS[0], help=help_)


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Add `--filter EXPR`, which `watched_flows` takes."""
    help_ = "read only the flows that match a filter expression of mitmproxy, such as '~c 401'"
    parser.add_argument("--filter", metavar="EXPR", help=help_)
