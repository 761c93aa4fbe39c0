"""The router's own answers: problem documents that a caller can act on."""

import json
from http import HTTPStatus

from mitmproxy import http

from ...core.decision import Decision, Reason
from ...core.request import MAX_BODY
from ...flows.requests import body_size

PROXY_NAME = "hublet-router"

# What the caller gets: the status, the error type of RFC 9209 section 2.3, and what to do.
ANSWERS: dict[Reason, tuple[HTTPStatus, str, str]] = {
    Reason.LEGACY: (
        HTTPStatus.UNAUTHORIZED,
        "http_request_denied",
        "The credential names no region, and this router does not guess one. Send a credential"
        " that was issued for a region.",
    ),
    Reason.ANONYMOUS: (
        HTTPStatus.UNAUTHORIZED,
        "http_request_denied",
        "The request carries no credential that names a region. Send one.",
    ),
    Reason.UNKNOWN_HUBLET: (
        HTTPStatus.MISDIRECTED_REQUEST,
        "destination_not_found",
        "The credential names a region that is not served here. Send the request to the place"
        " that issued the credential, or ask the operator to add the region.",
    ),
    Reason.CONFLICT: (
        HTTPStatus.BAD_REQUEST,
        "http_request_error",
        "The request carries credentials of different regions. Send one of them.",
    ),
    Reason.FOREIGN_HOST: (
        HTTPStatus.MISDIRECTED_REQUEST,
        "destination_not_found",
        "The host of the request is not served here, is missing, or is given in two ways that"
        " differ. Send one Host that this router serves.",
    ),
    Reason.UNREADABLE: (
        HTTPStatus.BAD_REQUEST,
        "http_request_error",
        "The request holds control characters, which servers read in different ways. Send it"
        " without them.",
    ),
    Reason.TOO_LARGE: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "http_request_error",
        "The region cannot be read: a credential may have 16 KiB, and a body that holds one"
        " 64 KiB without compression. Send less, or name the region by a credential in a header.",
    ),
    Reason.NO_TABLE: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "proxy_configuration_error",
        "The router has no table of regions. Try again later; the operator finds why in its log.",
    ),
    Reason.INTERNAL_ERROR: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "proxy_internal_error",
        "The router failed to decide, so it sent the request nowhere. Try again later; the"
        " operator finds why in its log.",
    ),
}


def answer(decision: Decision, method: str) -> http.Response:
    """Return the answer to a refused request: RFC 9457, with Proxy-Status of RFC 9209."""
    status, error, sentence = ANSWERS[decision.reason]
    problem = {
        "title": status.phrase,
        "status": status.value,
        "detail": sentence,
        "reason": decision.reason.value,
    }
    body = json.dumps(problem, indent=1).encode() + b"\n"
    response = http.Response.make(
        status,
        b"" if method == "HEAD" else body,
        {
            "Content-Type": "application/problem+json",
            "Proxy-Status": f'{PROXY_NAME}; error={error}; details="{decision.reason}"',
            "Cache-Control": "no-store",
        },
    )
    response.reason = status.phrase
    response.headers["Content-Length"] = str(len(body))
    return response


def send_refusal(flow: http.HTTPFlow, decision: Decision) -> None:
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
        flow.response = answer(decision, flow.request.method)
    elif size is None or size > MAX_BODY:
        flow.request.stream = True
        flow.request.headers.pop("expect", None)
