"""Dispatch from a table calls the hooks that mitmproxy calls, in the same order."""

import asyncio
import logging
import os
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import hooks, http
from mitmproxy.addonmanager import AddonManager
from mitmproxy.connection import Client as ClientConnection
from mitmproxy.exceptions import AddonHalt, OptionsError
from mitmproxy.flow import Flow
from mitmproxy.proxy.layers.http._hooks import HttpRequestHook, HttpResponseHook
from mitmproxy.test import taddons, tflow
from wsproto.events import CloseConnection

from harness import REVERSE, Stage, WebSocket, bearer, request, token, wait_for
from http2_client import Http2Client
from hublet_router.proxy.engine.dispatch import Dispatch
from test_start import TABLE, start
from test_streams import Mitmdump

BOTH = (False, True)

# a recorded session of traffic

type Calls = list[tuple[str, str]]
"""Addon and event, in the order of the calls."""


class Recorder:
    """Notes each hook of each addon that mitmproxy calls, by the flow or connection that it is for.

    The events of one flow have an order; those of two can overlap.
    """

    def __init__(self, manager: AddonManager) -> None:
        self.calls: dict[int, Calls] = {}
        self.subjects: list[object] = []  # so that no id is taken twice
        self.ended = 0
        for path, addon in manager.lookup.items():
            name = path.rpartition("/")[2]
            for event in hooks.all_hooks.keys() - {"configure", "add_log"}:
                if callable(hook := getattr(addon, event, None)):
                    setattr(addon, event, self.noting(name, event, hook))

    def noting(self, name: str, event: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        def note(*arguments: Any) -> Any:
            subject = subject_of(arguments[0]) if arguments else None
            if subject:
                self.subjects.append(subject)
                self.calls.setdefault(id(subject), []).append((name, event))
                self.ended += (name, event) == ("seen", "client_disconnected")
            return hook(*arguments)

        async def note_and_wait(*arguments: Any) -> None:
            await note(*arguments)

        return note_and_wait if asyncio.iscoroutinefunction(hook) else note


def subject_of(argument: Any) -> object:
    """The flow or the connection that an event is for."""
    if isinstance(argument, list):  # `update`
        return argument[0] if argument else None
    if isinstance(argument, Flow | ClientConnection):
        return argument
    for path in ("server", "conn", "context.client"):
        found = argument
        for name in path.split("."):
            found = getattr(found, name, None)
        if found:
            return found
    return None


class Nested:
    """An addon with addons of its own, and with hooks that raise, wait or do not exist."""

    def __init__(self) -> None:
        self.addons = [Waiting(), Halting(), Failing()]

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        flow.metadata["nested"] = True


class Waiting:
    async def request(self, flow: http.HTTPFlow) -> None:
        await asyncio.sleep(0)

    async def response(self, flow: http.HTTPFlow) -> None:
        await asyncio.sleep(0)


class Halting:
    def request(self, flow: http.HTTPFlow) -> None:
        if flow.request.path == "/halt":
            raise AddonHalt

    def next_layer(self, data: object) -> None:
        """Exist."""


class Failing:
    def response(self, flow: http.HTTPFlow) -> None:
        raise ValueError("a bug")

    def update(self, flows: list[Flow]) -> None:
        """Exist."""


class Listening:
    """Has most hooks, behind all others."""

    name = "seen-last"

    def __getattr__(self, event: str) -> Callable[..., None]:
        if event in hooks.all_hooks.keys() - {"add_log"}:
            return lambda *_: None
        raise AttributeError(event)


def websocket(stage: Stage) -> None:
    with stage.client() as client:
        speaker = WebSocket(client, "eu1")
        speaker.ask("hello")
        speaker.send(CloseConnection(1000))
        client.socket.recv(65536)


def reverse_session(stage: Stage) -> None:
    with stage.client() as client:
        for raw in (
            request("GET", "/", bearer("eu1")),
            request("POST", "/oauth/v1/token", body=b"refresh_token=eu1-0"),
            request("GET", "/halt", bearer("eu1")),
            request("GET", "/", bearer("zz9")),
        ):
            client.send(raw)
    with Http2Client(stage.port) as client:
        streams = [
            client.start("GET", "/", ("authorization", token("eu1")[1]), end=True) for _ in range(3)
        ]
        while not client.ended.issuperset(streams):
            client.read()
    with stage.client() as client:
        client.socket.sendall(b"not HTTP\r\n\r\n")
        client.receive_until(b"\r\n\r\n")
    websocket(stage)
    stage.get("/", bearer("gone"))  # whose upstream does not listen


def regular_session(stage: Stage) -> None:
    for tunnel in ("api.hubapi.com:443", "www.example.com:443"):
        with stage.client() as client:
            client.connect_through(tunnel, "api.hubapi.com")
            client.get("/", bearer("eu1"))
    stage.send(request("GET", "http://api.hubapi.com/", bearer("na1")))


def calls_of(
    folder: Path, mode: str, session: Callable[[Stage], None], *, fast: bool
) -> list[Calls]:
    """Run a session and a replay; return the calls for each flow and connection."""
    folder.mkdir()
    with Stage(folder) as stage:
        gone = stage.upstream("gone")
        for name in ("na1", "eu1"):
            stage.upstream(name)
        stage.table()
        assert gone.server
        stage.loop.call_soon_threadsafe(gone.server.close)
        script = folder / "other.py"
        script.write_text("def request(flow): pass\ndef update(flows): pass\n")
        stage.proxy(
            mode=mode,
            beside=[Nested(), Listening()],
            hublet_fast_dispatch=fast,
            scripts=[str(script)],
        )
        manager = stage.master.addons
        wait_for(lambda: str(script) in manager.lookup)
        assert ("trigger_event" in vars(manager)) == fast
        recorder = stage.call(_recorder(manager))
        session(stage)
        flow = tflow.tflow()
        flow.live = False
        flow.request = http.Request.make("GET", "http://api.hubapi.com/")
        flow.request.host_header = "api.hubapi.com"
        flow.request.headers["Authorization"] = token("eu1")[1]
        before = len(stage.upstreams["eu1"].requests)
        stage.command("replay.client", [flow])
        wait_for(lambda: len(stage.upstreams["eu1"].requests) > before)
        wait_for(lambda: not stage.command("replay.client.count"))
        wait_for(lambda: not manager.get("proxyserver").connections)
    return list(recorder.calls.values())


async def _recorder(manager: AddonManager) -> Recorder:
    return Recorder(manager)


@pytest.mark.parametrize(
    ("mode", "session"),
    [(REVERSE, reverse_session), ("regular", regular_session)],
    ids=["reverse", "regular"],
)
def test_a_session_of_traffic_gets_the_calls_of_mitmproxy_itself(
    tmp_path: Path, mode: str, session: Callable[[Stage], None]
) -> None:
    stock, table = (calls_of(tmp_path / str(fast), mode, session, fast=fast) for fast in BOTH)
    assert len(stock) > 8
    assert {name for calls in stock for name, _ in calls} >= {
        "hublet-router", "hublet-router-upstream-guard", "seen", "waiting",
        "proxyserver", "nextlayer",
    }  # fmt: skip
    assert sorted(table) == sorted(stock)


# one event


class Noting:
    """An addon that notes the calls of its hooks, and does something."""

    def __init__(
        self,
        name: str,
        noted: list[str],
        action: Callable[[], object] = lambda: None,
        addons: list[object] | None = None,
    ) -> None:
        self.name = name
        self.noted = noted
        self.action = action
        if addons is not None:
            self.addons = addons

    def request(self, flow: http.HTTPFlow) -> Any:
        self.noted.append(self.name)
        return self.action()


class NotingAsync(Noting):
    async def request(self, flow: http.HTTPFlow) -> None:
        await asyncio.sleep(0)
        self.noted.append(self.name)
        result = self.action()
        await asyncio.sleep(0)
        if isinstance(result, Coroutine):
            await result


class Deaf:
    name = "deaf"


class Handler(logging.Handler):
    def __init__(self, noted: list[str]) -> None:
        super().__init__()
        self.noted = noted

    def emit(self, record: logging.LogRecord) -> None:
        self.noted.append(re.sub("0x[0-9a-f]+", "", record.getMessage()))


@pytest.fixture
def manager(caplog: pytest.LogCaptureFixture) -> Iterator[AddonManager]:
    """A manager with nothing in it but the dispatch."""
    with taddons.context(loadcore=False) as context:
        context.options.add_option("hublet_fast_dispatch", bool, True, "")
        context.master.addons.add(dispatch := Dispatch())
        dispatch.running()
        yield context.master.addons
        dispatch.done()
    context.master.event_loop.close()  # mitmproxy 12.2 leaves it open


type Arrange = Callable[[AddonManager, list[str]], None]
"""Fills a manager with addons that note their calls."""


async def both(manager: AddonManager, arrange: Arrange, events: int = 3) -> list[str]:
    """Return what the table does for some events, having seen that mitmproxy does the same."""
    notes = []
    dispatch = manager.chain[0]
    handler = Handler([])
    logging.getLogger("mitmproxy").addHandler(handler)
    for fast in BOTH:
        manager.clear()
        manager.chain = [dispatch]
        manager.lookup = {"hublet-router-dispatch": dispatch}
        manager.master.options.hublet_fast_dispatch = fast
        dispatch.configure()
        assert ("trigger_event" in vars(manager)) == fast
        noted = handler.noted = []
        arrange(manager, noted)
        for _ in range(events):
            try:
                await manager.trigger_event(HttpRequestHook(tflow.tflow()))
            except OptionsError as error:
                noted.append(f"raised {error}")
            noted.append(".")
        notes.append(noted)
    logging.getLogger("mitmproxy").removeHandler(handler)
    stock, table = notes
    assert table == stock
    return table


def raising(error: Exception) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize("kind", [Noting, NotingAsync])
@pytest.mark.parametrize("depth", ["beside", "within", "deep"])
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("a bug"), {"beside": "a b ! c d e", "within": "a b ! d e", "deep": "a b ! e"}),
        (AddonHalt(), dict.fromkeys(("beside", "within", "deep"), "a b")),
        (OptionsError("x"), dict.fromkeys(("beside", "within", "deep"), "a b raised")),
    ],
    ids=["error", "halt", "options"],
)
def test_an_error_ends_what_it_ends_in_mitmproxy(
    manager: AddonManager,
    kind: type[Noting],
    depth: str,
    error: Exception,
    expected: dict[str, str],
) -> None:
    def arrange(manager: AddonManager, noted: list[str]) -> None:
        a, c, d = (Noting(name, noted) for name in "acd")
        b = kind("b", noted, raising(error))
        match depth:
            case "beside":
                addons: list[object] = [a, b, c, d]
            case "within":
                addons = [a, Noting("group", [], addons=[b, c]), d]
            case _:
                addons = [Noting("group", [], addons=[a, Noting("inner", [], addons=[b]), c, d])]
        manager.add(*addons, Deaf(), Noting("e", noted))

    noted = asyncio.run(both(manager, arrange, events=1))
    shown = ["!" if it.startswith("Addon error: ") else it.split()[0] for it in noted]
    assert " ".join(shown) == f"{expected[depth]} ."


@pytest.mark.parametrize(
    "hook",
    [5, asyncio, 0, partial(Noting.request, Noting("plain", []))],
    ids=["number", "module", "zero", "partial"],
)
def test_an_attribute_with_the_name_of_a_hook(manager: AddonManager, hook: object) -> None:
    def arrange(manager: AddonManager, noted: list[str]) -> None:
        named = Noting("named", noted)
        vars(named)["request"] = hook
        manager.add(Noting("group", noted, addons=[named, Noting("a", noted)]), Noting("b", noted))

    noted = asyncio.run(both(manager, arrange))
    assert ("a" in noted) == (hook != 5)
    assert any("not callable" in it for it in noted) == (hook == 5)
    assert noted.count("b") == 3


def test_only_an_awaitable_that_a_plain_function_returns_is_awaited(manager: AddonManager) -> None:
    def arrange(manager: AddonManager, noted: list[str]) -> None:
        async def wait() -> None:
            await asyncio.sleep(0)
            manager.chain.remove(manager.get("b"))
            noted.append("waited")

        manager.add(Noting("one", noted, lambda: 1), Noting("a", noted, wait), Noting("b", noted))

    assert asyncio.run(both(manager, arrange, events=1)) == ["one", "a", "waited", "."]


# addons that come, go and move


def _move(manager: AddonManager) -> None:
    manager.chain.append(manager.chain.pop(1))


def _remove(manager: AddonManager) -> None:
    manager.remove(manager.chain[-1])


def _remove_first(manager: AddonManager) -> None:
    manager.remove(manager.chain[1])


def _reverse(manager: AddonManager) -> None:
    manager.chain = manager.chain[::-1]


def _add(manager: AddonManager) -> None:
    manager.add(Noting(f"added {len(manager)}", manager.chain[-1].noted))


def _add_within(manager: AddonManager) -> None:
    (group,) = (it for it in manager.chain if hasattr(it, "addons"))
    added = Noting(f"added {len(group.addons)}", group.noted)
    group.addons.append(manager.register(added))


def _reverse_within(manager: AddonManager) -> None:
    (group,) = (it for it in manager.chain if hasattr(it, "addons"))
    group.addons.reverse()


def _replace_within(manager: AddonManager) -> None:
    (group,) = (it for it in manager.chain if hasattr(it, "addons"))
    group.addons = [Noting("other", group.noted), *group.addons[1:]]


def _rebind(manager: AddonManager) -> None:
    manager.chain[1].request = lambda flow: manager.chain[1].noted.append("another hook")


def _unbind(manager: AddonManager) -> None:
    manager.chain[1].request = None


CHANGES: list[Callable[[AddonManager], None]] = [
    _move, _remove, _remove_first, _reverse, _add, _add_within, _reverse_within, _replace_within,
    _rebind, _unbind,
]  # fmt: skip


def arranged(change: Callable[[AddonManager], None], *, within: bool, times: int) -> Arrange:
    """Addons one of which changes something in a hook that waits, or nothing changes."""

    def arrange(manager: AddonManager, noted: list[str]) -> None:
        left = iter([None] * times)

        def act() -> None:
            if next(left, 0) is None:
                change(manager)

        group: list[object] = [Noting(name, noted) for name in "bcd"]
        changes = NotingAsync("changes", noted, act)
        if within:
            group.insert(1, changes)
        manager.add(Noting("a", noted), Noting("group", noted, addons=group))
        if not within:
            manager.add(changes)
        manager.add(Noting("e", noted), Deaf(), Noting("f", noted))

    return arrange


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("within", [False, True], ids=["beside", "within"])
def test_a_change_while_a_hook_waits(
    manager: AddonManager, change: Callable[[AddonManager], None], *, within: bool
) -> None:
    noted = asyncio.run(both(manager, arranged(change, within=within, times=2)))
    assert "changes" in noted
    assert not any("error" in it for it in noted)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_between_two_events(
    manager: AddonManager, change: Callable[[AddonManager], None]
) -> None:
    async def run() -> None:
        notes = []
        for fast in BOTH:
            noted: list[str] = []
            manager.clear()
            manager.add(dispatch := Dispatch())
            manager.master.options.hublet_fast_dispatch = fast
            dispatch.configure()
            arranged(lambda _: None, within=True, times=0)(manager, noted)
            await manager.trigger_event(HttpRequestHook(tflow.tflow()))
            before = list(noted)
            change(manager)
            await manager.trigger_event(HttpRequestHook(tflow.tflow()))
            assert noted != before * 2 or change is _move
            notes.append(noted)
            dispatch.done()
        assert notes[0] == notes[1]

    asyncio.run(run())


def test_another_event_during_a_wait_does_not_hide_that_an_addon_has_gone(
    manager: AddonManager,
) -> None:
    def arrange(manager: AddonManager, noted: list[str]) -> None:
        group = Noting("group", noted, addons=[Noting("inside", noted)])

        async def act() -> None:
            group.addons = []
            await manager.trigger_event(HttpResponseHook(tflow.tflow(resp=True)))

        manager.add(NotingAsync("changes", noted, act), group)

    assert asyncio.run(both(manager, arrange, events=1)) == ["changes", "group", "."]


def test_the_rest_of_a_changed_chain_can_fail_and_be_halted(manager: AddonManager) -> None:
    def arrange(manager: AddonManager, noted: list[str]) -> None:
        manager.add(
            NotingAsync("changes", noted, partial(_remove, manager)),
            Noting("fails", noted, raising(ValueError("a bug"))),
            Noting("halts", noted, raising(AddonHalt())),
            Noting("b", noted),
            Noting("c", noted),
        )

    noted = asyncio.run(both(manager, arrange, events=1))
    shown = ["!" if it.startswith("Addon error: ") else it for it in noted]
    assert shown == ["changes", "fails", "!", "halts", "."]


def test_a_hook_that_an_addon_did_not_have_counts_once_options_change(
    manager: AddonManager,
) -> None:
    """In mitmproxy itself it counts at once; the search for it is what the table saves."""
    noted: list[str] = []
    manager.add(deaf := Deaf())

    async def run() -> None:
        await manager.trigger_event(HttpRequestHook(tflow.tflow()))
        vars(deaf)["request"] = lambda flow: noted.append("request")
        await manager.trigger_event(HttpRequestHook(tflow.tflow()))
        assert noted == []
        manager.master.options.update(confdir="/x")
        await manager.trigger_event(HttpRequestHook(tflow.tflow()))

    asyncio.run(run())
    assert noted == ["request"]


# on and off


def test_the_option_switches_it_at_run_time(stage: Stage) -> None:
    stage.regions("eu1")
    stage.proxy()
    own = vars(stage.master.addons)
    assert "trigger_event" in own
    for fast in (False, True):
        stage.set_option(hublet_fast_dispatch=fast)
        assert ("trigger_event" in own) == fast
        assert stage.get("/", bearer("eu1")).hublet == "eu1"
    stage.loop.call_soon_threadsafe(stage.master.addons.remove, stage.router)
    wait_for(lambda: "trigger_event" not in own)


def test_a_dispatch_of_another_addon_is_left_alone(manager: AddonManager) -> None:
    other = object()
    vars(manager)["trigger_event"] = other
    manager.master.options.update(confdir="/x")
    assert vars(manager)["trigger_event"] is other
    manager.remove(manager.chain[0])
    assert vars(manager).pop("trigger_event") is other


@pytest.mark.parametrize("tool", ["mitmdump", "mitmproxy", "mitmweb"])
def test_it_is_on_by_default_in_each_tool(tool: str, tmp_path: Path) -> None:
    table, script = tmp_path / "hublets.yaml", tmp_path / "ends.py"
    table.write_text(TABLE.replace("PORT", "9"))
    script.write_text(ENDS)
    ended = start(tool, "-s", str(script), "--set", f"hublets={table}", cwd=tmp_path)
    assert ended.returncode == 0
    assert (tmp_path / "found").read_text() == "True"


# scripts

ENDS = """
import os
from pathlib import Path
from mitmproxy import ctx

def configure(updated):
    Path("found").write_text(str("trigger_event" in vars(ctx.master.addons)))
    os._exit(0)
"""

SCRIPT = """
def request(flow):
    flow.request.headers["X-Script"] = flow.request.headers.get("X-Script", "") + "1"
"""


def test_a_second_script_is_called_and_reloaded(stage: Stage) -> None:
    _, eu1 = stage.regions("na1", "eu1")
    script = stage.folder / "second.py"
    script.write_text(SCRIPT)
    proxy = Mitmdump(stage, "-s", str(script))
    try:
        for version in ("1", "2"):
            script.write_text(SCRIPT.replace("1", version))
            later = script.stat().st_mtime + int(version)
            os.utime(script, (later, later))
            # the lambda is called before the loop goes on
            wait_for(lambda: proxy.routes() and f"X-Script: {version}".encode() in eu1.requests[-1])  # noqa: B023
    finally:
        proxy.stop()


def test_scripts_that_come_go_and_change_places(stage: Stage) -> None:
    (eu1,) = stage.regions("eu1")
    stage.proxy()
    scripts = [stage.folder / f"{number}.py" for number in (1, 2)]
    for number, script in enumerate(scripts, 1):
        script.write_text(SCRIPT.replace('"1"', f'"{number}"'))

    def field(*order: int) -> bytes:
        stage.set_option(scripts=[str(scripts[number - 1]) for number in order])
        lookup = stage.master.addons.lookup
        wait_for(lambda: [str(it) in lookup for it in scripts] == [1 in order, 2 in order])
        assert stage.get("/", bearer("eu1")).hublet == "eu1"
        return eu1.requests[-1].partition(b"X-Script: ")[2].partition(b"\r\n")[0]

    for order in ((1,), (1, 2), (2, 1), (2,), (1, 2), ()):
        assert field(*order) == "".join(map(str, order)).encode()


@pytest.mark.parametrize("kind", [Noting, NotingAsync])
@pytest.mark.parametrize("error", [None, ValueError("a bug"), AddonHalt(), OptionsError("x")])
def test_an_event_that_cannot_wait_gets_the_calls_of_mitmproxy_itself(
    manager: AddonManager, kind: type[Noting], error: Exception | None
) -> None:
    """Such as `add_log`, which mitmproxy triggers for each record of its log."""

    async def run() -> None:
        notes = []
        handler = Handler([])
        logging.getLogger("mitmproxy").addHandler(handler)
        for fast in BOTH:
            noted = handler.noted = []
            manager.clear()
            manager.add(dispatch := Dispatch())
            manager.master.options.hublet_fast_dispatch = fast
            dispatch.configure()
            assert ("trigger" in vars(manager)) == fast
            b = kind("b", noted, raising(error) if error else lambda: None)
            group = Noting("group", noted, addons=[Noting("c", noted), Deaf()])
            manager.add(Noting("a", noted), b, group, Noting("d", noted))
            for _ in range(2):
                try:
                    manager.trigger(HttpRequestHook(tflow.tflow()))
                except OptionsError as raised:
                    noted.append(f"raised {raised}")
            notes.append(noted)
            dispatch.done()
        logging.getLogger("mitmproxy").removeHandler(handler)
        assert notes[0] == notes[1]
        assert "a" in notes[1]

    asyncio.run(run())


def test_the_types_of_a_message_are_checked_without_it(manager: AddonManager) -> None:
    dispatch = manager.chain[0]
    for fast in (True, False, True):
        manager.master.options.hublet_fast_dispatch = fast
        dispatch.configure()
        assert is_checked() != fast
    dispatch.done()
    assert is_checked()


def is_checked() -> bool:
    response = tflow.tflow(resp=True).response
    assert response
    try:
        replace(response.data, reason=1)  # type: ignore[arg-type]
    except TypeError:
        return True
    return False
