"""The router's own answers: problem documents that a caller can act on."""

from mitmproxy import http

from ...core.decision import Decision
from ...core.problem import Problem, problem
from ...core.request import MAX_BODY
from ...core.table import Table
from ...flows.requests import body_size


def answer(decision: Decision, method: str, table: Table | None = None) -> http.Response:
    """Return the answer to a refused request."""
    return response_of(problem(decision, table), method)


def response_of(it: Problem, method: str) -> http.Response:
    """Return a problem document as mitmproxy sends it."""
    status, fields, body = it
    response = http.Response.make(status, b"" if method == "HEAD" else body, fields)
    response.reason = status.phrase
    response.headers["Content-Length"] = str(len(body))
    return response


def send_refusal(flow: http.HTTPFlow, decision: Decision, table: Table | None = None) -> None:
    """Refuse a request, in one of three ways.

    mitmproxy answers only when it has the whole body, and crashes if there is an answer but an
    addon streams the body (its issue 1115, `start_request_stream`).

    1. The body is there, or there is none: answer.
    2. It may be short: wait for it. `request` decides again, and answers.
    3. It is long, or its client waits for 100 before it sends one: stream it to a destination
       without a stamp. `UpstreamGuard.server_connect` refuses the connection, and `ErrorPages`
       answers at once. mitmproxy does the same with a body of 2 that turns out to be long.
    """
    size, body = body_size(flow.request), flow.request.raw_content
    if size == 0 or (body is not None and len(body) <= MAX_BODY):
        flow.response = answer(decision, flow.request.method, table)
    elif "expect" in flow.request.headers or (size or 0) > MAX_BODY:
        flow.request.stream = True
        flow.request.headers.pop("expect", None)
