"""The event chain: who sleeps in lean mode, who wakes when, and that nobody needed is missed."""

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import hooks, http
from mitmproxy.addonmanager import Loader
from mitmproxy.addons import block, dumper, view
from mitmproxy.exceptions import AddonHalt, AddonManagerError, OptionsError
from mitmproxy.io import FlowWriter, read_flows_from_paths
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http._hooks import (
    HttpRequestHeadersHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
    HttpResponseHook,
)
from mitmproxy.proxy.server_hooks import ClientConnectedHook
from mitmproxy.test import taddons, tflow, tutils
from mitmproxy.tools.dump import DumpMaster

from harness import Answer, Stage, bearer, confdir, read_request, request, wait_for
from hublet_router.proxy.engine.chain import DEAF, SLEEPS, STAYS, Chain, Group
from test_start import TABLE, said, start
from test_streams import Mitmdump

# Judged in mitmproxy 12.2.3 and 12.3.1, when they had these: options; hooks; commands.
SLEEPERS = {
    "anticache": ("anticache", "load request", ""),
    "anticomp": ("anticomp", "load request", ""),
    "blocklist": ("block_list", "configure load request", ""),
    "dumper": (
        "dumper_default_contentview dumper_filter flow_detail",
        "configure dns_error dns_response error http_connect_error load response tcp_error"
        " tcp_message udp_error udp_message websocket_end websocket_message",
        "",
    ),
    "maplocal": ("map_local", "configure load request", ""),
    "mapremote": ("map_remote", "configure load request", ""),
    "modifybody": ("modify_body", "configure load request response", ""),
    "modifyheaders": ("modify_headers", "configure load requestheaders responseheaders", ""),
    "onboarding": ("onboarding onboarding_host", "configure load request", ""),
    "save": (
        "save_stream_file save_stream_filter",
        "configure dns_error dns_request dns_response done error load request response tcp_end"
        " tcp_error tcp_start udp_end udp_error udp_start websocket_end",
        "save.file",
    ),
    "savehar": ("hardump", "configure done error load response websocket_end", "save.har"),
    "stickyauth": ("stickyauth", "configure load request", ""),
    "stickycookie": ("stickycookie", "configure load request response", ""),
}
OURS = {"hublet-router-proxy-status", "hublet-router-shadow"}


def addons_of_mitmdump() -> dict[str, Any]:
    async def load() -> dict[str, Any]:
        master = DumpMaster(Options(confdir=str(confdir())))
        master.addons.get("errorcheck").finish()
        await master.done()
        lookup: dict[str, Any] = master.addons.lookup
        return lookup

    return asyncio.run(load())


def hooks_of(addon: object) -> set[str]:
    return {event for event in hooks.all_hooks if hasattr(addon, event)}


# who may sleep


def test_every_addon_of_mitmdump_is_judged() -> None:
    """Where this fails, a release brought or took an addon: judge it, and list it in chain.py."""
    judged = [*SLEEPS, *DEAF, *(name for names in STAYS.values() for name in names)]
    assert sorted([*judged, "scriptloader"]) == sorted([*addons_of_mitmdump(), *OURS])


def test_what_sleeps_is_what_was_judged() -> None:
    """Where this fails, an addon that sleeps has learnt something: judge it again."""
    found = {}
    for name, addon in addons_of_mitmdump().items():
        if name in SLEEPS:
            with taddons.context() as context:
                options, commands = context.options.keys(), set(context.master.commands.commands)
                context.master.addons.add(type(addon)())
                found[name] = tuple(
                    " ".join(sorted(names))
                    for names in (
                        context.options.keys() - options,
                        hooks_of(addon),
                        context.master.commands.commands.keys() - commands,
                    )
                )
    assert found == SLEEPERS


def test_who_is_deaf_has_no_hook() -> None:
    addons = addons_of_mitmdump()
    life_cycle = {"load", "configure", "running", "done"}
    assert all(hooks_of(addons[name]) <= life_cycle for name in DEAF)


@pytest.mark.parametrize("name", SLEEPERS)
def test_awake_with_its_option_off_it_would_do_nothing(name: str) -> None:
    """For HTTP, which is what is routed."""
    addon = type(addons_of_mitmdump()[name])()
    with taddons.context(addon) as context:
        if getattr(context.options, SLEEPS[name]):
            context.options.update(**{SLEEPS[name]: 0 if name == "dumper" else False})
        flow = tflow.tflow()
        flow.request.host_header = "mitm.it"
        for event, response in (
            (HttpRequestHeadersHook(flow), None),
            (HttpRequestHook(flow), None),
            (HttpResponseHeadersHook(flow), tutils.tresp()),
            (HttpResponseHook(flow), tutils.tresp()),
        ):
            flow.response = response
            before = flow.get_state(), repr(vars(addon))
            asyncio.run(context.master.addons.trigger_event(event))
            assert (flow.get_state(), repr(vars(addon))) == before


# who wakes, and when


@pytest.fixture(params=["from the start", "later"])
def proxy(stage: Stage, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Start a proxy in front of na1 and eu1, with options from the start or set later."""
    eu1 = stage.upstream("eu1")
    stage.upstream("na1")
    stage.table()

    async def sets_a_cookie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while raw := await read_request(reader, bytearray()):
            eu1.requests.append(raw)
            writer.write(
                b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 3\r\n\r\neu1"
            )

    eu1.behaviour = sets_a_cookie

    def begin(**options: Any) -> None:
        if request.param == "later":
            stage.proxy()
            with stage.client() as client:
                assert client.get("/", bearer("na1")).status == 200
            stage.set_option(**options)
        else:
            stage.proxy(**options)

    return begin


def post(stage: Stage, *fields: str, path: str = "/", body: bytes = b"") -> Answer:
    with stage.client() as client:
        return client.send(request("POST", path, bearer("eu1"), *fields, body=body), "POST")


def arrived(stage: Stage, *fields: str, path: str = "/", body: bytes = b"") -> bytes:
    """Send a request to eu1; return what came there."""
    assert post(stage, *fields, path=path, body=body).status == 200
    return stage.upstreams["eu1"].requests[-1]


@pytest.mark.parametrize(
    ("options", "field", "found"),
    [
        ({"anticache": True}, "If-None-Match: x", b"body"),
        ({"anticomp": True}, "Accept-Encoding: gzip", b"identity"),
        ({"modify_headers": ["/~q/X-Added/yes"]}, "X: y", b"X-Added: yes"),
        ({"modify_body": ["/~q/body/other"]}, "X: y", b"\r\n\r\nother"),
        ({"upstream_auth": "user:word"}, "X: y", b"uthorization: Basic dXNlcjp3b3Jk"),
        ({"map_remote": ["|/here|/there"]}, "X: y", b"POST /there "),
    ],
)
def test_what_changes_a_request(
    stage: Stage, proxy: Callable[..., None], options: dict[str, Any], field: str, found: bytes
) -> None:
    proxy(**options)
    raw = arrived(stage, field, path="/here", body=b"body")
    assert found in raw
    assert b"If-None-Match" not in raw


def test_sticky_credentials(stage: Stage, proxy: Callable[..., None]) -> None:
    proxy(stickyauth=".", stickycookie=".")
    arrived(stage)
    assert b"\r\ncookie: a=b\r\n" in arrived(stage).lower()
    with stage.client() as client:
        client.get("/")
    assert b"authorization: bearer pat-eu1-" in stage.upstreams["eu1"].requests[-1].lower()


@pytest.mark.parametrize(
    ("option", "value", "status"),
    [
        ("map_local", ["|/here|FILE"], 200),
        ("block_list", ["|/here|418"], 418),
        ("proxyauth", "user:word", 401),
    ],
)
def test_what_answers_in_the_place_of_a_hublet(
    stage: Stage, proxy: Callable[..., None], option: str, value: str | list[str], status: int
) -> None:
    (stage.folder / "file").write_text("from a file")
    if isinstance(value, list):
        value = [it.replace("FILE", str(stage.folder / "file")) for it in value]
    proxy(**{option: value})
    assert post(stage, path="/here").status == status
    assert stage.upstreams["eu1"].requests == []


def test_recordings(stage: Stage, proxy: Callable[..., None]) -> None:
    path, har = stage.folder / "recorded", stage.folder / "har"
    proxy(save_stream_file=str(path), hardump=str(har))
    arrived(stage, path="/recorded")
    assert stage.master
    stage.call(stage.master.done())
    (flow,) = read_flows_from_paths([path])
    assert isinstance(flow, http.HTTPFlow)
    assert flow.request.path == "/recorded"
    assert flow.comment == "eu1 ← private-app-token"
    assert "/recorded" in har.read_text()


def recorded() -> http.HTTPFlow:
    flow = tflow.tflow(resp=True)
    flow.live = False
    flow.request = http.Request.make("POST", "http://api.hubapi.com/")
    flow.request.host_header = "api.hubapi.com"
    flow.request.headers["Authorization"] = bearer("eu1").partition(": ")[2]
    return flow


def test_server_replay(stage: Stage, proxy: Callable[..., None]) -> None:
    path = stage.folder / "recorded"
    with path.open("wb") as file:
        FlowWriter(file).add(recorded())
    proxy(server_replay=[str(path)], server_replay_ignore_port=True)
    assert post(stage).body == b"message"
    assert stage.upstreams["eu1"].requests == []


@pytest.mark.parametrize("command", ["replay.client", "replay.server"])
def test_commands(stage: Stage, proxy: Callable[..., None], command: str) -> None:
    proxy(server_replay_ignore_port=True)

    async def call() -> None:
        assert stage.master
        stage.master.commands.call(command, [recorded()])

    stage.call(call())
    if command == "replay.server":
        assert post(stage).body == b"message"
        assert stage.upstreams["eu1"].requests == []
    else:
        wait_for(lambda: stage.upstreams["eu1"].requests)


def test_the_guard_against_strangers_stays(stage: Stage, proxy: Callable[..., None]) -> None:
    proxy()
    stranger = tflow.tclient_conn()
    stranger.peername = "8.8.8.8", 1
    assert stage.master
    stage.call(stage.master.addons.trigger_event(ClientConnectedHook(stranger)))
    assert stranger.error == "Connection killed by block_global."


@pytest.fixture
def context(lean: bool) -> Iterator[taddons.context]:
    """Where addons live, in the middle of a run."""
    with taddons.context() as it:
        Chain().load(Loader(it.master))
        it.options.hublet_lean = lean
        yield it


def test_what_is_printed_is_printed(context: taddons.context) -> None:
    printed = io.StringIO()
    context.master.addons.add(dumper.Dumper(printed))
    group = Group([context.master.addons.get("dumper")])
    context.master.addons.chain = [group]
    for detail, count in ((0, 0), (1, 1), (0, 1)):
        context.options.flow_detail = detail
        assert hasattr(group, "response") == bool(detail)
        asyncio.run(context.master.addons.trigger_event(HttpResponseHook(tflow.tflow(resp=True))))
        assert printed.getvalue().count("200 OK") == count


# the chain


def test_the_chain_is_short_while_it_is_lean_and_holds_all_who_hear_otherwise(
    stage: Stage, lean: bool
) -> None:
    stage.upstream("eu1")
    stage.table()
    stage.proxy()
    assert stage.master
    manager = stage.master.addons

    def chain() -> list[str]:
        return [type(addon).__name__ for addon in manager.chain]

    short = ["Group", "ScriptLoader", "Group", "HubletRouter", "Seen"]
    assert (chain() == short) == lean
    stage.set_option(hublet_lean=not lean)
    assert (chain() == short) == (not lean)
    stage.set_option(hublet_lean=False)
    hearing = manager.lookup.keys() - DEAF - {"hublet-router-group"}
    assert {name for name in hearing if manager.lookup[name] in manager.chain} == hearing
    assert not any(manager.lookup[name] in manager.chain for name in DEAF & manager.lookup.keys())
    assert chain().count("Group") > 2
    stage.set_option(hublet_lean=lean)
    stage.loop.call_soon_threadsafe(manager.add, added := view.View())  # as a script might
    stage.loop.call_soon_threadsafe(manager.remove, stage.router)
    wait_for(lambda: added in manager.chain and stage.router not in manager.chain)
    assert set(manager.lookup.values()) == set(manager.chain)
    assert "remove" not in vars(manager)


def test_who_is_removed_hears_no_more(stage: Stage, proxy: Callable[..., None]) -> None:
    proxy(modify_headers=["/~q/X-Added/yes"])
    assert b"X-Added: yes" in arrived(stage)
    assert stage.master
    manager = stage.master.addons

    async def remove(addon: object) -> None:
        manager.remove(addon)

    gone = manager.get("modifyheaders")
    stage.call(remove(gone))
    assert b"X-Added" not in arrived(stage)
    with pytest.raises(AddonManagerError, match="No such addon: modifyheaders"):
        stage.call(remove(gone))
    assert any(isinstance(addon, Group) for addon in manager.chain)
    assert b"X-Added" not in arrived(stage)


class Holds:
    """An addon that has others, as the loader of scripts has."""

    def __init__(self, name: str, *addons: object) -> None:
        self.name = name
        self.addons = [*addons]


def test_the_loader_of_scripts_keeps_its_place_where_it_loads_anything_else(
    context: taddons.context, lean: bool
) -> None:
    manager, heard = context.master.addons, list[str]()
    chain = Chain()
    script = Holds("script", Holds("hublet-router", Speaks("ours", heard), Group([chain])))
    loader = Holds("scriptloader", script)
    manager.chain = whole = [loader, block.Block()]
    chain.running()
    rest = [] if lean else ["Block"]
    assert [type(addon).__name__ for addon in manager.chain] == ["Group", *rest]
    asyncio.run(manager.trigger_event(HttpRequestHook(tflow.tflow())))
    assert heard == ["ours"]
    loader.addons.append(Speaks("another", heard))
    chain.take_options({"scripts"})
    assert manager.chain[0] is loader
    asyncio.run(manager.trigger_event(HttpRequestHook(tflow.tflow())))
    assert heard == ["ours", "ours", "another"]
    loader.addons.remove(script)
    chain.take_options({"scripts"})
    assert manager.chain[0] is loader
    chain.done()
    assert manager.chain == whole


class Speaks:
    """An addon that notes what it hears."""

    def __init__(self, name: str, heard: list[str], error: Exception | None = None) -> None:
        self.name = name
        self.heard = heard
        self.error = error

    def request(self, flow: http.HTTPFlow) -> None:
        self.heard.append(self.name)
        if self.error:
            raise self.error

    def configure(self, updated: set[str]) -> None:
        self.heard.append(f"{self.name} configured")


class Waits(Speaks):
    """One that makes the others wait."""

    async def request(self, flow: http.HTTPFlow) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().request(flow)


@pytest.mark.parametrize("kind", [Speaks, Waits])
@pytest.mark.parametrize(
    ("error", "heard"), [(ValueError("a bug"), ["a", "b", "c", "d"]), (AddonHalt(), ["a", "b"])]
)
def test_errors_are_those_of_the_chain(
    context: taddons.context,
    caplog: pytest.LogCaptureFixture,
    kind: type[Speaks],
    error: Exception,
    heard: list[str],
) -> None:
    said: list[str] = []
    group = Group([Speaks("a", said), kind("b", said, error), Speaks("c", said)])
    context.master.addons.chain = [group, Speaks("d", said)]
    group.listen()
    asyncio.run(context.master.addons.trigger_event(HttpRequestHook(tflow.tflow())))
    assert said == heard
    assert ("Addon error: a bug" in caplog.text) == isinstance(error, ValueError)


def test_a_user_may_call_an_addon_group() -> None:
    class Mine:
        name = "group"

    with taddons.context() as context:
        context.master.addons.add(Group([]), Mine())
        assert isinstance(context.master.addons.get("group"), Mine)


def test_a_fault_of_an_option_reaches_who_sets_it(stage: Stage) -> None:
    stage.upstream("eu1")
    stage.table()
    stage.proxy()
    with pytest.raises(OptionsError, match="Invalid proxyauth specification"):
        stage.set_option(proxyauth="nonsense")
    assert post(stage).status == 200


# where somebody looks on


@pytest.mark.parametrize("tool", ["mitmproxy", "mitmweb"])
def test_the_interactive_tools_refuse_it(tool: str, tmp_path: Path) -> None:
    (tmp_path / "hublets.yaml").write_text(TABLE.replace("PORT", "9"))
    ended = start(tool, "--set", "hublet_lean=true", cwd=tmp_path)
    assert ended.returncode == 1
    assert "hublet_lean is for routing under mitmdump, and takes away what you" in said(ended)
    assert "Traceback" not in said(ended)


def test_it_is_refused_while_they_run(stage: Stage) -> None:
    stage.upstream("eu1")
    stage.table()
    stage.lean = False
    stage.proxy()
    assert stage.master
    stage.loop.call_soon_threadsafe(stage.master.addons.add, view.View())
    with pytest.raises(OptionsError, match="hublet_lean is for routing under mitmdump"):
        stage.set_option(hublet_lean=True)
    assert not stage.master.options.hublet_lean
    stage.set_option(modify_headers=["/~q/X-Added/yes"])
    assert b"X-Added: yes" in arrived(stage)


# with other scripts

SCRIPT = """
def request(flow):
    flow.request.headers["X-Script"] = "1"
"""


def test_a_second_script_hears_everything_and_is_reloaded(stage: Stage) -> None:
    stage.upstream("na1")
    eu1 = stage.upstream("eu1")
    stage.table()
    script = stage.folder / "second.py"
    script.write_text(SCRIPT)
    proxy = Mitmdump(stage, "--set", f"hublet_lean={str(stage.lean).lower()}", "-s", str(script))
    try:
        for version in ("1", "2"):
            script.write_text(SCRIPT.replace("1", version))
            later = script.stat().st_mtime + int(version)
            os.utime(script, (later, later))
            # the lambda is called before the loop goes on
            wait_for(lambda: proxy.routes() and f"X-Script: {version}".encode() in eu1.requests[-1])  # noqa: B023
    finally:
        proxy.stop()
