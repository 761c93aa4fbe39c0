"""The options that several commands share, each declared once."""

import argparse
from pathlib import Path

from ..tablefile import DEFAULT_TABLE

FORMATS = ("text", "json")
"""What every command that prints can write: text for people, and one JSON object a line."""


def add_table(parser: argparse.ArgumentParser) -> None:
    """Add `--table FILE`."""
    help_ = "the table (default: hublets.yaml)"
    parser.add_argument("--table", metavar="FILE", type=Path, default=DEFAULT_TABLE, help=help_)


def add_format(parser: argparse.ArgumentParser, *more: str, json: str) -> None:
    """Add `--format`; `more` are formats beside FORMATS, `json` says what each line holds."""
    help_ = f"json writes one object a line: {json}"
    choices = (*FORMATS, *more)
    parser.add_argument("--format", choices=choices, default=FORMATS[0], help=help_)


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Add `--filter EXPR`, which `watched_flows` takes."""
    help_ = "read only the flows that match a filter expression of mitmproxy, such as '~c 401'"
    parser.add_argument("--filter", metavar="EXPR", help=help_)
