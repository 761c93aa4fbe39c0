"""Answers that go on as they come: an event stream or a long poll reaches its client at once."""

from mitmproxy import http

from ...core.request import MAX_BODY
from ...core.table import Table


class Passing:
    """Hands on each part of an answer, and keeps a copy of one of up to 64 KiB.

    mitmproxy itself holds an answer until it ends, or until it is long (`stream_large_bodies`).
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
        """The whole answer so far, or None where it is too long to be kept."""
        return bytes(self._copy) if self.size <= MAX_BODY else None


def pass_on(response: http.Response, table: Table | None) -> None:
    """Have an answer passed on as it comes, but for those whose body the router has to read."""
    if not response.stream and not (table and response.status_code in table.misdirected.statuses):
        response.stream = Passing()


def keep_copy(response: http.Response) -> None:
    """Give a short answer that was passed on its body, for views and recordings."""
    if isinstance(response.stream, Passing) and response.raw_content is None:
        response.data.content = response.stream.content
