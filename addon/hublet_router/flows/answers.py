"""Whether the answer of a flow says that another Hublet is right."""

from typing import TYPE_CHECKING

from ..analysis.misdirection import Misdirection, detect_misdirection
from ..core.request import MAX_BODY
from ..core.table import Table
from .requests import fields_of

if TYPE_CHECKING:
    from mitmproxy.http import HTTPFlow


def misdirection_of(table: Table, flow: "HTTPFlow") -> Misdirection | None:
    """Return which Hublet an answer names as the right one, or None if it is not misdirected.

    A body is only looked at where it is at hand, and short. It may be compressed: it comes from a
    Hublet, no stranger.
    """
    response = flow.response
    if response is None or response.status_code < 400:
        return None
    fields = fields_of(response.headers)
    is_short = response.raw_content is not None and len(response.raw_content) <= MAX_BODY
    body = response.get_content(strict=False) if is_short else None
    return detect_misdirection(table, response.status_code, fields, body)
