"""Recorded flows: mitmproxy's own files and HAR, one flow after another."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow, Request


class FlowFileError(Exception):
    """A file that holds no flows, or ends within one: what, where, and what to do."""


def read_flows(
    paths: Iterable[Path],
    progress: Callable[[int], object] | None = None,
    where: str | None = None,
) -> Iterator["HTTPFlow"]:
    """Yield each HTTP flow of the files, in order, without keeping any; raise FlowFileError.

    Before each flow, `progress` is called with the bytes read so far, if the file can be sought.
    `where` is a filter expression of mitmproxy: other flows are left out.
    """
    from mitmproxy.exceptions import FlowReadException  # noqa: PLC0415  # as all of mitmproxy:
    from mitmproxy.http import HTTPFlow  # noqa: PLC0415  # half a second
    from mitmproxy.io import FlowReader  # noqa: PLC0415

    is_asked = _filter(where)
    before = 0
    for path in paths:
        try:
            with path.open("rb") as file:
                is_har = file.peek(4).removeprefix(b"\xef\xbb\xbf").startswith(b"{")
                for flow in FlowReader(file).stream():
                    if progress and file.seekable():
                        progress(before + file.tell())
                    if isinstance(flow, HTTPFlow):
                        if is_har:
                            _mend(flow.request)
                        if is_asked(flow):
                            yield flow
                before += file.tell() if file.seekable() else 0
        except OSError as error:
            raise FlowFileError(f"{path}: cannot be read: {error.strerror}") from error
        except FlowReadException as error:
            raise FlowFileError(
                f"{path}: not a whole flow file of mitmproxy, nor a HAR file; record it again"
            ) from error


def _filter(where: str | None) -> Callable[["HTTPFlow"], object]:
    from mitmproxy import flowfilter  # noqa: PLC0415

    if where is None:
        return lambda _: True
    try:
        return flowfilter.parse(where)
    except ValueError:  # which quotes it: it may hold a credential
        raise FlowFileError(
            "--filter: not a filter expression of mitmproxy; write one like '~c 401 & ~d api'"
        ) from None


def _mend(request: "Request") -> None:
    """Make a request of a HAR file what mitmproxy would have seen.

    HTTP/2 has no Host: browsers write its `:authority` as a header, others leave it to the URL.
    """
    fields = request.headers.fields
    pseudo = {name.lower(): value for name, value in fields if name.startswith(b":")}
    request.headers.fields = tuple(field for field in fields if field[0].lower() not in pseudo)
    if "host" not in request.headers:
        request.data.authority = pseudo.get(b":authority") or request.pretty_host.encode()
