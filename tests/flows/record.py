"""Record the flow files beside this script: `.venv/bin/python tests/flows/record.py`.

Every example of the shipped hublets.yaml is sent through a real mitmproxy with the addon, each in
the two ways that a client can take in reverse mode and in regular mode. What mitmproxy saw is
saved, redacted, with the decision that the addon wrote on it. To be run again when the examples
change.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowWriter

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for `wire`, run from anywhere

from hublet_router.core.places import Request
from hublet_router.flows.redaction import Redaction
from hublet_router.tablefile import load
from wire import REVERSE, Client, Stage, request

FOLDER = Path(__file__).resolve().parent
SHIPPED = FOLDER.parents[1] / "hublets.yaml"
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


def shipped_table(stage: Stage) -> str:
    """Start an upstream for each Hublet of the shipped table; return its text with their URLs.

    They go by a name, as real ones do: an address would hide it when the host that a recorded flow
    was sent to is taken for the host that its client asked for.
    """
    table = load(SHIPPED)
    text = SHIPPED.read_text()
    for name, shipped in table.hublets.items():
        started = stage.upstream(name, *sorted(table.domains))
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
        redaction = Redaction(load(SHIPPED), KEY, bodies=True)
        save(filter(None, map(redaction.redacted, stage.seen.flows)), folder / name)


def save(flows: Iterable[HTTPFlow], path: Path) -> Path:
    """Write a flow file as mitmproxy writes it."""
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for flow in flows:
            writer.add(flow)
    return path


if __name__ == "__main__":
    record(FOLDER)
