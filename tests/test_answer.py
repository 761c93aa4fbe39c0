"""What the answer of a flow tells of its Hublet."""

import gzip

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from hublet_router.analysis.misdirection import Told
from hublet_router.core.places import MAX_BODY
from hublet_router.flows.answer import told_by
from test_misdirection import BODY, HEADER, TABLE

EU1 = BODY % b"eu1"


def answered(status: int, content: bytes | None, *fields: tuple[bytes, bytes]) -> http.HTTPFlow:
    response = tutils.tresp(status_code=status, headers=http.Headers(fields), content=content)
    return tflow.tflow(resp=response)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (answered(488, b"", (HEADER.title().encode(), b"eu1")), Told("eu1")),
        (answered(488, EU1), Told("eu1")),
        (answered(488, gzip.compress(EU1), (b"content-encoding", b"gzip")), Told("eu1")),
        (answered(488, b"not gzip", (b"content-encoding", b"gzip")), None),
        (answered(488, None), Told()),
        (answered(488, EU1.ljust(MAX_BODY)), Told("eu1")),
        (answered(488, EU1.ljust(MAX_BODY + 1)), Told()),
        (answered(200, EU1, (HEADER.encode(), b"eu1")), None),
        (tflow.tflow(), None),
    ],
    ids=["header", "body", "gzip", "broken", "streamed", "short", "long", "200", "none yet"],
)
def test_a_header_and_a_short_body_are_read(flow: http.HTTPFlow, expected: Told | None) -> None:
    assert told_by(TABLE, flow) == expected
