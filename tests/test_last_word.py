"""What another addon or a person changes is decided as it leaves, whenever it is changed."""

from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import http

from cases import cases
from harness import Answer, Stage, bearer, request, token, wait_for
from hublet_router.core.request import Request
from hublet_router.proxy.engine.last_word import LastWord

NA1, EU1 = (token(it)[1] for it in ("na1", "eu1"))


def use_eu1(flow: http.HTTPFlow) -> None:
    flow.request.headers["authorization"] = EU1


def add_eu1(flow: http.HTTPFlow) -> None:
    flow.request.headers.add("authorization", EU1)


def remove(flow: http.HTTPFlow) -> None:
    del flow.request.headers["authorization"]


def move(flow: http.HTTPFlow) -> None:
    flow.request.path = "/?hapikey=eu1-0"


def fill(flow: http.HTTPFlow) -> None:
    flow.request.path = "/oauth/v1/token"
    flow.request.headers["content-type"] = "application/x-www-form-urlencoded"
    flow.request.text = "refresh_token=eu1-0000"


def leave_the_host(flow: http.HTTPFlow) -> None:
    flow.request.headers["host"] = "another.test"


EDITS: dict[str, tuple[Callable[[http.HTTPFlow], None], str]] = {
    "another credential": (use_eu1, "eu1"),
    "one more": (add_eu1, "conflict"),
    "none": (remove, "na1"),
    "one in the query": (move, "conflict"),
    "one in a body": (fill, "conflict"),
    "another host": (leave_the_host, "foreign-host"),
}


class Editor:
    """An addon that comes after ours, and edits at one of the two hooks."""

    def __init__(self, hook: str, edit: Callable[[http.HTTPFlow], None]) -> None:
        setattr(self, hook, edit)


def outcome(answer: Answer) -> str:
    return str(answer.hublet or answer.problem["reason"])


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
@cases(
    ("hook", "edit", "expected"),
    {
        f"{name} at {hook}": (hook, edit, expected)
        for hook in ("requestheaders", "request")
        for name, (edit, expected) in EDITS.items()
        if (hook, edit) != ("requestheaders", fill)  # there is no body yet
    },
)
def test_law_1_an_edit_of_another_addon_is_decided(
    stage: Stage, edit: Callable[[http.HTTPFlow], None], expected: str, hook: str, *, fast: bool
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy(beside=[Editor(hook, edit)], hublet_fast_dispatch=fast)
    with stage.client() as client:
        assert outcome(client.get("/", bearer("na1"))) == expected
        assert outcome(client.get("/", bearer("na1"))) == expected  # over an open connection
    arrived = {name: len(it.requests) for name, it in stage.upstreams.items()}
    assert arrived == {name: 2 * (name == expected) for name in arrived}
    (decided,) = {flow.metadata.get("hublet") or flow.metadata["hublet_reason"]
                  for flow in stage.seen.flows}  # fmt: skip
    assert decided == expected


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("modify_headers", f"/~q/Authorization/{EU1}", "eu1"),
        ("modify_headers", "/~q/X-Key/eu1-0000-0000-0000-0000", "stray"),
        ("map_remote", "|//api.hubapi.com/|//127.0.0.1:1/", "foreign-host"),
        ("modify_body", "|~q|.*|refresh_token=eu1-0000", "conflict"),
    ],
)
def test_law_1_an_edit_of_mitmproxys_own_options_is_decided(
    stage: Stage, option: str, value: str, expected: str
) -> None:
    stage.regions("na1", "eu1")
    options: dict[str, Any] = {option: [value]}
    stage.proxy(**options)
    body = b"grant_type=refresh_token"
    field = "Content-Type: application/x-www-form-urlencoded"
    raw = request("POST", "/oauth/v1/token", bearer("na1"), field, body=body)
    if option != "modify_body":
        raw = request("GET", "/", bearer("na1"))
    assert outcome(stage.send(raw)) == expected
    assert len(stage.upstreams["na1"].requests) == 0


class Person:
    """Holds each request, as a person does by `intercept`, and sees it in a list meanwhile."""

    def __init__(self) -> None:
        self.held: list[http.HTTPFlow] = []
        self.updated: list[bool] = []

    def request(self, flow: http.HTTPFlow) -> None:
        flow.intercept()
        self.held.append(flow)

    def update(self, flows: list[http.HTTPFlow]) -> None:
        self.updated += [flow.intercepted for flow in flows]


@cases(("edit", "expected"), EDITS)
def test_law_1_an_edit_of_a_held_request_is_decided_when_it_is_resumed(
    stage: Stage, edit: Callable[[http.HTTPFlow], None], expected: str
) -> None:
    stage.regions("na1", "eu1")
    person = Person()
    stage.proxy(beside=[person])
    with stage.client() as client:
        client.socket.sendall(request("GET", "/", bearer("na1")))
        wait_for(lambda: person.held)
        wait_for(lambda: True in person.updated)
        assert stage.arrivals() == {"na1": 0, "eu1": 0}
        edit(person.held[0])
        stage.loop.call_soon_threadsafe(person.held[0].resume)
        assert outcome(client.receive()) == expected


def test_a_request_that_is_not_edited_is_decided_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    decisions = []
    once = stage.router.decider._decide_now

    def decide_now(flow: http.HTTPFlow, seen: Request) -> None:
        decisions.append(seen)
        once(flow, seen)

    monkeypatch.setattr(stage.router.decider, "_decide_now", decide_now)
    with stage.client() as client:
        client.get("/", bearer("na1"))
        client.send(request("POST", "/", bearer("na1"), body=b"body"))
        client.send(request("POST", "/oauth/v1/token", bearer("na1")), "POST")
    assert len(decisions) == 3


class LaterAddon:
    """One that came to the chain after the router."""


def test_the_place_is_given_up_with_the_addon(stage: Stage) -> None:
    stage.regions("na1", "eu1")
    stage.proxy()
    addons, word = stage.master.addons, stage.router.last_word
    addons.add(LaterAddon())
    assert addons.chain[-1] is not word
    stage.loop.call_soon_threadsafe(stage.router.running)  # as after a reload
    wait_for(lambda: addons.chain[-1] is word)
    assert addons.chain.count(word) == 1
    LastWord(remove, remove).remove()  # of a router that was never there
    assert word in addons.chain
    word.remove()
    word.remove()
    assert word not in addons.chain
