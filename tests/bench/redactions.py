"""What it costs to redact a recording in which every credential is another one."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from uuid import UUID

from mitmproxy import http
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from bench.decisions import HEADERS, ROOT, oauth_token
from bench.subjects import memory
from hublet_router.flows.files import read_flows
from hublet_router.redaction.redact_flow import FlowRedactor
from hublet_router.tablefile import load

COUNT = 10_000


def flows(count: int) -> Iterator[http.HTTPFlow]:
    """Yield one flow many times, each time with other credentials of one of four kinds."""
    random = Random(0)
    it = tflow.tflow(resp=True)
    for number in range(count):
        secret = str(UUID(int=random.getrandbits(128)))
        path, body, token = "/crm/v3/objects/contacts?limit=100", "", ""
        media_type = "application/json"
        match number % 4:
            case 0:
                token = f"pat-eu1-{secret}"
            case 1:
                token = oauth_token(number)
            case 2:
                path += f"&hapikey=eu1-{secret}"
            case 3:
                path, media_type = "/oauth/v1/token", "application/x-www-form-urlencoded"
                body = f"grant_type=refresh_token&client_id={secret}&refresh_token=eu1-{secret}"
        fields = tuple(it for it in HEADERS if it[0] != "content-type")
        fields += (("content-type", media_type),) + (
            (("authorization", f"Bearer {token}"),) if token else ()
        )
        it.request.headers.fields = tuple((a.encode(), b.encode()) for a, b in fields)
        it.request.data.authority = b""
        it.request.path, it.request.content = path, body.encode()
        yield it


def redactions(count: int = COUNT) -> tuple[float, float, float]:
    """Return the microseconds of CPU for each flow: alone, and from file to file; then the MB."""
    redaction = FlowRedactor(load(ROOT / "hublets.yaml"), bytes(32))
    with TemporaryDirectory(prefix="hublet-router-bench-") as name:
        source, target = Path(name) / "in", Path(name) / "out"
        with source.open("wb") as file:
            writer = FlowWriter(file)
            for it in flows(count):
                writer.add(it)
        before, alone = memory("self", "VmRSS"), 0.0
        begun = time.thread_time()  # of CPU: others may use the machine
        with target.open("wb") as file:
            writer = FlowWriter(file)
            for it in read_flows([source]):
                started = time.thread_time()
                new = redaction.redacted(it)
                alone += time.thread_time() - started
                assert new
                writer.add(new)
        whole = time.thread_time() - begun
    assert redaction.count.total() == count
    return alone / count * 1e6, whole / count * 1e6, memory("self", "VmRSS") - before
