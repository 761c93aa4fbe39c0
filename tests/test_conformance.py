"""WebSocket cases through the router; `make conformance` runs them and h2spec beside mitmdump."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conformance.__main__ import report
from conformance.proxies import mitmdump
from conformance.websocket import CASES, LOST, Case, echo, frame, outcome, upgrade
from harness import API, Stage, bearer, free_port


def run(port: int, case: Case) -> str:
    with upgrade(port, API, bearer("eu1")) as connection:
        return outcome(case, connection)


def test_a_websocket_behaves_as_without_a_proxy(stage: Stage) -> None:
    stage.upstream("eu1", behaviour=echo)
    stage.table()
    port = stage.proxy()
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(CASES, pool.map(lambda case: run(port, case), CASES), strict=True))
    assert len(CASES) > 100
    assert {case.number: it for case, it in found.items() if it and case.number not in LOST} == {}


def test_what_is_lost_behind_the_router_is_lost_behind_bare_mitmdump(stage: Stage) -> None:
    eu1 = stage.upstream("eu1", behaviour=echo)
    lost = [case for case in CASES if case.number in LOST]
    assert [run(eu1.port, case) for case in lost] == [""] * len(LOST)
    with mitmdump("--mode", f"reverse:{eu1.url}") as port:
        assert all(run(port, case) for case in lost), "mitmproxy has cured it: take it out of LOST"


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        (Case("", (frame(1, b"x"),), ("text 2",)), "got ['text 1', 'close 1000']"),
        (Case("", (frame(1, b"x"),), ("text 1",), fails=True), "got ['text 1'], and waits"),
        (Case("", (frame(3),), ("text 1",)), "got ['close 1002']"),
    ],
    ids=["another answer", "no failure", "failure"],
)
def test_a_wrong_outcome_is_noticed(stage: Stage, case: Case, wrong: str) -> None:
    eu1 = stage.upstream("eu1", behaviour=echo)
    with upgrade(eu1.port, API) as connection:
        connection.settimeout(0.5)
        assert outcome(case, connection) == wrong


def test_only_what_bare_mitmdump_passes_counts_against_the_router(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bare, router = {"a": "", "b": "fails", "c": ""}, {"a": "", "b": "fails", "c": "fails"}
    assert report("suite", {"bare mitmdump": bare, "router": router}) == ["c"]
    said = capsys.readouterr().out
    assert "suite: router passes 1 of 3" in said
    assert "  c: router: fails" in said


def test_without_h2spec_it_says_how_to_get_it() -> None:
    nowhere = f"/nowhere/{free_port()}"
    ended = subprocess.run(
        [sys.executable, "-m", "conformance", nowhere],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.startswith("h2spec is not installed.")
