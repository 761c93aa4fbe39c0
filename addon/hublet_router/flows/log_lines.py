"""The lines of a decision log as flows: what was decided and what came of it, but no credential."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from mitmproxy.connection import Client, Server
from mitmproxy.http import Headers, HTTPFlow, Request, Response

from .recorded import LINE, logged_decision


def is_decision_log(file: io.BufferedReader) -> bool:
    """Return whether an open file begins with a line of a decision log."""
    try:
        line = json.loads(file.peek(1 << 16).partition(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(line, dict) and {"action", "reason"} <= line.keys()


def log_flows(file: BinaryIO, report: Callable[[str], object]) -> Iterator[HTTPFlow]:
    """Yield a flow for each line; `report` gets a sentence for one that is of no decision log."""
    for number, text in enumerate(file, 1):
        try:
            yield log_flow(json.loads(text))
        except (ValueError, KeyError, RecursionError):
            if text.strip():
                report(f"line {number} is left out: it is none of a decision log")


def log_flow(line: Any) -> HTTPFlow:
    """Return the flow of a line; raise ValueError or KeyError if it is none."""
    if not isinstance(line, dict):
        raise ValueError
    decision = logged_decision(line)
    host, method = str(line.get("domain") or ""), str(line.get("method") or "")
    path, status = str(line.get("path") or "/"), line.get("status")
    request = Request(
        host, 443, method.encode("latin-1", "replace"), b"https", b"",
        path.encode("latin-1", "replace"), b"HTTP/1.1",
        Headers(((b"Host", host.encode("latin-1", "replace")),) if host else ()), None, None, 0, 0,
    )  # fmt: skip
    flow = HTTPFlow(Client(peername=("", 0), sockname=("", 0)), Server(address=None))
    flow.id, flow.request, flow.comment = str(line["flow"]), request, decision.summary
    if isinstance(status, int):
        flow.response = Response(b"HTTP/1.1", status, b"", Headers(), None, None, 0, 0)
    values = (decision.hublet, decision.reason.value, decision.credential, decision.table)
    keys = ("hublet", "hublet_reason", "hublet_credential", "hublet_table")
    flow.metadata = {key: it for key, it in zip(keys, values, strict=True) if it} | {LINE: line}
    return flow
