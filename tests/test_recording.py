"""The router of the fixtures, with Hublets that record."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cases import cases
from harness import TABLE
from hublet_router.tablefile import TableError
from hublet_router.testing import recording
from hublet_router.testing.recording import Received, RecordingRouter
from synthetic import UUID
from ui import ROOT

URL = "https://api.hubapi.com/crm/v3?limit=1"
EU = {"Authorization": f"Bearer pat-eu1-{UUID}"}
MOVED = "accounts: {ids: [{query: portalId}], file: moved.csv}"


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingRouter]:
    """Upstreams that nothing can reach, and a file of accounts beside the table."""
    folder = tmp_path_factory.mktemp("table")
    table = folder / "hublets.yaml"
    hublets = (
        '  na1: {upstream: "https://na1.invalid", sni: client}\n'
        '  eu1: {upstream: "https://eu1.invalid:8443", sni: upstream}\n'
    )
    table.write_text(
        TABLE.format(domains="[api.hubapi.com]", hublets=hublets, default="na1", more=MOVED)
    )
    (folder / "moved.csv").write_text("62515,eu1\n")
    with RecordingRouter(table, tmp_path_factory.mktemp("router")) as it:
        yield it


def test_a_request_is_recorded_as_its_region_received_it(router: RecordingRouter) -> None:
    router.requests.clear()
    answer = router.send("POST", URL, {**EU, "X_Case": "é"}, "ü")
    assert (answer.status, answer.hublet, answer.body) == (200, "eu1", b'{"hublet": "eu1"}')
    (received,) = router.requests
    assert received == Received(
        "eu1", "POST", "/crm/v3?limit=1",
        (
            ("host", "api.hubapi.com"),
            ("authorization", f"Bearer pat-eu1-{UUID}"),
            ("x_case", "Ã©"),
            ("content-length", "2"),
        ),
        "ü".encode(),
    )  # fmt: skip
    assert received.header("AUTHORIZATION") == [f"Bearer pat-eu1-{UUID}"]
    assert UUID not in repr(received)
    assert "limit" not in repr(received)


@cases(
    ("method", "url", "headers", "status", "hublet"),
    {
        "default": ("GET", URL, {}, 200, "na1"),
        "head": ("HEAD", URL, EU, 200, "eu1"),
        "close": ("GET", URL, {**EU, "Connection": "close"}, 200, "eu1"),
        "moved by the file": ("GET", f"{URL}&portalId=62515", {}, 200, "eu1"),
        "unlisted": ("GET", URL, {"Authorization": f"Bearer pat-zz9-{UUID}"}, 421, None),
        "foreign": ("GET", "https://elsewhere.example/", {}, 421, None),
    },
)
def test_the_table_decides(
    router: RecordingRouter, method: str, url: str, headers: dict[str, str], status: int,
    hublet: str | None,
) -> None:  # fmt: skip
    router.requests.clear()
    answer = router.send(method, url, headers)
    assert (answer.status, answer.hublet) == (status, hublet)
    assert [it.hublet for it in router.requests] == ([hublet] if hublet else [])


def test_a_bad_table_raises_its_faults(tmp_path: Path) -> None:
    table = tmp_path / "hublets.yaml"
    table.write_text("domains: 1\n")
    with pytest.raises(TableError, match=r"hublets\.yaml:1:"):
        RecordingRouter(table, tmp_path)


def test_what_does_not_start_says_why(tmp_path: Path, taken: int) -> None:
    table = tmp_path / "mine.yaml"
    table.write_text(
        TABLE.format(
            domains="[a.example]", hublets='  na1: {upstream: "http://x"}\n', default="na1", more=""
        )
    )
    router = RecordingRouter(table, tmp_path)
    router._port = taken
    with pytest.raises(RuntimeError, match=r"(?s)does not listen:.*address already in use"):
        router.__enter__()


def test_a_hublet_that_does_not_start_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another one listens already: its socket is closed."""
    start, count = asyncio.start_server, 0

    async def start_once(*arguments: Any) -> asyncio.Server:
        nonlocal count
        count += 1
        if count == 2:
            raise OSError("no descriptor")  # as asyncio does, without a number
        return await start(*arguments)

    monkeypatch.setattr(asyncio, "start_server", start_once)
    router = RecordingRouter(ROOT / "hublets.yaml", tmp_path)
    with pytest.raises(RuntimeError, match=r"^the recording Hublets do not listen: no descriptor$"):
        router.__enter__()
    gc.collect()
    assert count == 2


def test_a_process_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = RecordingRouter(ROOT / "hublets.yaml", tmp_path)
    with router:
        assert router.send("GET", URL).hublet == "na1"
        monkeypatch.setattr(recording, "SECONDS", 0)
    assert router._process.returncode is not None
