"""Options that several commands share."""

import argparse
from pathlib import Path

import pytest

from hublet_router.cli.shared_options import (
    add_command,
    add_filter,
    add_format,
    add_table,
    load_table,
)
from hublet_router.tablefile import TableError
from shipped_table import SHIPPED


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_table(parser)
    add_format(parser, "github", json="a, b")
    add_filter(parser)
    return parser.parse_args(words)


def test_defaults() -> None:
    assert vars(parsed()) == {"table": Path("hublets.yaml"), "format": "text", "filter": None}


def test_given() -> None:
    given = parsed("--table", "x", "--format", "github", "--filter", "~c 401")
    assert vars(given) == {"table": Path("x"), "format": "github", "filter": "~c 401"}


def test_an_unknown_format(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--format", "xml")
    assert "choose from text, json, github" in capsys.readouterr().err.replace("'", "")


@pytest.mark.parametrize(
    ("description", "shown"),
    [("Some\nlines.", "Some lines."), ("A paragraph.\n\n  another", "A paragraph.\n\n  another")],
)
def test_a_command_is_called_and_described(description: str, shown: str) -> None:
    commands = argparse.ArgumentParser().add_subparsers()
    parser = add_command(commands, "act", lambda options: len(vars(options)), "acts", description)
    assert shown in parser.format_help()
    options = parser.parse_args([])
    assert options.call(options) == 2
    assert options.parser is parser


def test_the_table_of_an_option_is_read(tmp_path: Path) -> None:
    assert load_table("hublets.yaml").version == SHIPPED.version
    with pytest.raises(TableError, match="name a table with --table FILE"):
        load_table(tmp_path / "none.yaml")
