"""The router's own answers: problem documents that a caller can act on."""

from mitmproxy import http

from ...core.decision import Decision
from ...core.problem import problem
from ...core.request import MAX_BODY
from ...core.table import Table
from ...flows.requests import body_size


def answer(decision: Decision, method: str, table: Table | None = None) -> http.Response:
    """Return the answer to a refused request."""
    status, fields, body = problem(decision, table)
    response = http.Response.make(status, b"" if method == "HEAD" else body, fields)
    response.reason = status.phrase
    response.headers["Content-Length"] = str(len(body))
    return response


def send_refusal(flow: http.HTTPFlow, decision: Decision, table: Table | None = None) -> None:
    """Refuse a request, in one of three ways.

    mitmproxy answers only when it has the whole body, and crashes if there is an answer but an
    addon streams the body (its issue 1115, `start_request_stream`).

    1. The body is there, or there is none: answer.
    2. It is short and on its way: wait for it. `request` decides again, and answers.
    3. It is long, or of unknown length: mitmproxy would buffer it until then. So stream it to a
       destination without a stamp. `UpstreamGuard.server_connect` refuses the connection, and
       mitmproxy ends the request with 502. A client that waits for 100 has not even sent the body.
    """
    size, body = body_size(flow.request), flow.request.raw_content
    if size == 0 or (body is not None and len(body) <= MAX_BODY):
        flow.response = answer(decision, flow.request.method, table)
    elif size is None or size > MAX_BODY:
        flow.request.stream = True
        flow.request.headers.pop("expect", None)
