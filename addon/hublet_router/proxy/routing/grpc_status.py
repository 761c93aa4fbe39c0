"""Refusals and failures that a gRPC client can read: it takes no status of HTTP for an answer.

It would make UNKNOWN or UNAVAILABLE of one, and may retry. The codes are those of
https://grpc.io/docs/guides/status-codes/, the form is "Trailers-Only" of gRPC over HTTP/2.
"""

from mitmproxy import http

from ...core.decision import Reason
from ...core.problem import ANSWERS, PROXY_NAME
from .upstream import UpstreamHost

INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNAVAILABLE, UNAUTHENTICATED = 3, 5, 8, 14, 16

STATUSES = {
    Reason.LEGACY: UNAUTHENTICATED,
    Reason.ANONYMOUS: UNAUTHENTICATED,
    Reason.UNKNOWN_HUBLET: NOT_FOUND,
    Reason.FOREIGN_HOST: NOT_FOUND,
    Reason.CONFLICT: INVALID_ARGUMENT,
    Reason.STRAY: INVALID_ARGUMENT,
    Reason.UNREADABLE: INVALID_ARGUMENT,
    Reason.TOO_LARGE: RESOURCE_EXHAUSTED,
    Reason.NO_TABLE: UNAVAILABLE,
    Reason.INTERNAL_ERROR: UNAVAILABLE,
}
"""The code of each reason to refuse; only UNAVAILABLE invites to try again."""

FAILED = "The region did not answer. Try again later."


def is_grpc(request: http.Request) -> bool:
    """Return whether a client waits for a status of gRPC; that of gRPC-web reads HTTP's too."""
    kind: str = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/grpc" or kind.startswith("application/grpc+")


def grpc_answer(flow: http.HTTPFlow) -> http.Response:
    """Return what a call gets that was refused, or whose upstream failed."""
    reason = flow.metadata.get("hublet_reason", "")
    if isinstance(flow.request.host, UpstreamHost) or reason not in STATUSES:
        code, sentence, details = UNAVAILABLE, FAILED, ""
    else:
        _, error, sentence = ANSWERS[Reason(reason)]
        code, details = STATUSES[Reason(reason)], f'; error={error}; details="{reason}"'
    return http.Response.make(
        200,
        b"",
        {
            "content-type": "application/grpc",
            "grpc-status": str(code),
            "grpc-message": sentence,
            "proxy-status": f"{PROXY_NAME}{details}",
        },
    )
