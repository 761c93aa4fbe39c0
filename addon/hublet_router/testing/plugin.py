"""The plugin of pytest: a table, its decisions, and a router on a free port, as fixtures."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # pytest loads this file in every project that has the package installed
    from ..core.decision import Decision
    from ..core.table import Table
    from .recording import RecordingRouter

OPTION = "hublet_table"
"""The option of pytest's ini file that names the table."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option."""
    help_ = "the table of Hublets for the fixtures hublet_table, hublet_decide and hublet_proxy"
    parser.addini(OPTION, help_, default="hublets.yaml")


@pytest.fixture(scope="session")
def hublet_table(pytestconfig: pytest.Config) -> "Table":
    """The table that the option `hublet_table` names, beside pytest's ini file."""
    from ..tablefile import load  # noqa: PLC0415

    return load(_path(pytestconfig), option=f"{OPTION} in pytest's ini file")


@pytest.fixture
def hublet_decide(hublet_table: "Table") -> "Callable[..., Decision]":
    """A function of method, URL, headers and body that returns where the table sends them."""
    from ..core.judge import decide  # noqa: PLC0415
    from ..core.request import Request  # noqa: PLC0415

    return lambda *request, **more: decide(hublet_table, Request.of(*request, **more))


@pytest.fixture(scope="session")
def _hublet_router(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[RecordingRouter]":
    from .recording import RecordingRouter  # noqa: PLC0415

    with RecordingRouter(_path(pytestconfig), tmp_path_factory.mktemp("hublet-router")) as router:
        yield router


@pytest.fixture
def hublet_proxy(_hublet_router: "RecordingRouter") -> "RecordingRouter":
    """The router on free ports, with a Hublet for each of the table that records its requests."""
    _hublet_router.requests.clear()
    return _hublet_router


def _path(config: pytest.Config) -> Path:
    return config.rootpath / str(config.getini(OPTION))
