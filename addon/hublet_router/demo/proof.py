"""The proof of `hublet-router demo`: one signed request of every kind, and where each arrived.

The kinds are the examples of the shipped table. Each is sent over HTTP and over TLS to a proxy of
its own on free ports, and the Hublet that answers says what it saw. The last row is the same
request through a proxy that rewrites Host: the reason why this project exists.
"""

import errno
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ..analysis.harmless import known_words
from ..analysis.masking import aligned, mask_path
from ..core.judge import decide
from ..core.request import Request
from ..core.table import Example, Table
from ..tablefile import load
from ..verify.exchange import exchange, sendable
from .shipped import free_port, write_demo_table
from .signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

START_SECONDS = 30


class Row(NamedTuple):
    """One line of the proof."""

    what: str
    front: str
    hublet: str
    reason: str
    host: str
    signature: str
    is_right: bool


def prove(script: Path) -> int:
    """Print the proof, with `script` as mitmproxy's; return 1 if a row is wrong."""
    with TemporaryDirectory(prefix="hublet-router-demo-") as name:
        folder = Path(name)
        table_path = write_demo_table(folder)
        table = load(table_path)
        with _mitmdump(folder, "-s", str(script), "--set", f"hublets={table_path}",
                       "--set", "hublet_demo=true",
                       "--mode", "reverse:https://unrouted.invalid") as port:  # fmt: skip
            rows = [
                _row(folder, port, table, example, front)
                for example in table.examples
                for front in ("http", "https")
            ]
            first = table.examples[0]
            upstream = str(decide(table, first.request).upstream)
            authority = folder / "mitmproxy-ca-cert.pem"
            with _mitmdump(folder, "--set", f"ssl_verify_upstream_trusted_ca={authority}",
                           "--mode", f"reverse:{upstream}") as rewriting:  # fmt: skip
                rows.append(_row_of_a_rewriting_proxy(folder, rewriting, first.request))
    head = ("credential, request", "over", "Hublet", "reason", "Host seen", "signature", "")
    cells = [(*row[:-1], "ok" if row.is_right else "WRONG") for row in rows]
    print(*aligned([head, *cells]), sep="\n")
    wrong = sum(not row.is_right for row in rows)
    print(f"\n{len(rows) - wrong} of {len(rows)} as they must be")
    return 1 if wrong else 0


@contextmanager
def _mitmdump(folder: Path, *arguments: str) -> Iterator[int]:
    """Run a mitmdump on a free port, until the block ends."""
    port = free_port()
    command = [
        sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()", *arguments,
        "--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={folder}",
        "--set", "termlog_verbosity=warn", "--set", "flow_detail=0",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=sys.stderr)  # noqa: S603  # all words are ours
    try:
        _wait_until_open(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(START_SECONDS * 20):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = "mitmdump does not listen; what it said stands above"
    raise ConnectionRefusedError(errno.ECONNREFUSED, said)


def _row(folder: Path, port: int, table: Table, example: Example, front: str) -> Row:
    decision = decide(table, example.request)
    status, seen = _send(folder, port, example.request, front)
    path = mask_path(example.request, known_words(table))
    what = f"{decision.credential or 'nothing'}, {example.request.method} {path}"
    if "hublet" not in seen:
        reason = seen.get("reason", f"status {status}")
        return Row(what, front, "-", reason, "-", "-", reason == example.refused)
    is_right = (
        seen["hublet"] == example.hublet
        and seen["host"] == example.request.hosts[0]
        and seen["sni"] == example.request.hosts[0]
        and seen["signature"] == "valid"
    )
    reason = decision.reason.value
    return Row(what, front, seen["hublet"], reason, seen["host"], seen["signature"], is_right)


def _row_of_a_rewriting_proxy(folder: Path, port: int, request: Request) -> Row:
    """Send a request through mitmproxy as it comes: the signature must break."""
    _, seen = _send(folder, port, request, "http")
    broken = seen["signature"] == "INVALID" and seen["host"] != request.hosts[0]
    what = "the first one, by a proxy that rewrites Host"
    return Row(what, "http", seen["hublet"], "-", seen["host"], seen["signature"], broken)


def _send(folder: Path, port: int, request: Request, front: str) -> tuple[int, dict[str, str]]:
    host, timestamp = request.hosts[0], "1767225600000"
    url = f"https://{host}{request.target}"
    signature = sign(request.method, url, request.body or b"", timestamp)
    fields = ((TIMESTAMP_HEADER, timestamp), (SIGNATURE_HEADER, signature))
    sent = sendable(replace(request, headers=(*request.headers, *fields)))
    assert sent, "an example is a whole request"
    authority = folder / "mitmproxy-ca-cert.pem"
    tls = ssl.create_default_context(cafile=authority) if front == "https" else None
    answer = exchange(("127.0.0.1", port), sent, tls, host)
    try:
        seen: dict[str, str] = json.loads(answer.body)
    except ValueError:
        return answer.status, {}
    return answer.status, seen
