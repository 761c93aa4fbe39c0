"""Fixtures that every test file may use."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import Stage

# Where a bug of lean mode would show on the wire: these run with and without it.
IN_BOTH_MODES = {
    "test_wire", "test_streams", "test_http2", "test_faults", "test_reload", "test_laws",
    "test_hostile_requests", "test_flows", "test_chain",
}  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lean" in metafunc.fixturenames and metafunc.module.__name__ in IN_BOTH_MODES:
        metafunc.parametrize("lean", [False, True], ids=["plain", "lean"])


@pytest.fixture
def lean() -> bool:
    """Whether the stage's proxy is lean."""
    return False


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def stage(tmp_path: Path, lean: bool) -> Iterator[Stage]:
    """A stage of its own for each test."""
    with Stage(tmp_path, lean=lean) as it:
        yield it
