"""Tests that a table drives."""

from collections.abc import Mapping

import pytest


def cases(names: str | tuple[str, ...], table: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test for each row of a table: its name -> the value, or the tuple, that it takes."""
    return pytest.mark.parametrize(names, table.values(), ids=table)
