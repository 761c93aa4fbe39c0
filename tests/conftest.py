"""Fixtures that every test file may use."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Stage


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of its own for each test."""
    with Stage(tmp_path) as it:
        yield it
