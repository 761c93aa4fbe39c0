"""The answer to a refused request: a problem document that a caller can act on."""

import json
from http import HTTPStatus
from typing import NamedTuple

from .decision import Decision, Reason
from .table import Table

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
    Reason.STRAY: (
        HTTPStatus.BAD_REQUEST,
        "http_request_error",
        "The request carries a credential of another region in a place where none belongs. Send"
        " only the credential that the request is for.",
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
        "The region cannot be read: a field holds control characters, a credential is written in a"
        " way that servers read differently, or the body is not in the format of its path.",
    ),
    Reason.TOO_LARGE: (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "http_request_error",
        "The region cannot be read: a credential may have 16 KiB, a path 20 KiB, and a body that"
        " holds a credential 64 KiB without compression. Send less, or name the region by"
        " a credential in a header.",
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


# What a Hublet did instead of an answer, by the error type of RFC 9209 section 2.3.
FAILURES: dict[str, tuple[HTTPStatus, str]] = {
    "connection_timeout": (HTTPStatus.GATEWAY_TIMEOUT, "did not accept a connection in time"),
    "connection_refused": (HTTPStatus.BAD_GATEWAY, "refused the connection"),
    "connection_terminated": (
        HTTPStatus.BAD_GATEWAY,
        "closed the connection before its answer was complete",
    ),
    "destination_ip_unroutable": (HTTPStatus.BAD_GATEWAY, "cannot be reached from here"),
    "dns_error": (HTTPStatus.BAD_GATEWAY, "has a name that cannot be resolved"),
    "http_protocol_error": (HTTPStatus.BAD_GATEWAY, "gave an answer that cannot be read"),
    "proxy_loop_detected": (HTTPStatus.BAD_GATEWAY, "is this router itself"),
    "tls_certificate_error": (
        HTTPStatus.BAD_GATEWAY,
        "did not prove by its certificate what it is",
    ),
    "tls_protocol_error": (HTTPStatus.BAD_GATEWAY, "could not agree on TLS with this router"),
}
UNAVAILABLE = "destination_unavailable"


class Problem(NamedTuple):
    """A status, the fields of a head but for Content-Length, and a body."""

    status: HTTPStatus
    fields: dict[str, str]
    body: bytes


def problem(decision: Decision, table: Table | None = None) -> Problem:
    """Return what RFC 9457 and RFC 9209 (Proxy-Status) make of a refusal."""
    if decision.reason is Reason.UNREADABLE and _is_of_body(decision, table):
        return problem_of(decision.reason, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return problem_of(decision.reason)


def problem_of(reason: Reason, status: HTTPStatus | None = None) -> Problem:
    """Return the answer for a reason, by default with its usual status."""
    usual, error, sentence = ANSWERS[reason]
    proxy_status = f'{PROXY_NAME}; error={error}; details="{reason}"'
    return _problem(status or usual, proxy_status, detail=sentence, reason=reason.value)


def failure(hublet: str | None, error: str | None) -> Problem:
    """Return the answer to a request whose Hublet gave none; it names no address."""
    status, what = FAILURES.get(error or "", (HTTPStatus.BAD_GATEWAY, "cannot be reached"))
    error = error if error in FAILURES else UNAVAILABLE
    who, hop, named = "The server", "", {}
    if hublet:
        who, hop, named = f"Hublet {hublet}", f'; next-hop="{hublet}"', {"hublet": hublet}
    sentence = f"{who} {what}. Try again later; the operator finds why in the router's log."
    proxy_status = f"{PROXY_NAME}{hop}; error={error}"
    return _problem(status, proxy_status, detail=sentence, reason=error, **named)


def _problem(status: HTTPStatus, proxy_status: str, **more: str) -> Problem:
    document = {"title": status.phrase, "status": status.value, **more}
    fields = {
        "Content-Type": "application/problem+json",
        "Proxy-Status": proxy_status,
        "Cache-Control": "no-store",
    }
    return Problem(status, fields, json.dumps(document, indent=1).encode() + b"\n")


def _is_of_body(decision: Decision, table: Table | None) -> bool:
    """Return whether the rule that a decision names looks into bodies."""
    rules = [rule for rule in table.rules if rule.name == decision.credential] if table else []
    return any(place.in_body for rule in rules for place in rule.places)
