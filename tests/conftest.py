"""Fixtures that every test file may use."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from haproxy_stage import TABLE
from harness import Stage, Upstream
from hublet_router.proxy import live_table
from hublet_router.proxy.observe import log_file

# The same examples in each run: a commit does not fail for what another one would have passed.
# `--hypothesis-profile=default` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)  # no machine is too slow
# A command line with `--hypothesis-profile=long` puts each law to five times as many (`make laws`).
settings.register_profile("long", derandomize=False, deadline=None)
settings.load_profile("same")


@pytest.fixture(autouse=True, scope="session")
def _short_intervals() -> Iterator[None]:
    """What a proxy in this process looks at now and then, it looks at often: tests wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_table, "INTERVAL", 0.1)
        patch.setattr(log_file, "WRITE_INTERVAL", 0.05)
        yield


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is taken."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def never_accepts() -> Iterator[int]:
    """A port whose queue is full: Linux drops what would open another connection."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        yield address[1]
        for one in waiting:
            one.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of three regions, in a file."""
    path = tmp_path / "hublets.yaml"
    path.write_text(TABLE)
    return path


@pytest.fixture
def stage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Stage]:
    """A stage of its own for each test, which fails if an addon does: `caplog.clear()` forgives."""
    with Stage(tmp_path) as it:
        yield it
    records = caplog.get_records("call") + caplog.get_records("teardown")
    assert not [it for it in records if it.getMessage().startswith("Addon error")]


@pytest.fixture
def eu1(shared: Stage) -> Upstream:
    """An upstream of the stage that a module shares, to which nothing has been sent yet."""
    upstream = shared.upstreams["eu1"]
    upstream.requests.clear()
    return upstream
