"""Record the flow files beside this script: `.venv/bin/python tests/flows/record.py`.

Every example of the shipped hublets.yaml is sent through a real mitmproxy with the addon, each in
the two ways that a client can take in reverse mode and in regular mode. What mitmproxy saw is
saved, redacted, with the decision that the addon wrote on it. To be run again when the examples
change. One more file holds what a Hublet answers when an account has moved that the table does not
know.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from mitmproxy.flow import Flow
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowWriter

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for `harness`, run from anywhere

from harness import REVERSE, Behaviour, Client, Stage, bearer, read_request, request
from hublet_router.core.request import Request
from hublet_router.redaction.redact_flow import FlowRedactor
from hublet_router.tablefile import load
from synthetic import api_key

FOLDER = Path(__file__).resolve().parent
SHIPPED = FOLDER.parents[1] / "hublets.yaml"
MISDIRECTED = "misdirected.mitm"
KEY = bytes(32)  # no secret: so are none of the credentials, and each recording is the same

type Way = Callable[[int, Request], None]


def plain(port: int, example: Request) -> None:
    """Send a request to the proxy as if it were the server."""
    with Client(port) as client:
        client.send(as_sent(example), example.method)


def with_tls(port: int, example: Request) -> None:
    """Send it to the proxy as if it were the server, inside TLS."""
    with Client(port, example.hosts[0]) as client:
        client.send(as_sent(example), example.method)


def through_connect(port: int, example: Request) -> None:
    """Send it inside TLS through a tunnel, as clients reach an https URL by a proxy."""
    (host,) = example.hosts
    with Client(port) as client:
        client.connect_through(f"{host}:443", host)
        client.send(as_sent(example), example.method)


def by_absolute_url(port: int, example: Request) -> None:
    """Send it with a whole URL, as clients reach an http URL by a proxy."""
    url = f"http://{example.hosts[0]}{example.target}"
    with Client(port) as client:
        client.send(as_sent(example, url), example.method)


RECORDINGS: dict[str, tuple[str, tuple[Way, ...]]] = {
    "reverse.mitm": (REVERSE, (plain, with_tls)),
    "regular.mitm": ("regular", (through_connect, by_absolute_url)),
}


def as_sent(example: Request, target: str | None = None) -> bytes:
    """Write an example as a client would."""
    fields = [f"{name}: {value}" for name, value in example.headers]
    return request(
        example.method,
        target or example.target,
        *fields,
        host=example.hosts[0],
        body=example.body or b"",
    )


def shipped_table(stage: Stage, **behaviours: Behaviour) -> str:
    """Start an upstream for each Hublet of the shipped table; return its text with their URLs.

    They go by a name, as real ones do: an address would hide it when the host that a recorded flow
    was sent to is taken for the host that its client asked for.
    """
    table = load(SHIPPED)
    text = SHIPPED.read_text()
    for name, shipped in table.hublets.items():
        started = stage.upstream(name, *sorted(table.domains), behaviour=behaviours.get(name))
        assert text.count(f'"{shipped}"') == 1
        text = text.replace(f'"{shipped}"', f'"https://localhost:{started.port}"')
    return text


def record(folder: Path) -> None:
    """Make each recording, and write it into the folder.

    A connection for each request and one request at a time, so that the order is always the same.
    """
    examples = [example.request for example in load(SHIPPED).examples]
    for name, (mode, ways) in RECORDINGS.items():
        with TemporaryDirectory() as work, Stage(Path(work)) as stage:
            stage.table(shipped_table(stage))
            port = stage.proxy(mode=mode)
            for way in ways:
                for example in examples:
                    way(port, example)
        save(redacted(stage.seen.flows), folder / name)


ANSWERS = {
    "submit/4711": ("488 Wrong Hublet\r\nX-HubSpot-Correct-Hublet: eu1", ""),
    "portalId=4711": ("488 Wrong Hublet", '{"status": "error", "correctHublet": "eu1"}'),
    "portalId=4712": ("477 Migration in Progress\r\nRetry-After: 86400", ""),
    "/cms/": ("421 Misdirected Request", ""),
}
"""What a Hublet answers to a request with that in its target, when some accounts have left it."""


async def left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be such a Hublet."""
    while asked := await read_request(reader, bytearray()):
        target = asked.split()[1].decode()
        head, body = next((ANSWERS[kind] for kind in ANSWERS if kind in target), ("200 OK", "na1"))
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()


def record_misdirected(folder: Path) -> None:
    """Record answers of every kind that report a wrong Hublet, and others among them."""
    asked = [
        request("POST", "/submissions/v3/integration/submit/4711/form"),
        request("POST", "/submissions/v3/integration/submit/4713/form"),
        request("GET", f"/contacts/v1/lists?portalId=4711&hapikey={api_key(None)}"),
        request("GET", f"/contacts/v1/lists?portalId=4712&hapikey={api_key('na1')}"),
        request("GET", "/cms/v3/pages", bearer("na1")),
        request("GET", "/crm/v3/objects", bearer("eu1")),
        request("GET", "/crm/v3/objects", bearer("zz9")),
    ]
    with TemporaryDirectory() as work, Stage(Path(work)) as stage:
        stage.table(shipped_table(stage, na1=left))
        port = stage.proxy()
        for raw in asked:
            with Client(port) as client:
                client.send(raw)
        save(redacted(stage.seen.flows), folder / MISDIRECTED)


def redacted(flows: Iterable[HTTPFlow]) -> Iterator[HTTPFlow]:
    """Replace what is secret, as `hublet-router redact` does."""
    redaction = FlowRedactor(load(SHIPPED), KEY, bodies=True)
    return filter(None, map(redaction.redacted, flows))


def save(flows: Iterable[Flow], path: Path) -> Path:
    """Write a flow file as mitmproxy writes it."""
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for flow in flows:
            writer.add(flow)
    return path


if __name__ == "__main__":
    record(FOLDER)
    record_misdirected(FOLDER)
