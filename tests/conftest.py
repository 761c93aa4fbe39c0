"""Fixtures that every test file may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from wire import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of its own for each test."""
    with Stage(tmp_path) as it:
        yield it
