"""Recorded flows, read and replayed: each gets the decision that it was recorded with.

The files in `flows/` are made by `flows/record.py`; the decision is in their metadata.
"""

import re
from collections import Counter
from pathlib import Path

import pytest
from mitmproxy.flowfilter import match
from mitmproxy.http import HTTPFlow
from mitmproxy.io import read_flows_from_paths
from mitmproxy.net.http.http1 import assemble_request

import forked
from flows.record import (
    FOLDER,
    RECORDINGS,
    SHIPPED,
    as_sent,
    plain,
    record,
    save,
    shipped_table,
)
from harness import REVERSE, Stage, Upstream, authority, confdir, wait_for
from hublet_router.cli.run import script
from hublet_router.core.findings import Finding, findings
from hublet_router.core.judge import decide
from hublet_router.flows.requests import request_head, request_with_body
from hublet_router.tablefile import load
from ui import FILTERS

FOREIGN = "foreign-host"  # whose name is replaced, too
STALE = "the examples of hublets.yaml have changed: run tests/flows/record.py again"

each_file = pytest.mark.parametrize("file", [FOLDER / name for name in RECORDINGS], ids=RECORDINGS)


def read(path: Path) -> list[HTTPFlow]:
    return [flow for flow in read_flows_from_paths([path]) if isinstance(flow, HTTPFlow)]


def decision(flow: HTTPFlow) -> tuple[str | None, ...]:
    """What was decided; not by which table, whose version changes with its upstreams' ports."""
    return tuple(flow.metadata.get(f"hublet{key}") for key in ("", "_reason", "_credential"))


def decisions(flows: list[HTTPFlow]) -> list[tuple[str | None, ...]]:
    return [decision(flow) for flow in flows]


def annotations(flows: list[HTTPFlow]) -> list[object]:
    return [(flow.metadata, flow.comment, flow.marked) for flow in flows]


def requests(flows: list[HTTPFlow]) -> list[object]:
    return [flow.request.get_state() for flow in flows]


def tables(flows: list[HTTPFlow]) -> set[str]:
    return {flow.metadata["hublet_table"] for flow in flows}


def outline(raw: bytes) -> bytes:
    """What redaction keeps of each request of these: how long its words are."""
    return re.sub(rb"[\w-]", b"x", raw)


def without_annotations(file: Path, copy: Path) -> Path:
    """Copy a flow file as a mitmproxy without the addon would have written it."""
    flows = read(file)
    for flow in flows:
        flow.metadata, flow.comment, flow.marked = {}, "", ""
    return save(flows, copy)


def aimed_at(upstream: Upstream, file: Path, copy: Path) -> Path:
    """Copy a flow file without annotations, as if all of it had gone to one upstream, not TLS."""
    flows = read(without_annotations(file, copy))
    for flow in flows:
        flow.request.data.host, flow.request.data.port = "localhost", upstream.port
        flow.request.scheme = "http"
    return save(flows, copy)


def mitmdump(folder: Path, *arguments: str | Path) -> list[HTTPFlow]:
    """Run mitmdump without its server until it has done what it was asked; return what it saved."""
    saved = folder / "saved.mitm"
    process = forked.run(
        "mitmdump",
        *("-n", "-w", saved, "--set", f"confdir={confdir()}", "--set", "flow_detail=0"),
        *arguments,  # last, because a filter takes all that follows it
        cwd=folder,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "error" not in (process.stdout + process.stderr).lower()  # it goes on after most
    return read(saved)


def routed_by(table: Path) -> list[str | Path]:
    return ["-s", script(), "--set", f"hublets={table}"]


# the files


@each_file
def test_a_file_holds_every_example_with_the_decision_that_the_table_demands(file: Path) -> None:
    table = load(SHIPPED)
    _, ways = RECORDINGS[file.name]
    examples = [example for _ in ways for example in table.examples]
    flows = read(file)
    assert [
        outline(assemble_request(flow.request)) for flow in flows if decision(flow)[1] != FOREIGN
    ] == [
        outline(as_sent(example.request)) for example in examples if example.refused != FOREIGN
    ], STALE
    assert [flow.metadata.get("hublet") for flow in flows] == [
        example.hublet for example in examples
    ], STALE
    assert [flow.metadata["hublet_reason"] for flow in flows if "hublet" not in flow.metadata] == [
        example.refused for example in examples if example.refused
    ], STALE
    named = {flow.metadata["hublet_credential"] for flow in flows if decision(flow)[2]}
    assert named == {rule.name for rule in table.rules}, "a rule without an example"


def is_secret(found: Finding) -> bool:
    """Return whether a finding is a credential: a host is none, and a foreign one is never read."""
    return bool(found.credential) and not found.rule.reads_hosts


@each_file
def test_a_file_holds_no_credential_that_was_sent(file: Path) -> None:
    table = load(SHIPPED)
    sent = {
        found.credential
        for it in table.examples
        for found in findings(table, it.request)
        if is_secret(found)
    }
    kept = {
        found.credential
        for flow in read(file)
        for found in findings(table, request_with_body(flow))
        if is_secret(found)
    }
    assert len(kept) == len(sent) > 5
    assert not sent & kept


def test_the_script_makes_the_files_again(tmp_path: Path) -> None:
    record(tmp_path)
    for name in RECORDINGS:
        again, before = read(tmp_path / name), read(FOLDER / name)
        assert decisions(again) == decisions(before), STALE
        assert [assemble_request(flow.request) for flow in again] == [
            assemble_request(flow.request) for flow in before
        ], STALE
        assert [(flow.comment, flow.marked) for flow in again] == [
            (flow.comment, flow.marked) for flow in before
        ], STALE


# mitmdump -nr


@each_file
def test_flows_without_annotations_get_the_decisions_of_the_recording(
    file: Path, tmp_path: Path
) -> None:
    bare = without_annotations(file, tmp_path / "bare.mitm")
    flows = mitmdump(tmp_path, "-r", bare, *routed_by(SHIPPED))
    recorded = read(file)
    assert decisions(flows) == decisions(recorded)
    assert [(flow.comment, flow.marked) for flow in flows] == [
        (flow.comment, flow.marked) for flow in recorded
    ]
    assert requests(flows) == requests(recorded)
    assert tables(flows) == {load(SHIPPED).version}


@each_file
def test_what_was_decided_then_stays_whatever_the_table_says_now(
    file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "hublets.yaml"
    text = SHIPPED.read_text().partition("\nexamples:")[0]  # they would not hold
    other.write_text(text.replace("\ndefault: na1", "\ndefault: eu1"))
    recorded = read(file)
    kept = mitmdump(tmp_path, "-r", file, *routed_by(other))
    assert annotations(kept) == annotations(recorded)
    assert requests(kept) == requests(recorded)
    table = load(other)
    now = [decide(table, request_head(it, it.request.raw_content)).hublet for it in recorded]
    assert now != [flow.metadata.get("hublet") for flow in recorded]


@each_file
def test_reading_in_reverse_mode_changes_nothing(file: Path, tmp_path: Path) -> None:
    bare = without_annotations(file, tmp_path / "bare.mitm")
    flows = mitmdump(tmp_path, "-r", bare, *routed_by(SHIPPED), "--mode", REVERSE)
    recorded = read(file)
    assert decisions(flows) == decisions(recorded)
    assert requests(flows) == requests(recorded)


@each_file
def test_a_filter_finds_the_flows_of_a_hublet(file: Path, tmp_path: Path) -> None:
    found = mitmdump(tmp_path, "-r", file, "~meta '^hublet: eu1$'")
    of_eu1 = [flow.id for flow in read(file) if flow.metadata.get("hublet") == "eu1"]
    assert of_eu1
    assert [flow.id for flow in found] == of_eu1


# client replay


def assert_replayed(file: Path, flows: list[HTTPFlow], stage: Stage) -> None:
    """Each flow got its decision anew, its answer, and arrived as its client had sent it."""
    recorded = read(file)
    assert decisions(flows) == decisions(recorded)
    assert tables(flows) == {load(stage.folder / "hublets.yaml").version}
    assert [answer(flow) for flow in flows] == [answer(flow) for flow in recorded]
    for name, upstream in stage.upstreams.items():
        its_own = [flow for flow in recorded if flow.metadata.get("hublet") == name]
        assert upstream.requests == [assemble_request(flow.request) for flow in its_own]
        assert len(upstream.connections) == len(its_own)
        assert upstream.server_names == [flow.request.pretty_host for flow in its_own]


def answer(flow: HTTPFlow) -> object:
    assert flow.response
    return flow.response.status_code, flow.response.headers.fields, flow.response.content


@each_file
@pytest.mark.parametrize("mode", [REVERSE, "regular"], ids=["in reverse mode", "in regular mode"])
def test_a_client_replay_goes_where_its_credentials_say_and_not_where_it_went_then(
    stage: Stage, file: Path, mode: str
) -> None:
    stage.table(shipped_table(stage))
    then = stage.upstream("then")  # no Hublet of the table
    aimed = aimed_at(then, file, stage.folder / "aimed.mitm")
    stage.proxy(mode=mode, client_replay=[str(aimed)], keep_host_header=False)
    count = len(read(file))
    wait_for(lambda: len(stage.seen.ended) == count)
    assert_replayed(file, stage.seen.flows, stage)
    assert then.connections == []
    assert stage.master.options.keep_host_header


@each_file
def test_a_client_replay_of_mitmdump_needs_no_option(
    stage: Stage, file: Path, tmp_path: Path
) -> None:
    table = stage.table(shipped_table(stage))
    trust = f"ssl_verify_upstream_trusted_ca={authority()}"
    flows = mitmdump(tmp_path, "-C", file, *routed_by(table), "--set", trust)
    assert_replayed(file, flows, stage)
    assert {flow.is_replay for flow in flows} == {"request"}


def test_a_client_replay_without_the_addon_is_a_trap(stage: Stage, tmp_path: Path) -> None:
    """mitmproxy writes the target over Host when the flow was recorded in reverse mode.

    This is what `keep_host_header` is forced for; when it fails, mitmproxy has fixed it.
    """
    then = stage.upstream("then")
    aimed = aimed_at(then, FOLDER / "reverse.mitm", tmp_path / "aimed.mitm")
    flows = mitmdump(tmp_path, "-C", aimed)
    assert Counter(flow.request.host_header for flow in flows) == {
        f"localhost:{then.port}": len(read(aimed))
    }
    assert len(then.requests) == len(flows)


# what a person looks at


@pytest.fixture(params=["-w", "save.file"])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[HTTPFlow], Path]:
    """Flows as the addon left them, and the file in which they were saved."""
    file = tmp_path / "live.mitm"
    with Stage(tmp_path) as stage:
        stage.table(shipped_table(stage))
        port = stage.proxy()
        if request.param == "-w":
            stage.set_option(save_stream_file=str(file))
        for example in load(SHIPPED).examples:
            plain(port, example.request)
        if request.param == "save.file":
            stage.command("save.file", stage.seen.flows, str(file))
    return stage.seen.flows, file


@pytest.mark.parametrize("script_too", [False, True], ids=["without", "with"])
def test_what_the_view_shows_is_saved(
    live: tuple[list[HTTPFlow], Path], script_too: bool, tmp_path: Path
) -> None:
    """Comment, marker and metadata; and the filters of the manual find the same, in each tool."""
    flows, file = live
    loaded = mitmdump(tmp_path, "-r", file, *(routed_by(SHIPPED) if script_too else []))
    assert annotations(loaded) == annotations(flows)
    assert {"", ":no_entry:"} == {flow.marked for flow in loaded}
    for everywhere, in_mitmweb in FILTERS:
        found = [flow.id for flow in loaded if match(everywhere, flow)]
        assert 0 < len(found) < len(flows)
        assert found == [flow.id for flow in flows if match(in_mitmweb, flow)]
