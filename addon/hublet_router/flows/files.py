"""Recorded flows: mitmproxy's own files and HAR, one flow after another."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..analysis.masking import counted
from .har_entries import ENTRY, HarError
from .opened import json_encoding, peekable

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow

RECORDINGS = (".dump", ".flow", ".flows", ".har", ".jsonl", ".mitm", ".mitmproxy", ".zhar")
"""How names of recordings end."""

_NO_RECORDING = "not a whole flow file of mitmproxy, nor a HAR file"

type Report = Callable[[str], object]


class FlowFileError(Exception):
    """A file that holds no flows, or ends within one: what, where, and what to do."""


def flow_name(flow: "HTTPFlow") -> str:
    """Return what finds a flow again in its file: its id, or the number of its entry in HAR."""
    entry = flow.metadata.get(ENTRY)
    return f"entry {entry}" if entry else flow.id


def called(flow: "HTTPFlow") -> str:
    """Return the same for people: `flow 5b2c…`, or `entry 12`."""
    return flow_name(flow) if ENTRY in flow.metadata else f"flow {flow.id}"


def print_report(sentence: str) -> None:
    """Print what was left out of a recording on standard error."""
    print(sentence, file=sys.stderr)


def read_flows(
    paths: Iterable[Path],
    progress: Callable[[int], object] | None = None,
    where: str | None = None,
    report: Report = print_report,
    *,
    takes_log: bool = False,
) -> Iterator["HTTPFlow"]:
    """Yield each HTTP flow of the files, in order, without keeping any; raise FlowFileError.

    Before each flow, `progress` is called with the bytes read so far, if the file can be sought.
    `where` is a filter expression of mitmproxy: other flows are left out. `report` gets a sentence
    for what a HAR file holds that is no flow. A decision log is refused, unless it is taken: no
    request of it can be decided anew.
    """
    is_asked = matching(where)
    before = 0
    for path in paths:
        try:
            with path.open("rb") as file:
                flows = flows_of(file, str(path), report, takes_log=takes_log)
                for flow in flows:
                    if progress and file.seekable():
                        progress(before + file.tell())
                    if is_asked(flow):
                        yield flow
                before += file.tell() if file.seekable() else 0
        except OSError as error:
            raise FlowFileError(f"{path}: cannot be read: {error.strerror}") from error


def flows_of(
    file: BinaryIO, name: str, report: Report = print_report, *, takes_log: bool = False
) -> Iterator["HTTPFlow"]:
    """Yield each HTTP flow of an open file, which may be compressed; raise FlowFileError."""
    from mitmproxy.http import HTTPFlow  # noqa: PLC0415  # as all of mitmproxy: half a second
    from mitmproxy.io import FlowReader  # noqa: PLC0415

    from .har import har_flows  # noqa: PLC0415
    from .log_lines import is_decision_log, log_flows  # noqa: PLC0415

    def named(sentence: str) -> None:
        report(f"{name}: {sentence}")

    file = peekable(file)
    whole = 0  # flows that were read
    try:
        if is_decision_log(file):
            if not takes_log:
                raise FlowFileError(
                    f"{name}: a decision log, which has no credential to decide anew; read it with"
                    " hublet-router explain"
                )
            yield from log_flows(file, named)
            return
        if encoding := json_encoding(file):
            yield from har_flows(file, named, encoding)
            return
        for flow in FlowReader(file).stream():
            whole += 1
            if isinstance(flow, HTTPFlow):
                yield flow
    except HarError as error:
        raise FlowFileError(f"{name}: {error}") from None
    except (FlowFileError, OSError):
        raise
    except Exception as error:  # what a corrupt file makes mitmproxy raise is not one type
        is_old = "cannot read files with flow format version" in str(error)
        what = str(error).rstrip(".") if is_old else _NO_RECORDING
        fix = "record it again, or export it as HAR"
        if whole and not is_old:
            what = f"cut off or damaged after {counted(whole, 'flow')}"
            fix = "record it again, or copy those: mitmdump -nr FILE -w COPY"
        raise FlowFileError(f"{name}: {what}; {fix}") from error


def matching(where: str | None) -> Callable[["HTTPFlow"], object]:
    """Return whether a flow matches a filter expression, None for each; raise FlowFileError."""
    from mitmproxy import flowfilter  # noqa: PLC0415

    if where is None:
        return lambda _: True
    try:
        return flowfilter.parse(where)
    except ValueError:  # which quotes it: it may hold a credential
        raise FlowFileError(
            "--filter: not a filter expression of mitmproxy; write one like '~c 401 & ~d api'"
        ) from None
