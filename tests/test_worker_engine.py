"""`export worker --prove`: the bundle of a folder, as workerd runs it."""

import asyncio
from pathlib import Path

import pytest

from haproxy_stage import TABLE
from hublet_router.cli.commands import command_line
from hublet_router.core.request import Request
from hublet_router.export.bundle import ExportError
from hublet_router.prove import worker_engine
from hublet_router.prove.proof import prove
from hublet_router.tablefile import load
from test_proof import EXAMPLES
from test_verify import FLOWS, recording
from workerd_stage import workerd


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "hublets.yaml"
    path.write_text(TABLE + EXAMPLES)
    return path


@pytest.fixture
def folder(table: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "edge"
    assert command_line(["export", "worker", str(folder), "--table", str(table)]) == 0
    return folder


def run(table: Path, folder: Path) -> tuple[int, list[str]]:
    loaded = load(table)
    asked = [(f"example {n}", it.request) for n, it in enumerate(loaded.examples, 1)]
    headers = {"Authorization": "Bearer pat-eu1-0"}
    other = Request.of("GET", "https://no-example.api.example.com/x", headers)
    asked.append(("of a wildcard", other))
    return asyncio.run(prove(worker_engine.worker, loaded, folder, asked))


def test_a_bundle_decides_as_its_table(table: Path, folder: Path) -> None:
    workerd()
    assert run(table, folder) == (7, [])


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("decide.js", 'it.names[0], "credential"', '"ap1", "credential"', "arrived at"),
        ("worker.js", "table, asked)) asked.body", "table, asked)) asked.unused", "arrived at"),
        ("worker.js", "fetch(request, {", "fetch(new Request(request, {headers: {}}), {", "fields"),
    ],
    ids=["hublet", "body", "fields"],
)  # fmt: skip
def test_a_worker_that_does_otherwise_is_found(
    table: Path, folder: Path, file: str, old: str, new: str, fault: str
) -> None:
    workerd()
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    faults = run(table, folder)[1]
    assert any(fault in it for it in faults)


def test_examples_and_recordings_are_proved_by_the_command(
    table: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workerd()
    flows = recording(tmp_path, *FLOWS)
    words = ["export", "worker", str(folder), "--table", str(table), "--prove", str(flows)]
    assert command_line(words) == 0
    assert "each decided and forwarded as the table says" in capsys.readouterr().err


def test_a_machine_without_workerd_gets_a_sentence(
    table: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_engine, "_INSTALLED", "nowhere/*")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ExportError, match="workerd is not installed: npm install --prefix"):
        run(table, folder)
