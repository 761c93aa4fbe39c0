"""The table's file changes under a running proxy."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy.exceptions import OptionsError

from harness import SECONDS, Stage, bearer, request, wait_for
from hublet_router.core.table import Table
from hublet_router.proxy import live_table
from hublet_router.proxy.live_table import LiveTable

MINIMAL = (
    "domains: [api.test]\nhublets: {na1: {upstream: 'https://na1.test'}}\ndefault: na1\n"
    "credentials: [{name: key, in: {query: k}, hublet: {jwt: r}}]\n"
)


def decided_by(stage: Stage) -> str:
    """Ask once, and return the version of the table that decided."""
    stage.get("/", bearer("eu1"))
    return str(stage.seen.flows[-1].metadata["hublet_table"])


def two_tables(stage: Stage) -> tuple[Path, str, str]:
    """Start with a table that sends eu1 to eu1; return its path and text, and one that refuses."""
    stage.upstream("na1")
    stage.upstream("eu1")
    path = stage.table()
    old = path.read_text()
    new = "\n".join(line for line in old.splitlines() if not line.startswith("  eu1:"))
    stage.proxy()
    return path, old, new


def status(stage: Stage) -> int:
    return stage.get("/", bearer("eu1")).status


def test_a_table_that_is_written_anew_is_read(stage: Stage) -> None:
    path, old, new = two_tables(stage)
    first = decided_by(stage)
    path.write_text(new)
    wait_for(lambda: status(stage) == 421)
    path.write_text(old)
    wait_for(lambda: status(stage) == 200)
    assert decided_by(stage) == first


def test_a_table_that_an_editor_replaces_is_read(stage: Stage, tmp_path: Path) -> None:
    path, _, new = two_tables(stage)
    other = tmp_path / "hublets.yaml~"
    other.write_text(new)
    other.replace(path)
    wait_for(lambda: status(stage) == 421)


def test_an_edit_in_place_that_keeps_size_and_time_is_read(stage: Stage) -> None:
    path, old, _ = two_tables(stage)
    before = path.stat()
    path.write_text(old.replace("  eu1:", "  eu2:"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        before.st_size, before.st_mtime_ns, before.st_ino,
    )  # fmt: skip
    wait_for(lambda: status(stage) == 421)


def test_half_of_a_table_is_not_read_while_its_writer_pauses(stage: Stage) -> None:
    """What is written so far would be a table: without the move of account 8, it goes to na1."""
    _, rows = with_accounts(stage)
    assert hublet_of(stage, 7) == "eu1"
    live = stage.router.live
    looked = 0
    state = live_table._state

    def look(file: Path) -> live_table._State:
        nonlocal looked
        looked += file == rows
        return state(file)

    with pytest.MonkeyPatch.context() as patch, rows.open("w") as writer:
        patch.setattr(live_table, "_state", look)
        writer.write("9,eu1\n")
        writer.flush()
        wait_for(lambda: looked >= 4)
        assert (hublet_of(stage, 7), live.good) == ("eu1", 1)
        writer.write("8,eu1\n")
    wait_for(lambda: hublet_of(stage, 8) == "eu1")
    assert hublet_of(stage, 7) == "na1"
    assert (live.good, live.bad) == (2, 0)


def test_a_file_that_changes_is_read_once_when_two_looks_see_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hublets.yaml"
    path.write_text(MINIMAL)
    looked = 0

    def look(_: Path) -> live_table._State:
        nonlocal looked
        looked += 1
        return min(looked, 20), 0, 0, 0

    async def run() -> None:
        live = LiveTable(accept)
        live.use(path)
        monkeypatch.setattr(live_table, "_state", look)
        monkeypatch.setattr(live_table, "INTERVAL", 0.01)
        live.start_watching()
        while live.good < 2:
            await asyncio.sleep(0.01)
        assert looked >= 20
        while looked < 40:
            await asyncio.sleep(0.01)
        assert live.good == 2
        live.close()

    asyncio.run(asyncio.wait_for(run(), SECONDS))


def test_a_writer_is_seen_where_linux_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert not live_table._is_being_written(file)
    with file.open("a"):
        assert live_table._is_being_written(file)
        monkeypatch.setattr(sys, "platform", "darwin")
        assert not live_table._is_being_written(file)
        monkeypatch.undo()
    assert not live_table._is_being_written(tmp_path / "nowhere")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert not live_table._is_being_written(fifo)  # no lease on it, and no wait


@pytest.mark.parametrize("damage", ["bad", "gone", "directory", "empty"])
def test_a_bad_table_is_reported_once_and_the_last_good_one_goes_on(
    stage: Stage, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    caplog.set_level(logging.INFO)
    path, _, new = two_tables(stage)
    first = decided_by(stage)
    if damage in {"bad", "empty"}:
        path.write_text("domains: []\n" if damage == "bad" else "")
    else:
        path.unlink()
        if damage == "directory":
            path.mkdir()
    sentence = {
        "bad": f"{path}:1:10: 'domains' is an empty list; name at least one",
        "gone": f"{path}:1:1: cannot be read: No such file or directory",
        "directory": f"{path}:1:1: cannot be read: Is a directory",
        "empty": f"{path}:1:1: the file is empty; it must hold a table",
    }[damage]
    goes_on = f"{path} is not used; the last good table goes on"
    wait_for(lambda: goes_on in caplog.text)
    assert sentence in caplog.text
    assert decided_by(stage) == first
    live = stage.router.live
    assert not live.is_current
    if damage == "directory":
        path.rmdir()
    path.write_text(new)
    wait_for(lambda: status(stage) == 421)
    assert caplog.text.count(goes_on) == 1
    assert caplog.text.count(f"{path} is good again, and used: table ") == 1
    assert live.is_current


def with_accounts(stage: Stage) -> tuple[Path, Path]:
    """Start with a table whose accounts stand in a file; return both their paths."""
    stage.upstream("na1")
    stage.upstream("eu1")
    rows = stage.folder / "moved.csv"
    rows.write_text("7,eu1\n")
    accounts = "accounts: {ids: [{query: portalId}], file: moved.csv}\n"
    table = stage.table(stage.table_text(more=accounts))
    stage.proxy()
    return table, rows


def hublet_of(stage: Stage, account: int) -> str:
    """Ask once for an account, and return where the request went."""
    stage.get(f"/?portalId={account}")
    return str(stage.seen.flows[-1].metadata["hublet"])


def test_a_file_of_accounts_that_is_written_anew_is_read(stage: Stage) -> None:
    _, rows = with_accounts(stage)
    first = decided_by(stage)
    assert (hublet_of(stage, 7), hublet_of(stage, 8)) == ("eu1", "na1")
    rows.write_text("8,eu1\n")
    wait_for(lambda: hublet_of(stage, 8) == "eu1")
    assert hublet_of(stage, 7) == "na1"
    assert decided_by(stage) != first


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("8,eu1\n9,zz9\n", ":2:3: 'zz9' is not listed in 'hublets'; add it or fix the name"),
        (None, ":1:1: cannot be read: No such file or directory; write lines of account,hublet"),
        ("", ":1:1: is empty; if no account has moved, write the headings account,from,to"),
    ],
    ids=["bad", "gone", "empty"],
)
def test_a_bad_file_of_accounts_is_reported_once_and_the_last_good_one_goes_on(
    stage: Stage, caplog: pytest.LogCaptureFixture, damage: str | None, sentence: str
) -> None:
    table, rows = with_accounts(stage)
    live = stage.router.live
    first = decided_by(stage)
    if damage is None:
        rows.unlink()
    else:
        rows.write_text(damage)
    goes_on = f"{table} is not used; the last good table goes on"
    wait_for(lambda: goes_on in caplog.text)
    assert caplog.text.count(f"{rows}{sentence}") == 1
    assert hublet_of(stage, 7) == "eu1"
    assert decided_by(stage) == first
    rows.write_text("8,eu1\n")
    wait_for(lambda: hublet_of(stage, 8) == "eu1")
    assert caplog.text.count(goes_on) == 1
    assert (live.good, live.bad) == (2, 1)


def test_a_table_that_names_a_file_which_is_not_there_waits_for_it(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    table, rows = with_accounts(stage)
    table.write_text(table.read_text().replace("moved.csv", "others.csv"))
    wait_for(lambda: "others.csv:1:1: cannot be read" in caplog.text)
    (rows.parent / "others.csv").write_text("8,eu1\n")
    wait_for(lambda: hublet_of(stage, 8) == "eu1")
    assert hublet_of(stage, 7) == "na1"


def test_rows_that_came_while_the_table_was_read_are_not_missed(tmp_path: Path) -> None:
    """What is newer than the beginning of the reading may not have been read."""
    table, rows = tmp_path / "hublets.yaml", tmp_path / "moved.csv"
    table.write_text(MINIMAL + "accounts: {ids: [{query: id}], file: moved.csv}\n")
    rows.write_text("7,na1\n")
    hour = 3600 * 10**9
    for age, is_reread in ((-hour, True), (hour, False)):
        now = time.time_ns() - age
        os.utime(rows, ns=(now, now))
        reading = live_table.LiveTable(accept)._read(table)
        assert (reading.states[rows] == live_table._CHANGED) is is_reread


def accept(table: Table, _: Path) -> Table:
    """Accept every table."""
    return table


@pytest.mark.parametrize("end", [LiveTable.close, LiveTable.reload])
def test_close_ends_the_watch_and_a_new_table_begins_it_anew(
    tmp_path: Path, end: Callable[[LiveTable], object]
) -> None:
    path = tmp_path / "hublets.yaml"
    path.write_text(MINIMAL)

    async def run() -> bool:
        live = LiveTable(accept)
        live.close()
        live.use(path)
        live.start_watching()
        (watcher,) = asyncio.all_tasks() - {asyncio.current_task()}
        end(live)
        await asyncio.wait_for(asyncio.wait([watcher]), SECONDS)
        live.close()
        return watcher.cancelled()

    assert asyncio.run(run())


def test_a_watch_survives_whatever_fails(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, old, new = two_tables(stage)
    monkeypatch.setattr("hublet_router.proxy.live_table.load", no_load)
    path.write_text(new)
    wait_for(lambda: "the last good table goes on" in caplog.text)
    monkeypatch.undo()
    path.write_text(old + "# changed\n")
    path.write_text(new)
    wait_for(lambda: status(stage) == 421)


def no_load(_: Path, option: str) -> None:
    raise KeyError


def test_a_request_that_waits_for_its_body_is_decided_by_one_table(stage: Stage) -> None:
    """The table changes between its head and its body: the whole of it is the new one's."""
    path, _, new = two_tables(stage)
    body = b"refresh_token=eu1-0000"
    raw = request("POST", "/oauth/v1/token", body=body)
    with stage.client() as client:
        client.socket.sendall(raw.removesuffix(body))
        path.write_text(new)
        wait_for(lambda: status(stage) == 421)
        answer = client.send(body)
    assert answer.problem["reason"] == "unknown-hublet"
    versions = {str(flow.metadata["hublet_table"]) for flow in stage.seen.flows[-2:]}
    assert len(versions) == 1
    assert stage.upstreams["na1"].connections == []


def test_reload_soon_reads_an_unchanged_table_again(stage: Stage) -> None:
    """What SIGHUP asks for; test_start.py sends a real one."""
    two_tables(stage)
    live = stage.router.live
    assert live.good == 1
    live.reload_soon()
    wait_for(lambda: live.good == 2)
    assert live.bad == 0


def test_its_faults_can_be_less_than_errors(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    path, _, _ = two_tables(stage)
    stage.router.live.level = logging.WARNING
    path.write_text("domains: []\n")
    wait_for(lambda: f"{path} is not used; the last good table goes on" in caplog.text)
    assert {it.levelname for it in caplog.records if "hublets.yaml:" in it.getMessage()} == {
        "WARNING"
    }


def test_watch_without_a_table_waits_for_one(tmp_path: Path) -> None:
    async def run() -> None:
        live = LiveTable(accept)
        live.start_watching()
        live.reload_soon()
        await asyncio.sleep(live_table.INTERVAL * 1.5)
        live.reload_soon(tmp_path / "hublets.yaml")
        while not live.bad:
            await asyncio.sleep(0.02)
        assert not live.is_current
        live.close()

    asyncio.run(asyncio.wait_for(run(), SECONDS))


def test_a_table_that_is_not_accepted_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "hublets.yaml"
    path.write_text(MINIMAL)

    def refuse(_: Table, __: Path) -> Table:
        raise OptionsError("not here")

    live = LiveTable(refuse)
    with pytest.raises(OptionsError):
        live.use(path)
    assert (live.table, live.path, live.good) == (None, None, 1)


def test_a_file_that_another_table_names_is_not_watched_for_this_one(tmp_path: Path) -> None:
    one, other, rows = (tmp_path / name for name in ("one.yaml", "other.yaml", "moved.csv"))
    rows.write_text("7,na1\n")
    one.write_text(MINIMAL + "accounts: {ids: [{query: id}], file: moved.csv}\n")
    other.write_text(MINIMAL)
    live = LiveTable(accept)
    live.use(one)
    assert set(live._states) == {one, rows}
    live.reload()
    assert set(live._states) == {one, rows}
    live.use(other)
    assert set(live._states) == {other}
