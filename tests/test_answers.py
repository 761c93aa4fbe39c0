"""What the answer of a flow says of its Hublet."""

import gzip

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from hublet_router.analysis.misdirection import Misdirection
from hublet_router.core.request import MAX_BODY
from hublet_router.flows.answers import misdirection_of
from test_misdirection import BODY, HEADER, TABLE

EU1 = BODY % b"eu1"


def answered(status: int, content: bytes | None, *fields: tuple[bytes, bytes]) -> http.HTTPFlow:
    response = tutils.tresp(status_code=status, headers=http.Headers(fields), content=content)
    return tflow.tflow(resp=response)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (answered(488, b"", (HEADER.title().encode(), b"eu1")), Misdirection("eu1")),
        (answered(488, EU1), Misdirection("eu1")),
        (answered(488, gzip.compress(EU1), (b"content-encoding", b"gzip")), Misdirection("eu1")),
        (answered(488, b"not gzip", (b"content-encoding", b"gzip")), None),
        (answered(488, None), Misdirection()),
        (answered(488, EU1.ljust(MAX_BODY)), Misdirection("eu1")),
        (answered(488, EU1.ljust(MAX_BODY + 1)), Misdirection()),
        (answered(200, EU1, (HEADER.encode(), b"eu1")), None),
        (tflow.tflow(), None),
    ],
    ids=["header", "body", "gzip", "broken", "streamed", "short", "long", "200", "none yet"],
)
def test_a_header_and_a_short_body_are_read(
    flow: http.HTTPFlow, expected: Misdirection | None
) -> None:
    assert misdirection_of(TABLE, flow) == expected
