"""Fixtures that every test file may use."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from harness import Stage

# The same examples in each run: a commit does not fail for what another one would have passed.
# `--hypothesis-profile=default` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)  # no machine is too slow
# A command line with `--hypothesis-profile=long` puts each law to five times as many (`make laws`).
settings.register_profile("long", derandomize=False, deadline=None)
settings.load_profile("same")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is taken."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of its own for each test."""
    with Stage(tmp_path) as it:
        yield it
