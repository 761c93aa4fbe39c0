"""The decision log: one JSON line for each request, when its answer has ended."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from pathlib import Path

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

from ...core.decision import Decision
from ...core.findings import findings
from ...core.request import Request
from ...core.table import Table
from ...explain.masking import mask_path
from ...flows.requests import request_with_body
from ...flows.trace import trace_id
from ..routing.annotate import Decided
from ..routing.passing import Passing
from ..routing.proxy_status import is_forwarded
from .endings import Ended, Endings, each
from .fingerprint import fingerprint
from .log_file import LogFile


class DecisionLog:
    """Writes what was decided, and what came of it."""

    name = "hublet-router-log"

    def __init__(self, endings: Endings) -> None:
        self.endings = endings
        self.file: LogFile | None = None

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "hublet_log",
            str | None,  # type: ignore[arg-type]  # mitmproxy's own annotation is too narrow
            None,
            "Append one JSON line for each request that was decided to this file.",
        )

    def take_options(self, updated: set[str]) -> None:
        """Open the file; raise OptionsError where that cannot be."""
        if "hublet_log" in updated:
            path = ctx.options.hublet_log
            file = LogFile(Path(path).expanduser()) if path else None
            self.done()
            if file:
                self.file = file
                self.endings.takers.append(self._write)

    def reopen(self) -> None:
        """Let go of a file that was moved away."""
        self.endings.tell()
        if self.file:
            self.file.reopen()

    def done(self) -> None:
        """Write what waits, and close."""
        self.endings.tell()
        if self.file:
            self.endings.takers.remove(self._write)
            self.file.close()
        self.file = None

    def _write(self, ended: Ended) -> None:
        if self.file and (lines := each(line, ended)):
            self.file.write("\n".join(lines))


def line(flow: http.HTTPFlow, decided: Decided) -> str:
    """Return what the log says of a request: seconds, bytes, and no credential.

    To make a dictionary and `json.dumps` of it takes twice as long.
    """
    decision, table, taken, request = decided
    request = request or request_with_body(flow)
    response, error = flow.response, flow.error
    started = flow.request.timestamp_start
    first = response.timestamp_start if response else None
    end = error.timestamp if error else response and response.timestamp_end
    # Without a table nobody can tell where a credential stands in it.
    path = mask_path(request, table.places) if table else None
    return (
        f'{{"time": "{_second(int(started))}.{int(started % 1 * 1000):03}+00:00"'
        f', "flow": {_json(flow.id)}'
        f', "trace": {_json(trace_id(request))}'
        f', "domain": {_json(request.host and request.host.rpartition("@")[2])}'
        f', "method": {_json(request.method)}'
        f', "path": {_json(path)}'
        f", {_written(decision)}"
        f', "fingerprint": {_json(_fingerprint(table, request, decision) if table else None)}'
        f', "status": {response.status_code if response else "null"}'
        f', "answered_by": "{_answered_by(flow, decision)}"'
        f', "misdirected": {_json(flow.metadata.get("hublet_misdirected"))}'
        f', "error": {_json(error.msg.partition(":")[0] if error else None)}'
        f', "decision_seconds": {taken:.7f}'
        f', "seconds": {f"{end - started:.6f}" if end else "null"}'
        f', "first_byte_seconds": {f"{first - started:.6f}" if first else "null"}'
        f', "request_bytes": {_size(flow.request)}'
        f', "response_bytes": {_size(response)}}}'
    )


def _json(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)


@lru_cache
def _second(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat()[:19]


@lru_cache
def _written(decision: Decision) -> str:
    return json.dumps(decision.as_json())[1:-1]  # many requests get the same


def _fingerprint(table: Table, request: Request, decision: Decision) -> str | None:
    """Return the fingerprint of the credential that decided."""
    for it in findings(table, request):
        if it.credential and it.rule.name == decision.credential:
            return fingerprint(it.credential)
    return None


def _answered_by(flow: http.HTTPFlow, decision: Decision) -> str:
    """Return whose answer it was; `upstream` is that of a host that passed."""
    if not is_forwarded(flow, decision):
        return "router"
    return "hublet" if decision.hublet else "upstream"


def _size(message: http.Message | None) -> int | str:
    """Return the bytes of a body; of a streamed one, what its head said."""
    if message is None:
        return "null"
    if isinstance(message.stream, Passing):
        return message.stream.size
    if message.raw_content is not None:
        return len(message.raw_content)
    length = message.headers.get("content-length", "")
    return int(length) if length.isdecimal() else "null"
