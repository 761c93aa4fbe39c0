"""Requests as the core sees them, with no more than what a test is about."""

from hublet_router.core.request import Request


def request(
    target: str = "/",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes | None = b"",
    hosts: tuple[str, ...] = ("api.hubapi.com",),
) -> Request:
    return Request("GET", hosts, target, headers, body)
