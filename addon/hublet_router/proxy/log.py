"""The decision log: one JSON line for each request, when its answer has ended."""

import asyncio
import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader, safecall

from ..analysis.shown import masked_path
from ..core.decide import Decision, readings
from ..core.places import Request
from ..core.table import Table
from ..flows.trace import trace_id
from ..flows.view import view_whole
from .annotate import Decided, Ledger
from .fingerprint import fingerprint
from .logfile import LogFile
from .status import is_forwarded

GATHER = 0.05
"""Seconds in which requests gather whose lines are written together."""


class DecisionLog:
    """Writes what was decided, and what came of it."""

    name = "hublet-router-log"

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.file: LogFile | None = None
        self._ended: list[tuple[http.HTTPFlow, Decided]] = []

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
            self.file = file

    def reopen(self) -> None:
        """Let go of a file that was moved away."""
        self._write()
        if self.file:
            self.file.reopen()

    def done(self) -> None:
        """Write what waits, and close."""
        self._write()
        if self.file:
            self.file.close()
        self.file = None

    def response(self, flow: http.HTTPFlow) -> None:
        """Log a request whose answer has ended, or will not come."""
        if self.file and (decided := self.ledger.get(flow)):
            if not self._ended:
                asyncio.get_running_loop().call_later(GATHER, self._write)
            self._ended.append((flow, decided))

    error = response

    def _write(self) -> None:
        """Write the lines of what has ended; together, each takes a third of the time."""
        ended, self._ended = self._ended, []
        lines = []
        for flow, decided in ended:
            with safecall():
                lines.append(json.dumps(entry(flow, decided)))
        if self.file and lines:
            self.file.write("\n".join(lines))


def entry(flow: http.HTTPFlow, decided: Decided) -> dict[str, object]:
    """Return what the log says of a request: seconds, bytes, and no credential."""
    decision, table = decided.decision, decided.table
    request = decided.request or view_whole(flow)
    response, error = flow.response, flow.error
    started = flow.request.timestamp_start
    return {
        "time": f"{_second(int(started))}.{int(started % 1 * 1000):03}+00:00",
        "flow": flow.id,
        "trace": trace_id(request),
        "domain": request.host and request.host.rpartition("@")[2],
        "method": request.method,
        # Without a table nobody can tell where a credential stands in it.
        "path": masked_path(request, table.places) if table else None,
        **_written(decision),
        "fingerprint": _fingerprint(table, request, decision) if table else None,
        "status": response.status_code if response else None,
        "answered_by": _answered_by(flow, decision),
        "misdirected": flow.metadata.get("hublet_misdirected"),
        "error": error.msg.partition(":")[0] if error else None,
        "decision_seconds": round(decided.seconds, 7),
        "seconds": _between(started, _end(flow)),
        "first_byte_seconds": _between(started, response.timestamp_start if response else None),
        "request_bytes": _size(flow.request),
        "response_bytes": _size(response) if response else None,
    }


@lru_cache
def _second(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat()[:19]


@lru_cache
def _written(decision: Decision) -> dict[str, str | None]:
    return decision.as_json()  # many requests get the same


def _fingerprint(table: Table, request: Request, decision: Decision) -> str | None:
    """Return the fingerprint of the credential that decided."""
    for rule, credential, *_ in readings(table, request):
        if credential and rule.name == decision.credential:
            return fingerprint(credential)
    return None


def _answered_by(flow: http.HTTPFlow, decision: Decision) -> str:
    """Return whose answer it was; `upstream` is that of a host that passed."""
    if not is_forwarded(flow, decision):
        return "router"
    return "hublet" if decision.hublet else "upstream"


def _end(flow: http.HTTPFlow) -> float | None:
    if flow.error:
        return flow.error.timestamp
    return flow.response.timestamp_end if flow.response else None


def _between(start: float, end: float | None) -> float | None:
    return round(end - start, 6) if end else None


def _size(message: http.Message) -> int | None:
    """Return the bytes of a body; of a streamed one, what its head said."""
    if message.raw_content is not None:
        return len(message.raw_content)
    length = message.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None
