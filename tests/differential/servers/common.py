"""What the servers in Python share."""

import contextlib
import json
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

type Read = list[tuple[str, str, Any]]


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


def pairs(place: str, lists: Iterable[tuple[str, Iterable[object]]]) -> Read:
    return [(place, name, value) for name, values in lists for value in values]


def document(body: bytes) -> Any:
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(body)


def serve(application: Callable[..., Iterable[bytes]]) -> None:
    server = make_server("127.0.0.1", 0, application, handler_class=_Quiet)
    print(server.server_port, flush=True)
    server.serve_forever()
