"""What the users of other routers fell into, one test for each case that was reported.

The cases are facts from public issues, named beside each. A table that would lead there is not
taken, or a request is decided so that no one has to guess.
"""

import logging
import os
from asyncio import StreamReader, StreamWriter

import pytest
from mitmproxy.http import HTTPFlow

from cases import cases
from harness import Stage, bearer, free_port, read_request, wait_for
from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from hublet_router.proxy.addon import HubletRouter
from hublet_router.tablefile import TableError, loads
from synthetic import access_token, jwt, private_app_token
from test_metrics import counted

DOMAINS = "domains: [api.test]\n"
HUBLETS = 'hublets: {na1: {upstream: "https://na1.test"}, eu1: {upstream: "https://eu1.test"}}\n'
DEFAULT = "default: na1\n"
RULES = (
    "credentials:\n"
    "  - {name: pat, in: {header: authorization, scheme: bearer}, hublet: {regex: '^pat-(.+?)-'}}\n"
    "  - {name: oauth, in: {header: authorization, scheme: bearer}, hublet: {protobuf: 9}}\n"
    '  - {name: region, in: {header: X-Some-Header}, hublet: {regex: "^(.+)$"}}\n'
    "  - {name: session, in: {cookie: sid}, hublet: {jwt: region}}\n"
)
ACCOUNTS = (
    "accounts: {ids: [{query: account}, {protobuf: 3}], moved: {62515: {from: na1, to: eu1}}}\n"
)
WHOLE = DOMAINS + HUBLETS + DEFAULT + RULES


def a_rule(where: str, how: str) -> str:
    return f"{DOMAINS}{HUBLETS}{DEFAULT}credentials: [{{name: a, in: {where}, hublet: {how}}}]\n"


@cases(
    ("text", "sentence"),
    {
        "dangling-target": (
            WHOLE.replace(DEFAULT, "default: na\n"),
            "3:10: default names Hublet 'na', but 'hublets' lists na1, eu1; add it or fix the name",
        ),
        # getsentry/synapse, proxy: RouteActions and Upstreams
        "dangling-target-2": (
            WHOLE + ACCOUNTS.replace("eu1", "eul"),
            "9:83: 'eul' is not listed in 'hublets'; add it or fix the name",
        ),
        # getsentry/synapse, example_config_proxy.yaml and resolvers.rs
        "resolver-param-name": (
            a_rule("{path: '^/api/0/cell/[^/]+/'}", "{regex: '^(.+)$'}"),
            "4:36: 'path' must have exactly one group, not 0: put ( ) around the part that is"
            " wanted, and write (?: ) for every other group",
        ),
        # apache/apisix, issue 3359
        "duplicate-json-key": (
            a_rule("{query: a, query: b}", "{regex: '^(.+)$'}"),
            "4:40: 'query' is defined twice in 'in'; keep one",
        ),
        # apache/apisix, issue 3306
        "header-name-never-matches": (
            a_rule("{header: 'x-strategy:token'}", "{regex: '^(.+)$'}"),
            "4:38: 'header' of 'in' must be the name of a header, without spaces and colon",
        ),
    },
)
def test_a_table_that_would_lead_there_is_not_taken(text: str, sentence: str) -> None:
    with pytest.raises(TableError) as caught:
        loads(text.encode())

    assert caught.value.messages == [f"hublets.yaml:{sentence}"]


TABLE = loads((WHOLE + ACCOUNTS).encode())
EU1 = ("authorization", f"Bearer {private_app_token('eu1')}")
NA1_SESSION = ("cookie", f"sid={jwt({'region': 'na1'})}")
TWO_KEYS = ("cookie", f"sid={jwt('{"region": "na1", "region": "eu1"}')}")
STALE = ("authorization", f"Bearer {access_token('na1')}")


def seen(*headers: tuple[str, str], target: str = "/") -> Request:
    return Request("GET", ("api.test",), target, headers)


REQUESTS = {
    # apache/apisix, issue 3306: however the table writes a field's name, it is found
    "header-name-never-matches": (seen(("x-some-header", "eu1")), "route eu1 credential"),
    # apache/apisix, issue 3359, within a credential
    "duplicate-json-key": (seen(TWO_KEYS), "refuse None conflict"),
    # traefik/traefik, issue 10773
    "multi-value-header": (
        seen(("x-some-header", "eu1"), ("x-some-header", "na1")),
        "refuse None conflict",
    ),
    # gitlab-org/gitlab, issue 439323
    "cell-cookie-stale": (seen(NA1_SESSION, target="/?account=62515"), "route eu1 moved"),
    "cell-cookie-stale, in a token": (seen(STALE), "route eu1 moved"),
    # Cratis/AuthProxy, v2.56.0
    "two-credentials": (seen(EU1, NA1_SESSION), "refuse None conflict"),
}


@cases(("asked", "expected"), REQUESTS)
def test_a_request_is_decided_without_a_guess(asked: Request, expected: str) -> None:
    decision = decide(TABLE, asked)

    assert f"{decision.action} {decision.hublet} {decision.reason}" == expected


def test_regex_depends_on_loglevel(caplog: pytest.LogCaptureFixture) -> None:
    """traefik/traefik, issue 3596."""
    decisions = []
    for level in (logging.DEBUG, logging.ERROR):
        caplog.set_level(level)
        table = loads((WHOLE + ACCOUNTS).encode())
        decisions.append([decide(table, asked) for asked, _ in REQUESTS.values()])

    assert decisions[0] == decisions[1]
    assert not caplog.records


def test_second_request_loses_field(stage: Stage) -> None:
    """Kong/kong, issue 9587: what is remembered changes neither the decision nor the request."""
    _, eu1 = stage.regions("na1", "eu1")
    stage.proxy()
    token = f"Authorization: Bearer {access_token('eu1')}"
    with stage.client() as client:
        answers = [client.get("/", token, host="API.HubAPI.com:8080").hublet for _ in range(3)]

    assert answers == ["eu1"] * 3
    assert len({*eu1.requests}) == 1
    assert b"\r\nHost: API.HubAPI.com:8080\r\n" in eu1.requests[-1]


class Late:
    """An addon that comes after the router and writes another credential into each request."""

    def requestheaders(self, flow: HTTPFlow) -> None:
        flow.request.headers["authorization"] = f"Bearer {private_app_token('na1')}"


def test_override_header_added_by_route(stage: Stage) -> None:
    """envoyproxy/envoy, issue 16141: what is sent decides, and so it can be no other credential."""
    na1, _ = stage.regions("na1", "eu1")
    stage.proxy(beside=[Late()])
    assert stage.get("/", bearer("eu1")).hublet == "na1"

    assert b"Bearer pat-na1-" in na1.only
    assert stage.arrivals() == {"na1": 1, "eu1": 0}


async def unauthorised(reader: StreamReader, writer: StreamWriter) -> None:
    await read_request(reader, bytearray())
    writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


def test_wrong_region_401(stage: Stage) -> None:
    """jentic/jentic-one, issue 638: whose "invalid key" it was, and why that one was asked."""
    stage.upstream("na1")
    stage.upstream("eu1", behaviour=unauthorised)
    stage.table()
    stage.proxy()
    assert stage.get("/", bearer("eu1")).status == 401
    (flow,) = stage.seen.flows

    assert flow.comment == "eu1 ← private-app-token"
    assert (flow.metadata["hublet"], flow.metadata["hublet_reason"]) == ("eu1", "credential")


def test_sync_cursor_order(stage: Stage) -> None:
    """getsentry/synapse, 99eb062: no table is newer than another, so one can be taken back."""
    stage.upstream("na1")
    stage.upstream("eu1")
    path = stage.table()
    old, date = path.read_text(), path.stat().st_mtime
    stage.proxy()

    def status() -> int:
        return stage.get("/", bearer("eu1")).status

    path.write_text(old.replace("  eu1:", "  eu2:"))
    wait_for(lambda: status() == 421)
    path.write_text(old)
    os.utime(path, (date, date))
    wait_for(lambda: status() == 200)
    assert stage.seen.flows[-1].metadata["hublet_table"] == loads(old.encode()).version


def test_cold_start_no_table(stage: Stage) -> None:
    """getsentry/synapse, db1cd1b: without a table nothing is sent anywhere."""
    stage.regions("na1")
    router = HubletRouter()
    stage.proxy(addon=router)
    router.live.table = None
    answer = stage.get("/", bearer("na1"))

    assert (answer.status, answer.problem["reason"]) == (503, "no-table")
    assert stage.arrivals() == {"na1": 0}


def test_one_cell_noise_hides_another(stage: Stage) -> None:
    """GitLab's ADR 025: the errors of one region and rule are counted apart from all others."""
    stage.upstream("na1")
    stage.upstream("eu1", behaviour=unauthorised)
    stage.table()
    port = free_port()
    stage.proxy(hublet_metrics=f"127.0.0.1:{port}")
    with stage.client() as client:
        client.get("/", f"Authorization: Bearer {access_token('na1')}")
        client.get("/", bearer("na1"))
        client.get("/", bearer("eu1"))

    counts = {
        ("na1", "credential", "oauth-access-token", "2xx"): 1,
        ("na1", "credential", "private-app-token", "2xx"): 1,
        ("eu1", "credential", "private-app-token", "4xx"): 1,
    }
    wait_for(lambda: counted(port, "hublet_requests_total") == counts)
