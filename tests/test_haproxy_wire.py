"""HAProxy with the agent, over real sockets: it decides as the core, and changes nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from haproxy_stage import HAProxy, haproxy
from harness import Stage
from hublet_router.core.judge import decide
from hublet_router.core.problem import problem
from hublet_router.core.request import Request
from hublet_router.core.table import Table
from hublet_router.tablefile import load
from hublet_router.verify.exchange import exchange, sendable
from shipped_table import TABLES


def staged(stage: Stage, path: Path) -> Path:
    """Write a table with the stage's upstreams in the place of its own: one for each address."""
    table, text = load(path), path.read_text()
    domains = [domain.removeprefix("*.") for domain in table.domains]
    for url in {str(it): None for it in table.hublets.values()}:
        plain = url.removesuffix(":443")
        text = text.replace(f'"{plain}"', f'"{stage.upstream(url, *domains).url}"')
    copy = stage.folder / path.name
    copy.write_text(text)
    assert {str(it) for it in load(copy).hublets.values()} == {
        it.url for it in stage.upstreams.values()
    }
    return copy


def received(raw: bytes) -> Request:
    """What an upstream has got, as the core sees it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    headers = tuple(
        (name.lower(), value.strip()) for name, _, value in (it.partition(":") for it in fields)
    )
    if ("transfer-encoding", "chunked") in headers:
        whole = b""
        while size := int(body.partition(b"\r\n")[0], 16):
            _, _, body = body.partition(b"\r\n")
            whole, body = whole + body[:size], body[size + 2 :]
        body = whole
    hosts = tuple(value for name, value in headers if name == "host")
    return Request(method, hosts, target, headers, body)


def assert_decided(
    stage: Stage, table: Table, edge: HAProxy, example: Request, *, in_chunks: bool
) -> None:
    """The upstream of the decision got it and no other one did, or the answer is the core's."""
    for_the_proxy = ("proxy-authorization", "Basic YTpi")
    example = replace(example, headers=(*example.headers, for_the_proxy))
    request = sendable(example, in_chunks=in_chunks)
    assert request
    before = {name: len(it.requests) for name, it in stage.upstreams.items()}
    answer = exchange(("127.0.0.1", edge.port), request, None, "")
    arrived = [
        (it, raw) for name, it in stage.upstreams.items() for raw in it.requests[before[name] :]
    ]
    decision = decide(table, request)
    if decision.upstream is None:
        expected = problem(decision, table)
        assert not arrived
        assert answer.status == expected.status
        assert answer.body == (b"" if request.method == "HEAD" else expected.body)
        for name, value in expected.fields.items():
            assert answer.fields[name.lower()] == value
        return
    ((upstream, raw),) = arrived
    assert answer.status == 200
    assert upstream.url == str(decision.upstream)
    got = received(raw)
    assert (got.method, got.target, got.body) == (request.method, request.target, request.body)
    assert got.hosts == request.hosts
    framing = {"content-length", "transfer-encoding", "connection"}
    assert for_the_proxy not in got.headers
    ours = framing | {"host", "proxy-authorization"}
    wanted = [it for it in request.headers if it[0] not in ours]
    assert [it for it in got.headers if it[0] not in framing | {"host"}] == wanted
    assert upstream.server_names[-1] == request.host
    assert decide(table, got) == decision


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_example_goes_where_the_core_sends_it(stage: Stage, path: Path) -> None:
    copy = staged(stage, path)
    table = load(copy)
    with haproxy(stage, copy) as edge:
        for example in table.examples:
            assert_decided(stage, table, edge, example.request, in_chunks=False)
            if example.request.body:
                assert_decided(stage, table, edge, example.request, in_chunks=True)
