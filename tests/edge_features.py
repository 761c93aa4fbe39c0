"""What each engine refuses although the core routes it, and reads in another way.

`make readme` writes it down.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from harness import confdir
from hublet_router.agent.asked import head_of
from hublet_router.core.judge import decide
from hublet_router.core.request import MAX_BODY, Request
from hublet_router.core.table import Table
from hublet_router.export import haproxy, worker
from hublet_router.export.bundle import Bundle, write
from hublet_router.prove.haproxy_engine import haproxy as run_haproxy
from hublet_router.prove.proof import Engine
from hublet_router.prove.upstreams import Upstreams
from hublet_router.prove.worker_engine import worker as run_worker
from hublet_router.tablefile import loads
from hublet_router.verify.exchange import as_bytes, sendable

PAGE = Path(__file__).parents[1] / "addon" / "docs" / "edge.md"
PLACE = re.compile(r"(<!-- (\w+) -->\n)(.*?)(?=<!-- end of \2 -->)", re.DOTALL)

TABLE = r"""
domains: [api.a.example, "*.b.example"]
hublets: {na1: {upstream: "https://127.0.0.1:9441"}, eu1: {upstream: "https://127.0.0.1:9442"}}
default: na1
credentials:
  - {name: bearer, in: {header: authorization, scheme: bearer}, hublet: &key {regex: "^(eu1)-"}}
  - {name: token, in: {header: x-token}, hublet: *key}
  - {name: cookie, in: {cookie: session}, hublet: *key}
  - {name: query, in: {query: key}, hublet: *key}
  - {name: path, in: {path: "^/keys/([^/]+)"}, hublet: *key}
  - {name: form, paths: "^/form", in: {form: key}, hublet: *key}
  - {name: json, paths: "^/json", in: {json: a.key}, hublet: *key}
accounts: {ids: [{query: account}], moved: {7: eu1}}
"""
HOST = "api.a.example"
BEARER = ("authorization", "Bearer eu1-0")
TOKEN, COOKIE = ("x-token", "eu1-0"), ("cookie", "session=eu1-0")
SIGNATURE = ("authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c")
FORM = ("content-type", "application/x-www-form-urlencoded")
LARGE = [(f"x-{number}", "y" * 1000) for number in range(17)]

HOSTS = {
    "as usual": (HOST,),
    "in upper case, with a port": ("API.A.example:443",),
    "with a dot at its end": (f"{HOST}.",),
    "of a `*.` domain": ("x.b.example",),
    "the same twice": (HOST, HOST),
}
TARGETS = {
    "`/./`, `/../`, `//`": "/a/./../b//c",
    "`%2e%2e`, `%2F`": "/a/%2e%2e/b%2Fc",
    "`;`": "/a;b/c",
    "UTF-8": "/caf\xc3\xa9",
    "no UTF-8": "/caf\xe9",
    "`#`": "/a#b",
    'one of `<>"`': "/a?b=<",
    "`*`": "*",
}
OTHER_FORMS = (
    f"GET http://{HOST}/x", f"GET http://{HOST}:8443/x", f"GET http://a:b@{HOST}/x",
    "GET http://other.example/x", "GET http://other.example?key=eu1-0", f"GET ftp://{HOST}/x",
    f"GET {HOST}:443", "GET x", "GET ?key=eu1-0", f"CONNECT {HOST}:443",
)  # fmt: skip
"""Requests whose target is no path."""
QUERIES = {
    "as usual": "key=eu1-0",
    "escaped": "k%65y=eu1%2D0",
    "`;`": "a=b;key=eu1-0",
    "the same twice": "key=eu1-0&key=eu1-0",
    "a moved account": "account=7",
}
FIELDS = {
    "header `authorization`": {
        "as usual": [BEARER],
        "the same twice": [BEARER, BEARER],
        "a signature with commas": [SIGNATURE],
        "8,000 characters": [("authorization", f"Bearer eu1-{'0' * 7996}")],
        "16,000 characters": [("authorization", f"Bearer eu1-{'0' * 15996}")],
    },
    "another header": {
        "as usual": [TOKEN],
        "the same twice": [TOKEN, TOKEN],
        "a comma": [("x-token", "eu1-0,a")],
        "UTF-8": [("x-token", "eu1-\xc3\xa9")],
        "no UTF-8": [("x-token", "eu1-\xe9")],
    },
    "cookie": {
        "as usual": [COOKIE],
        "two fields": [COOKIE, ("cookie", "a=b")],
        "a comma in another one": [("cookie", "session=eu1-0; a=b,c")],
    },
    "fields that no rule reads": {
        "UTF-8": [BEARER, ("x", "\xc3\xa9")],
        "no UTF-8": [BEARER, ("x", "\xe9")],
        "an empty one": [BEARER, ("x", "")],
        "the same twice": [BEARER, ("x", "a"), ("x", "b")],
        "17 KiB in all": [BEARER, *LARGE],
    },
}


class Case(NamedTuple):
    """A request that the core routes, and how its body is framed."""

    feature: str
    shown: str
    request: Request
    in_chunks: bool = False


def cases() -> Iterator[Case]:
    """Yield a request for each thing that an engine may see in another way."""
    for shown, hosts in HOSTS.items():
        yield Case("host", shown, Request("GET", hosts, "/x", (BEARER,)))
    for shown, method in {"WebDAV's": "PROPFIND", "one of no standard": "FETCH-ALL"}.items():
        yield Case("method", shown, Request(method, (HOST,), "/x", (BEARER,)))
    for shown, target in TARGETS.items():
        method = "OPTIONS" if target == "*" else "GET"
        yield Case("target", shown, Request(method, (HOST,), target, (BEARER,)))
    for feature, by_name in FIELDS.items():
        for shown, fields in by_name.items():
            yield Case(feature, shown, Request("GET", (HOST,), "/x", tuple(fields)))
    for shown, query in QUERIES.items():
        yield Case("query", shown, Request("GET", (HOST,), f"/x?{query}"))
    for shown, target in {"as usual": "/keys/eu1-0/x", "escaped": "/keys/eu1%2D0"}.items():
        yield Case("path", shown, Request("GET", (HOST,), target))
    yield from _bodies()


def _bodies() -> Iterator[Case]:
    twice = Request("POST", (HOST,), "/form", (FORM, FORM), b"key=eu1-0")
    yield Case("form", "two `Content-Type`", twice)
    for length in (100, 10_000, 20_000, MAX_BODY):
        form = b"key=eu1-0&a=".ljust(length, b"x")
        document = b'{"a": {"key": "eu1-0"}, "b": "'.ljust(length - 2, b"x") + b'"}'
        for in_chunks in (False, True):
            shown = f"{length:,} bytes{' in chunks' if in_chunks else ''}"
            yield Case("form", shown, Request("POST", (HOST,), "/form", (FORM,), form), in_chunks)
            json = (("content-type", "application/json"),)
            yield Case("JSON", shown, Request("POST", (HOST,), "/json", json, document), in_chunks)
    unread = Request("POST", (HOST,), "/x", (BEARER, FORM), b"x" * 200_000)
    yield Case("a body that no rule reads", "200,000 bytes", unread)
    yield Case("a body that no rule reads", "200,000 bytes in chunks", unread, in_chunks=True)


class Measured(NamedTuple):
    """What an engine does not send on, and what it makes of each target of another form."""

    refused: list[Case]
    targets: list[str]


async def _measured() -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    with TemporaryDirectory(prefix="hublet-router-features-") as name:
        folder = Path(name)
        table = loads(TABLE.encode())
        async with Upstreams(table, confdir()) as upstreams:
            for engine, (run, bundle) in _engines(table).items():
                write(bundle, folder / engine)
                async with run(table, folder / engine, upstreams, {HOST, "x.b.example"}) as port:
                    refused = [
                        it for it in cases() if not await _arrives(table, it, port, upstreams)
                    ]
                    targets = [await _sent(table, it, port, upstreams) for it in OTHER_FORMS]
                    found[engine] = Measured(refused, targets)
    return found


def _engines(table: Table) -> dict[str, tuple[Engine, Bundle]]:
    setting = haproxy.Setting(["127.0.0.1:1"], ["127.0.0.1:2"])
    wide = setting._replace(body_limit=MAX_BODY)
    return {
        "HAProxy": (run_haproxy, haproxy.bundle(table, setting)),
        "HAProxy with `--body-limit 65536`": (run_haproxy, haproxy.bundle(table, wide)),
        "Worker": (run_worker, worker.bundle(table)),
    }


async def _arrives(table: Table, case: Case, port: int, upstreams: Upstreams) -> bool:
    decision = decide(table, case.request)
    assert decision.upstream, case
    upstreams.arrivals.clear()
    status = await _status(port, case.request, in_chunks=case.in_chunks)
    arrived = [it.upstream for it in upstreams.arrivals]
    assert arrived == [str(decision.upstream)] if status == 200 else not arrived, (case, arrived)
    return bool(arrived)


async def _sent(table: Table, line: str, port: int, upstreams: Upstreams) -> str:
    """Return the target that arrives, at the Hublet of the decision, or the status."""
    method, target = line.split(" ")
    upstreams.arrivals.clear()
    status = await _status(port, Request(method, (HOST,), target, (BEARER,)))
    for it in upstreams.arrivals:
        assert it.upstream == str(decide(table, it.request).upstream)
        return f"`{it.request.target}`"
    return str(status)


def _decided(table: Table, line: str) -> str:
    """Return what the core decides about a request, whose URL may name one more host."""
    method, url = line.split(" ")
    fields = f"host: {HOST}\r\nauthorization: {BEARER[1]}\r\n\r\n"
    decision = decide(table, head_of({"method": method, "url": url, "fields": fields, "sni": None}))
    return "routed" if decision.upstream else f"{decision.reason}"


async def _status(port: int, request: Request, *, in_chunks: bool = False) -> int:
    sent = sendable(request, in_chunks=in_chunks)
    assert sent
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(as_bytes(sent))
    line = await asyncio.wait_for(reader.readline(), 20)
    writer.close()
    return int(line.split()[1])


def lists() -> dict[str, str]:
    """Return each list as it has to stand in the manual, by its name there."""
    found = asyncio.run(_measured())
    return {"features": _feature_list(found), "targets": _target_list(found)}


def _feature_list(found: dict[str, Measured]) -> str:
    counts = Counter(case.feature for case in cases())
    lines = [
        f"| feature | routed by the core | {' | '.join(found)} |",
        "| --- " * (2 + len(found)) + "|",
    ]
    for feature, count in counts.items():
        cells = [
            [it.shown for it in engine.refused if it.feature == feature]
            for engine in found.values()
        ]
        texts = [f"{len(it)}: {'; '.join(it)}" if it else "0" for it in cells]
        lines.append(f"| {feature} | {count} | {' | '.join(texts)} |")
    totals = " | ".join(str(len(it.refused)) for it in found.values())
    return "\n".join([*lines, f"| all | {counts.total()} | {totals} |", ""])


def _target_list(found: dict[str, Measured]) -> str:
    table = loads(TABLE.encode())
    lines = [f"| request | core | {' | '.join(found)} |", "| --- " * (2 + len(found)) + "|"]
    for line, *targets in zip(OTHER_FORMS, *(it.targets for it in found.values()), strict=True):
        lines.append(f"| `{line}` | {_decided(table, line)} | {' | '.join(targets)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    made = lists()
    PAGE.write_text(PLACE.sub(lambda it: it[1] + made[it[2]], PAGE.read_text("utf-8")), "utf-8")
