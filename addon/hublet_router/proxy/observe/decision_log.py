"""The decision log: one JSON line for each request, when its answer has ended."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy import ctx, http

from ...analysis.fingerprint import fingerprint
from ...analysis.harmless import known_words
from ...analysis.masking import is_like_a_hublet, mask_host, mask_method, mask_path
from ...analysis.misdirection import accounts_in
from ...core.decision import Decision
from ...core.request import Request
from ...flows.requests import request_with_body
from ...flows.trace import trace_id
from ..options import reports_errors
from ..routing.annotate import Decided
from ..routing.passing import Passing
from ..routing.proxy_status import is_forwarded
from .log_file import LogFile
from .measurement import Measurement

_NUMBER = re.compile("[0-9]{1,15}")


class DecisionLog:
    """Writes what was decided, and what came of it."""

    name = "hublet-router-log"

    def __init__(self) -> None:
        self.file: LogFile | None = None

    @reports_errors
    def configure(self, updated: set[str]) -> None:
        """Open the file; raise OptionsError if that fails, and keep the old one."""
        if "hublet_log" in updated:
            path = ctx.options.hublet_log
            file = LogFile(Path(path).expanduser()) if path else None
            self.done()
            self.file = file

    def done(self) -> None:
        """Write what waits, and close."""
        if self.file:
            self.file.close()
        self.file = None

    def reopen(self) -> None:
        """Let go of a file that was moved away."""
        if self.file:
            self.file.reopen()

    def measurements(self) -> Iterator[Measurement]:
        """Yield the count of lost lines for the metrics."""
        yield Measurement(
            "hublet_log_lines_dropped",
            "counter",
            "Lines that the decision log lost to its disk; nothing without a log.",
            (),
            lambda: {(): self.file.dropped} if self.file else {},
        )

    def write(self, flow: http.HTTPFlow, decided: Decided) -> None:
        """Write the line of a request whose answer has ended, or will not come."""
        if self.file:
            self.file.write(line(flow, decided, names_client=ctx.options.hublet_log_client))


def entry(started: float, flow: str, request: Request, decided: Decided) -> dict[str, object]:
    """Return what a log says of a request that was decided, without what came of it.

    `started` is in seconds since the epoch. No credential is in it.
    """
    decision, table = decided.decision, decided.table
    known = known_words(table) if table else ()
    return {
        "time": datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
        "flow": flow,
        "trace": trace_id(request),
        "domain": request.host and mask_host(request.host, known),
        "method": mask_method(request.method),
        "path": mask_path(request, known),
        **decision.as_json(),
        **_identity(decided),
    }


def line(flow: http.HTTPFlow, decided: Decided, *, names_client: bool = False) -> str:
    """Return the line of a request: what was decided, seconds, bytes, and no credential.

    The client's address is only in it if it is asked for.
    """
    request = decided.request or request_with_body(flow)
    response, error = flow.response, flow.error
    started = flow.request.timestamp_start
    first = response.timestamp_start if response else None
    end = error.timestamp if error else response and response.timestamp_end
    return json.dumps(
        entry(started, flow.id, request, decided)
        | ({"client": _address(flow)} if names_client else {})
        | {
            "status": response.status_code if response else None,
            "answered_by": _answered_by(flow, decided.decision),
            "misdirected": flow.metadata.get("hublet_misdirected"),
            "error": error.msg.partition(":")[0] if error else None,
            "decision_seconds": round(decided.seconds, 7),
            "seconds": round(end - started, 6) if end else None,
            "first_byte_seconds": round(first - started, 6) if first else None,
            "request_bytes": _size(flow.request),
            "response_bytes": _size(response),
        }
    )


def _identity(decided: Decided) -> dict[str, object]:
    """Return whose request it is: the unknown name, the accounts, the credential's fingerprint.

    A name that a credential gave is shown if it is like a Hublet's, an account if it is a number or
    stands in the table.
    """
    table, found, rule = decided.table, decided.found, decided.decision.credential
    deciding = [it for it in found if it.credential and it.rule.name == rule]
    hublets = table.hublets if table else ()
    unknown = [name for it in deciding for name in it.hublets if name not in hublets]
    moved = table.accounts.moved if table and table.accounts else ()
    return {
        "named": next(filter(is_like_a_hublet, unknown), None),
        "accounts": sorted(it for it in accounts_in(found) if it in moved or _NUMBER.fullmatch(it)),
        "fingerprint": next((fingerprint(it.credential or "") for it in deciding), None),
    }


def _address(flow: http.HTTPFlow) -> str | None:
    peer = flow.client_conn.peername
    return peer[0] if peer else None


def _answered_by(flow: http.HTTPFlow, decision: Decision) -> str:
    """Return what gave the answer; `upstream` is that of a host that passed."""
    if not is_forwarded(flow, decision):
        return "router"
    return "hublet" if decision.hublet else "upstream"


def _size(message: http.Message | None) -> int | None:
    """Return the bytes of a body; of a streamed one, what its head said."""
    if message is None:
        return None
    if isinstance(message.stream, Passing):
        return message.stream.size
    if message.raw_content is not None:
        return len(message.raw_content)
    length = message.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None
