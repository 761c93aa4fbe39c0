"""What an operator sends elsewhere."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from mitmproxy import http
from mitmproxy.hooks import ConfigureHook, RunningHook
from mitmproxy.test import tflow

from harness import API, TABLE, Stage, Upstream, bearer, read_request, wait_for
from harness import request as request_line
from hublet_router.analysis.fingerprint import fingerprint
from hublet_router.core.decision import Decision, Reason
from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from hublet_router.proxy.addon import HubletRouter
from hublet_router.proxy.overrides import Overrides
from hublet_router.tablefile import loads
from synthetic import api_key, private_app_token

HUBLETS = "".join(f"  {name}: {{upstream: 'http://{name}.example'}}\n" for name in ("na1", "eu1"))
BOTH = loads(TABLE.format(domains="[api]", hublets=HUBLETS, default="na1", more="").encode())
ONE = loads(
    TABLE.format(
        domains="[api]", hublets="  na1: {upstream: 'http://na1.example'}", default="na1", more=""
    ).encode()
)
TOKEN, KEY = private_app_token("na1"), api_key("na1")
PINNED = {TOKEN: "eu1"}


def request(target: str = "/", token: str | None = TOKEN, host: str = "api") -> Request:
    headers = (("authorization", f"Bearer {token}"),) if token else ()
    return Request("GET", (host,), target, headers)


def overridden(
    pins: dict[str, str], seen: Request, table: object = BOTH
) -> tuple[Decision, Decision]:
    overrides = Overrides()
    # now, not when this file is imported: another test may set another key in between
    overrides.pins = {fingerprint(credential): hublet for credential, hublet in pins.items()}
    decision = decide(BOTH, seen)
    return decision, overrides.apply(ONE if table is ONE else BOTH, tflow.tflow(), seen, decision)


def test_a_pinned_credential_goes_where_the_operator_says() -> None:
    before, after = overridden(PINNED, request())
    assert (before.hublet, before.reason) == ("na1", Reason.CREDENTIAL)
    assert (after.hublet, after.reason) == ("eu1", Reason.PINNED)
    assert after.upstream == BOTH.hublets["eu1"]
    assert after.credential == "private-app-token"


def test_it_beats_a_refusal() -> None:
    seen = request(f"/?hapikey={api_key('eu1')}")
    before, after = overridden(PINNED, seen)
    assert before.reason is Reason.CONFLICT
    assert (after.hublet, after.reason) == ("eu1", Reason.PINNED)


@pytest.mark.parametrize(
    "seen",
    [request(token=None), request(token=private_app_token("eu1")), request(host="elsewhere")],
    ids=["no credential", "another credential", "a host that is not ours"],
)
def test_nothing_else_is_touched(seen: Request) -> None:
    before, after = overridden(PINNED, seen)
    assert after is before


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (f"/?hapikey={api_key('zz9')}", Reason.UNKNOWN_HUBLET),
        (f"/?hapikey={api_key('na1')}", Reason.CONFLICT),
        (f"/?x={api_key('na1')}", Reason.STRAY),
    ],
    ids=["unlisted", "of another Hublet", "stray"],
)
def test_law_1_a_pin_overrides_no_other_credential(target: str, reason: Reason) -> None:
    _, after = overridden(PINNED, request(target))
    assert (after.upstream, after.reason) == (None, reason)


def test_a_pin_to_the_hublet_that_a_credential_names_changes_nothing() -> None:
    _, after = overridden({TOKEN: "na1"}, request())
    assert (after.hublet, after.reason) == ("na1", Reason.CREDENTIAL)


def test_law_1_two_pins_that_differ_are_a_conflict() -> None:
    pins = {**PINNED, KEY: "na1"}
    _, after = overridden(pins, request(f"/?hapikey={KEY}"))
    assert (after.upstream, after.reason) == (None, Reason.CONFLICT)


def test_law_5_a_hublet_that_is_gone_is_no_upstream() -> None:
    _, after = overridden(PINNED, request(), ONE)
    assert (after.upstream, after.reason) == (None, Reason.UNKNOWN_HUBLET)


def test_a_flow_that_is_resent_goes_where_the_operator_says() -> None:
    overrides, flow = Overrides(), tflow.tflow()
    assert not overrides
    overrides.resent[flow] = "eu1"
    assert overrides
    seen = request(token=None)
    decision = decide(BOTH, seen)
    assert overrides.apply(BOTH, flow, seen, decision).hublet == "eu1"
    assert overrides.apply(BOTH, tflow.tflow(), seen, decision) is decision
    assert overrides.apply(ONE, flow, seen, decision).reason is Reason.UNKNOWN_HUBLET


# on the wire, where it ends while something is under way

END = "nothing is pinned or resent elsewhere any more"


class Events:
    """Upstreams that answer `/events` with what a test says, when it says it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        for name in ("na1", "eu1"):
            upstream = stage.upstream(name)
            upstream.behaviour = partial(self._answer, upstream)

    def say(self, event: bytes) -> None:
        self.stage.loop.call_soon_threadsafe(self.said.put_nowait, event)

    async def _answer(
        self, upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while head := await read_request(reader, bytearray()):
            upstream.requests.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\nHublet: %s\r\n" % upstream.name.encode())
            if b" /events " in head:
                writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
                event = b""
                while event != b"end":
                    event = await self.said.get()
                    writer.write(b"%x\r\n%s\r\n" % (len(event), event))
                writer.write(b"0\r\n\r\n")
            else:
                writer.write(b"Content-Length: 2\r\n\r\nok")


@pytest.fixture
def events(stage: Stage) -> Events:
    """Two Hublets, and a request of eu1's token, which is pinned to na1."""
    it = Events(stage)
    stage.table()
    stage.proxy(hublet_override=True)
    assert stage.get("/", bearer("eu1")).hublet == "eu1"
    stage.command("hublet.pin", stage.seen.flows, "na1")
    return it


def switch_off(stage: Stage) -> None:
    stage.set_option(hublet_override=False)


def unload(stage: Stage) -> None:
    async def remove() -> None:
        stage.master.addons.remove(stage.router)

    stage.call(remove())


def replace(stage: Stage) -> None:
    """As when the script is edited."""

    async def reload() -> None:
        manager, router = stage.master.addons, HubletRouter()
        manager.remove(stage.router)
        manager.register(router)  # as a script is; it removes the guard, which makes a new chain
        manager.chain.append(router)
        manager.invoke_addon_sync(router, ConfigureHook(stage.master.options.keys()))
        manager.invoke_addon_sync(router, RunningHook())

    stage.call(reload())


def wire(path: str, *fields: str) -> bytes:
    return "\r\n".join(
        [f"GET {path} HTTP/1.1", f"Host: {API}", bearer("eu1"), *fields, "", ""]
    ).encode()


@pytest.mark.parametrize("end", [switch_off, unload])
def test_events_of_a_pinned_request_go_on_where_its_pin_ends_and_the_next_follows_its_credential(
    stage: Stage, events: Events, caplog: pytest.LogCaptureFixture, end: Callable[[Stage], None]
) -> None:
    with stage.client() as client:
        client.socket.sendall(wire("/events"))
        events.say(b"one")
        assert b"Hublet: na1" in client.receive_until(b"one")
        end(stage)
        assert END in caplog.text
        events.say(b"two")
        assert b"two" in client.receive_until(b"two")
        events.say(b"end")
        client.receive_until(b"0\r\n\r\n")
        answer = client.get("/next", bearer("eu1"))
        assert (answer.hublet, answer.status) in {("eu1", 200), (None, 502)}
        assert (answer.status == 502) == (end is unload)
    assert not any(b"/next" in it for it in stage.upstreams["na1"].requests)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("end", [switch_off, unload, replace])
def test_law_1_what_still_waits_to_be_resent_is_sent_nowhere(
    stage: Stage, events: Events, end: Callable[[Stage], None]
) -> None:
    """A copy that is no longer resent would repeat its request where it went before."""
    with stage.client() as client:
        for name in ("1", "2"):
            assert client.get(f"/{name}", bearer("eu1")).hublet == "na1"
        client.socket.sendall(wire("/events"))
        events.say(b"end")
        client.receive_until(b"0\r\n\r\n")
    wait_for(lambda: len(stage.seen.flows) == 4)
    _, one, two, first = stage.seen.flows
    stage.command("hublet.unpin")
    before = {name: len(up.requests) for name, up in stage.upstreams.items()}
    stage.command("hublet.resend", [first, one, two], "na1")
    wait_for(lambda: len(stage.upstreams["na1"].requests) == before["na1"] + 1)
    end(stage)
    events.say(b"end")
    wait_for(lambda: stage.command("replay.client.count") == 0)
    after = {name: len(up.requests) for name, up in stage.upstreams.items()}
    assert after == {"na1": before["na1"] + 1, "eu1": before["eu1"]}


@pytest.mark.parametrize("held", ["body", "person"])
def test_law_1_a_request_that_was_pinned_and_has_not_left_follows_its_credential(
    stage: Stage, held: str
) -> None:
    class Holds:
        def request(self, flow: http.HTTPFlow) -> None:
            if flow.request.path == "/held" and held == "person":
                flow.intercept()

    stage.regions("na1", "eu1")
    stage.proxy(hublet_override=True, beside=[Holds()])
    with stage.client() as client:
        assert client.get("/", bearer("eu1")).hublet == "eu1"
        stage.command("hublet.pin", stage.seen.flows, "na1")
        raw = request_line("POST", "/held", bearer("eu1"), body=b"body")
        client.socket.sendall(raw if held == "person" else raw[:-1])
        wait_for(lambda: stage.seen.open == 1)
        (flow,) = stage.router.drain._flows
        wait_for(lambda: flow.intercepted or held == "body")
        switch_off(stage)
        if held == "body":
            client.socket.sendall(raw[-1:])
        else:
            stage.loop.call_soon_threadsafe(flow.resume)
        assert client.receive("POST").hublet == "eu1"
