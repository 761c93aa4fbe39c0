"""Bodies that go on as they come: an event stream reaches its client at once."""

from mitmproxy import http

from ...core.request import MAX_BODY
from ...core.table import Table
from ...flows.requests import body_size


class Passing:
    """Hands on each part of a body, and keeps a copy of one of up to 64 KiB.

    mitmproxy itself holds a body until it ends, or until it is long (`stream_large_bodies`).
    """

    def __init__(self) -> None:
        self.size = 0
        self._copy = bytearray()

    def __call__(self, data: bytes) -> bytes:
        """Pass a part on unchanged."""
        self.size += len(data)
        if self.size <= MAX_BODY:
            self._copy += data
        else:
            self._copy.clear()
        return data

    @property
    def content(self) -> bytes | None:
        """The whole body so far, or None where it is too long to be kept."""
        return bytes(self._copy) if self.size <= MAX_BODY else None


def pass_request_on(flow: http.HTTPFlow) -> None:
    """Have a request of unknown length passed on as it comes: its answer may come before its end.

    With an answer by another addon mitmproxy would crash (its issue 1115).
    """
    if not (flow.request.stream or flow.response) and body_size(flow.request) is None:
        flow.request.stream = Passing()


def pass_on(response: http.Response, table: Table | None) -> None:
    """Have an answer passed on as it comes, but for those whose body the router has to read."""
    if not response.stream and not (table and response.status_code in table.misdirected.statuses):
        response.stream = Passing()


def keep_copy(message: http.Message) -> None:
    """Give a short body that was passed on to its message, for views and recordings."""
    if isinstance(message.stream, Passing) and message.raw_content is None:
        message.data.content = message.stream.content
