"""Options that several commands share."""

import argparse
from pathlib import Path

import pytest

from hublet_router.cli.shared_options import add_filter, add_format, add_table


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
