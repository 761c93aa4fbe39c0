"""The exported Worker under workerd, over real sockets: it decides as the core, and passes on what
came.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from harness import Answer, Client, Stage, Upstream, bearer
from hublet_router.core.decision import Decision
from hublet_router.core.judge import decide
from hublet_router.core.problem import problem
from hublet_router.core.request import Request
from hublet_router.core.table import Table
from hublet_router.tablefile import load
from hublet_router.verify.exchange import as_bytes, sendable
from parity.cases import request as random_request
from parity.cases import scene
from shipped_table import SHIPPED, TABLES
from test_haproxy_wire import received
from workerd_stage import Workerd

FRAMING = {"connection", "content-length", "transfer-encoding"}


def staged(stage: Stage, table: Table, *, tls: bool = True) -> Table:
    """Return the table with the stage's upstreams in the place of its own."""
    names = [domain.replace("*", "x") for domain in table.domains] if tls else []
    hublets = {}
    for name, old in table.hublets.items():
        upstream = stage.upstreams.get(name) or stage.upstream(name, *names)
        hublets[name] = replace(
            old, scheme="https" if tls else "http", host="127.0.0.1", port=upstream.port
        )
    return replace(table, hublets=hublets)


def sent(port: int, request: Request) -> Answer:
    with Client(port) as client:
        return client.send(as_bytes(request), request.method)


def arrivals(stage: Stage) -> list[tuple[Upstream, bytes]]:
    """Return what has arrived since the last call."""
    found = [(it, raw) for it in stage.upstreams.values() for raw in it.requests]
    for it in stage.upstreams.values():
        it.requests.clear()
    return found


def assert_refused(answer: Answer, decision: Decision, table: Table, method: str) -> None:
    expected = problem(decision, table)
    assert answer.status == expected.status
    assert answer.body == (b"" if method == "HEAD" else expected.body)
    for name, value in expected.fields.items():
        assert answer.headers[name.lower()] == value


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_example_goes_where_the_core_sends_it(
    stage: Stage, tmp_path: Path, path: Path
) -> None:
    table = staged(stage, load(path))
    with Workerd(table, tmp_path / "edge") as edge:
        for example in table.examples:
            own = ("proxy-authorization", "Basic YTpi")  # for this proxy alone
            asked = replace(example.request, headers=(*example.request.headers, own))
            for in_chunks in (False, True) if asked.body else (False,):
                request = sendable(asked, in_chunks=in_chunks)
                assert request
                answer = sent(edge.port, request)
                decision = decide(table, request)
                if decision.hublet is None:
                    assert arrivals(stage) == []
                    assert_refused(answer, decision, table, request.method)
                    continue
                ((upstream, raw),) = arrivals(stage)
                got = received(raw)
                assert (answer.status, upstream.name) == (200, decision.hublet)
                assert (got.method, got.target, got.body) == (
                    request.method, request.target, request.body,
                )  # fmt: skip
                assert got.hosts == request.hosts
                assert (b"chunked" in raw.partition(b"\r\n\r\n")[0].lower()) is in_chunks
                names = FRAMING | {"host"}
                assert sorted(it for it in got.headers if it[0] not in names) == sorted(
                    it for it in request.headers if it[0] not in names and it != own
                )
                assert request.host in upstream.server_names  # workerd keeps connections
                assert decide(table, got) == decision
                said = f'hublet-router; next-hop="{decision.hublet}"; details="{decision.reason}"'
                assert answer.headers["proxy-status"] == said


def is_for_workerd(request: Request) -> bool:
    """Whether it is written in bytes, with a path and one host."""
    texts = (request.target, *(value for _, value in request.headers))
    is_path = request.target.startswith("/")
    return is_path and len(request.hosts) == 1 and max("".join(texts)) <= "\xff"


def test_no_random_request_goes_where_the_core_does_not_send_it(
    stage: Stage, tmp_path: Path
) -> None:
    random = Random(31)
    outcomes: Counter[str] = Counter()
    for number in range(6):
        it = scene(random)
        if it.table.policy.foreign == "pass":
            it = it._replace(table=it.table.with_policy(foreign="refuse"))
        table = staged(stage, it.table, tls=False)
        hosts = ("api.a.example", "x.b.example", "eu1.b.example")
        with Workerd(table, tmp_path / str(number), hosts) as edge:
            for _ in range(250):
                asked = random_request(random, it)
                headers = tuple((name, value.strip(" \t")) for name, value in asked.headers)
                asked = replace(asked, headers=headers)
                request = sendable(asked, in_chunks=random.random() < 0.3)
                if not request or not is_for_workerd(request):
                    continue
                answer = sent(edge.port, request)
                decision = decide(table, request)
                arrived = arrivals(stage)
                if not arrived:
                    outcomes["refused" if decision.hublet is None else "refused alone"] += 1
                    assert answer.status >= 400
                    continue
                ((upstream, raw),) = arrived
                got = received(raw)
                assert decide(table, got).hublet == upstream.name
                kinds = [it.header("content-type") for it in (request, got)]
                if got.target != request.target or kinds[0] != kinds[1]:
                    outcomes["rewritten"] += 1  # a URL in its own spelling, no empty Content-Type
                else:
                    assert upstream.name == decision.hublet
                    outcomes["routed"] += 1
    print(outcomes)
    assert outcomes["routed"] > 300
    assert outcomes["refused alone"] < outcomes.total() / 10


EU, NA = bearer("eu1"), bearer("na1")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([EU], 200),
        ([EU, "Accept: a, b", "Accept: c"], 200),
        ([EU, NA], 400),
        ([EU, EU], 400),
        ([EU, "Authorization: Basic eDp5"], 400),
        (["Authorization: AWS4-HMAC-SHA256 Credential=a, Signature=b"], 200),
        ([EU, "X: caf\xe9"], 200),
        (["Private-App: pat-eu1-\xe9"], 400),
        (["Private-App: pat-eu1-a, pat-eu1-b"], 400),
        (["Private_App: pat-zz9-a"], 421),
        ([EU, "X: a\x01b"], 400),
        ([EU, "Host: other.example"], 421),
    ],
    ids=lambda value: "/".join(value)[:40] if isinstance(value, list) else None,
)
def test_fields_that_the_runtime_joins_or_decodes_are_routed_only_if_they_are_clear(
    stage: Stage, tmp_path: Path, fields: list[str], status: int
) -> None:
    with Workerd(staged(stage, SHIPPED), tmp_path) as edge, Client(edge.port) as client:
        assert client.get("/x", *fields).status == status
