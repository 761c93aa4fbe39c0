"""The commands inside a real mitmproxy."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.exceptions import CommandError
from mitmproxy.test import tflow
from mitmproxy.tools.console import defaultkeys
from mitmproxy.tools.console.keymap import Keymap
from mitmproxy.types import CommandTypes

from harness import SECONDS, Stage, bearer, wait_for
from hublet_router.core.table import Table
from hublet_router.proxy import live_table
from hublet_router.proxy.commands import CONTEXTS, KEYS, WEB_COLUMNS
from hublet_router.tablefile import load
from synthetic import UUID

SECRET = f"pat-eu1-{UUID}"


@pytest.fixture
def routed(stage: Stage) -> Stage:
    """Two Hublets, and one request that went to eu1."""
    stage.regions("na1", "eu1")
    stage.proxy(hublet_override=True)
    assert stage.get("/a", bearer("eu1")).hublet == "eu1"
    stage.finish()
    return stage


def test_explain_opens_the_whole_record(routed: Stage) -> None:
    rows = dict(routed.command("hublet.explain", routed.seen.flows))
    assert rows["flow"] == f"GET http://api.hubapi.com/a, flow {routed.seen.flows[0].id}"
    assert rows["went"] == "eu1 ← private-app-token"
    decided = "header authorization bearer: names eu1: decided (pat-…, "
    assert rows["private-app-token"].startswith(decided)
    assert rows["api-key"] == "query hapikey: no credential there"
    assert rows["not for this path"] == "refresh-token, personal-access-key"
    assert "would go now" not in rows
    assert UUID not in str(rows)


def test_explain_shows_what_another_table_would_do(routed: Stage) -> None:
    text = routed.table().read_text()
    routed.table(text.replace("^pat-([a-z]", "^pit-([a-z]"))
    routed.command("hublet.reload")
    rows = dict(routed.command("hublet.explain", routed.seen.flows))
    assert rows["went"] == "eu1 ← private-app-token"
    assert rows["would go now"] == "na1 ← legacy (private-app-token)"
    assert rows["policy"] == "legacy: default"
    assert routed.command("hublet.explain", []) == [["no request", ""]]


def test_table_command_shows_the_requests_of_each_hublet_and_rule(routed: Stage) -> None:
    rows = routed.command("hublet.table")
    usage = {row[0]: row[2] for row in rows}
    assert usage["Hublet na1"] == "no request"
    assert usage["Hublet eu1"].startswith("1 request, ")
    assert usage["rule private-app-token"].startswith("1 request, ")
    assert routed.router.live.table
    assert rows[-1] == ["table", routed.router.live.table.version, ""]
    assert len({len(row) for row in rows}) == 1


def test_table_command_lists_misdirected_answers(routed: Stage) -> None:
    routed.router.misdirected.counts["na1", "eu1"] += 2
    assert ["misdirected", "na1 said: eu1", "2"] in routed.command("hublet.table")


def test_diff_shows_what_another_table_would_change(routed: Stage, tmp_path: Path) -> None:
    flows = routed.seen.flows
    other = tmp_path / "other.yaml"
    text = (routed.folder / "hublets.yaml").read_text()
    other.write_text(text)
    assert routed.command("hublet.diff", str(other), flows) == [["0 of 1 request would change"]]
    other.write_text(text.replace("^pat-([a-z]", "^pit-([a-z]"))
    assert routed.command("hublet.diff", str(other), flows) == [
        ["1 of 1 request would change"],
        ["1 request"],
        ["- eu1 ← private-app-token"],
        ["+ na1 ← legacy (private-app-token)"],
        [f"  GET http://api.hubapi.com/a, flow {flows[0].id}"],
    ]
    with pytest.raises(CommandError, match=r"nothing\.yaml:1:1: cannot be read"):
        routed.command("hublet.diff", str(tmp_path / "nothing.yaml"), flows)


def test_reload_reads_the_table_at_once(routed: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = routed.table()
    path.write_text(path.read_text() + "# another\n")
    before = routed.router.live.table
    routed.command("hublet.reload")
    table = routed.router.live.table
    assert table
    assert table != before
    assert f"table {table.version} is in use" in caplog.messages


def test_law_1_no_older_table_comes_back_after_a_reload(
    routed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, may_end = routed.router, threading.Event()
    assert router.live.table
    version = router.live.table.version

    def slow(path: Path, *, option: str) -> Table:
        table = load(path, option=option)
        if threading.current_thread() is not routed.thread:  # the watch, not the command
            began.append(table.version)
            assert may_end.wait(SECONDS)
            ended.append(table.version)
        return table

    began: list[str] = []
    ended: list[str] = []
    monkeypatch.setattr(live_table, "load", slow)
    path = routed.table()
    path.write_text(path.read_text() + "# older\n")
    wait_for(lambda: began)
    path.write_text(path.read_text() + "# newer\n")
    routed.command("hublet.reload")
    newer = router.live.table.version
    assert len({version, *began, newer}) == 3
    may_end.set()
    wait_for(lambda: ended)
    routed.call(asyncio.sleep(0.1))  # what ended in its thread has come to the loop
    assert router.live.table.version == newer


def test_reload_of_a_bad_table_shows_its_faults_and_keeps_the_good_one(routed: Stage) -> None:
    before = routed.router.live.table
    routed.table("nonsense: 1")
    with pytest.raises(
        CommandError, match=r"hublets.yaml:1:1: .*\n(.*\n)*the last good table goes"
    ):
        routed.command("hublet.reload")
    assert routed.router.live.table is before


def test_without_a_table_each_command_says_so(routed: Stage) -> None:
    routed.router.live.table = routed.router.live.path = None
    commands: list[list[Any]] = [["hublet.table"], ["hublet.explain", []], ["hublet.names"]]
    for words in commands:
        with pytest.raises(CommandError, match="there is no table; the event log says why"):
            routed.command(*words)
    with pytest.raises(CommandError, match="there is no file to read"):
        routed.command("hublet.reload")


def test_a_pinned_credential_goes_elsewhere_until_it_is_unpinned(
    routed: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    routed.command("hublet.pin", routed.seen.flows, "na1")
    flow = f"GET http://api.hubapi.com/a, flow {routed.seen.flows[0].id}"
    assert f"PINNED to na1 until hublet.unpin: private-app-token of {flow}\n" in caplog.text
    with routed.client() as client:
        assert client.get("/b", bearer("eu1")).hublet == "na1"
        assert client.get("/c?hapikey=eu1-0").hublet == "eu1"
        assert ["pinned", "to na1"] in [[row[0], row[2]] for row in routed.command("hublet.table")]
        routed.command("hublet.unpin")
        assert client.get("/d", bearer("eu1")).hublet == "eu1"
    wait_for(lambda: len(routed.seen.flows) == 4)
    pinned = routed.seen.flows[1]
    assert (pinned.comment, pinned.marked) == ("na1 ← pinned (private-app-token)", ":pushpin:")
    assert pinned.metadata["hublet_reason"] == "pinned"
    assert "unpinned: 1 credential" in caplog.text
    assert UUID not in caplog.text


def test_a_pin_ends_with_the_key_of_its_fingerprint_and_says_so(
    routed: Stage, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("0" * 32)
    routed.command("hublet.pin", routed.seen.flows, "na1")
    try:
        routed.set_option(hublet_fingerprint_key=str(key))
    finally:
        routed.set_option(hublet_fingerprint_key=None)
    said = [it.getMessage() for it in caplog.records if "is pinned or resent" in it.getMessage()]
    assert said == [
        "the key of fingerprints has changed: nothing is pinned or resent elsewhere any more"
    ]
    with routed.client() as client:
        assert client.get("/b", bearer("eu1")).hublet == "eu1"


def test_law_1_pins_that_differ_refuse_an_upload_of_unknown_length(
    routed: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    with routed.client() as client:
        assert client.get("/b?hapikey=eu1-0").hublet == "eu1"
    wait_for(lambda: len(routed.seen.flows) == 2)
    routed.command("hublet.pin", routed.seen.flows[:1], "na1")
    routed.command("hublet.pin", routed.seen.flows[1:], "eu1")
    before = {name: len(up.requests) for name, up in routed.upstreams.items()}
    fields = f"Host: api.hubapi.com\r\n{bearer('eu1')}\r\nTransfer-Encoding: chunked\r\n"
    upload = f"POST /oauth/v1/token?hapikey=eu1-0 HTTP/1.1\r\n{fields}\r\n3\r\na=b\r\n0\r\n\r\n"
    with routed.client() as client:
        assert client.send(upload.encode()).status in {400, 502}
    assert {name: len(up.requests) for name, up in routed.upstreams.items()} == before
    assert "Error at" not in caplog.text


def test_what_carries_no_credential_cannot_be_pinned(routed: Stage) -> None:
    with pytest.raises(CommandError, match="these flows carry no credential"):
        routed.command("hublet.pin", [tflow.tflow()], "na1")
    routed.command("hublet.pin", [tflow.ttcpflow(), tflow.tflow(), *routed.seen.flows], "na1")
    assert list(routed.router.overrides.pins.values()) == ["na1"]


def test_resend_shows_both_answers(routed: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    routed.command("hublet.resend", routed.seen.flows[:1], "na1")
    wait_for(lambda: len(routed.seen.flows) == 2)
    first, again = routed.seen.flows
    wait_for(lambda: "resent" in caplog.text)
    assert (first.metadata["hublet"], again.metadata["hublet"]) == ("eu1", "na1")
    answers = "200, 3 bytes; eu1: 200, 3 bytes"
    assert again.comment == f"na1 ← pinned (private-app-token): {answers}"
    assert "resent: eu1 answered 200" in caplog.text
    with routed.client() as client:
        assert client.get("/a", bearer("eu1")).hublet == "eu1"  # nothing is left behind


def test_what_is_resent_is_named(routed: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with routed.client() as client:
        client.get("/b", bearer("eu1"))
    flows = list(routed.seen.flows)
    routed.command("hublet.resend", flows, "na1")
    first = f"GET http://api.hubapi.com/a, flow {flows[0].id}"
    assert f"resending to na1: {first} and 1 other\n" in caplog.text
    wait_for(lambda: len(routed.seen.flows) == 4)
    with pytest.raises(CommandError, match="no request is named"):
        routed.command("hublet.resend", [], "na1")


def test_law_1_a_copy_that_is_replayed_again_goes_where_it_names(routed: Stage) -> None:
    routed.command("hublet.resend", routed.seen.flows, "na1")
    wait_for(lambda: len(routed.seen.flows) == 2)
    again = routed.seen.flows[1]
    assert again.metadata["hublet_reason"] == "pinned"
    wait_for(lambda: not again.live)
    routed.command("replay.client", [again])
    wait_for(lambda: len(routed.seen.flows) == 3)
    assert again.metadata["hublet"] == "eu1"
    assert again.metadata["hublet_reason"] == "credential"


def test_law_1_nothing_stays_pinned_where_that_is_no_longer_allowed(routed: Stage) -> None:
    routed.command("hublet.pin", routed.seen.flows, "na1")
    routed.set_option(hublet_override=False)
    with routed.client() as client:
        assert client.get("/b", bearer("eu1")).hublet == "eu1"


def test_resend_to_an_upstream_that_is_down_shows_its_error(
    routed: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = routed.upstreams["na1"].server
    assert server
    routed.loop.call_soon_threadsafe(server.close)
    wait_for(lambda: not server.is_serving())
    routed.command("hublet.resend", routed.seen.flows[:1], "na1")
    wait_for(lambda: "resent: eu1 answered 200" in caplog.text)
    assert "na1 answered " in caplog.text


@pytest.mark.parametrize("name", ["hublet.pin", "hublet.resend"])
def test_under_mitmdump_nothing_is_overridden_unless_an_option_allows_it(
    routed: Stage, name: str
) -> None:
    routed.set_option(hublet_override=False)
    with pytest.raises(CommandError, match="mitmdump does not show that a request goes"):
        routed.command(name, routed.seen.flows, "na1")


@pytest.mark.parametrize("name", ["hublet.pin", "hublet.resend"])
def test_a_hublet_is_chosen_from_the_table(routed: Stage, name: str) -> None:
    parameter = routed.master.commands.commands[name].parameters[1]
    choices = CommandTypes.get(parameter.type)
    assert choices
    assert choices.completion(routed.master.commands, parameter.type, "") == ["na1", "eu1"]
    with pytest.raises(CommandError):
        routed.master.commands.call_strings(name, ["@all", "zz9"])


def test_every_command_has_help(routed: Stage) -> None:
    ours = {n: c for n, c in routed.master.commands.commands.items() if n.startswith("hublet.")}
    assert set(ours) >= {"hublet.explain", "hublet.table", "hublet.reload", "hublet.unpin"}
    assert all(command.help for command in ours.values())


def test_the_keys_are_free() -> None:
    keymap = Keymap(None)
    defaultkeys.map(keymap)
    taken = {(bound.key, context) for bound in keymap.bindings for context in bound.contexts}
    assert not taken & {(key, context) for key in KEYS for context in [*CONTEXTS, "global"]}


def test_the_keys_are_bound_unless_the_user_has_bound_them(routed: Stage) -> None:
    prompt = routed.router.commands
    keymap: Any = Keymap(None)
    keymap.add("Y", "quit", ["flowlist"])
    routed.master.keymap = keymap  # type: ignore[attr-defined]
    routed.call(_running(prompt))
    assert keymap.get("flowview", "y").command == "hublet.explain @focus"
    assert keymap.get("flowlist", "Y").command == "quit"
    assert keymap.get("flowview", "Y") is None


async def _running(prompt: Any) -> None:
    prompt.running()


@pytest.mark.parametrize("given", [None, ["path"]], ids=["mitmweb's own", "the user's"])
def test_mitmwebs_list_begins_with_the_comment_unless_its_user_set_columns(
    routed: Stage, given: list[str] | None
) -> None:
    options = routed.master.options
    options.add_option("web_columns", Sequence[str], ["icon", "path"], "as mitmweb has it")
    if given:
        routed.set_option(web_columns=given)
    routed.call(_running(routed.router.commands))
    assert options.web_columns == (given or WEB_COLUMNS)
