"""A small HTTP server beside the proxy: metrics for Prometheus, and probes."""

import asyncio
import re
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mitmproxy.exceptions import OptionsError

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:]*):([0-9]{1,5})")

type Exposition = Callable[[str], tuple[bytes, str]]
"""From what a client accepts to the metrics, and their content type."""


ALIVE_WITHIN = 1.0
"""Seconds that the event loop has to answer `/healthz`."""


class Endpoint(ThreadingHTTPServer):
    """Serves `/metrics`, `/healthz` (the event loop answers) and `/readyz` (it takes requests).

    `unready` says why it takes none, or nothing. `loop` is the one that serves the proxy.
    """

    def __init__(
        self,
        address: str,
        exposition: Exposition,
        unready: Callable[[], str],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        if not (match := _ADDRESS.fullmatch(address)):
            raise OptionsError(
                f"hublet_metrics is '{address}', which is not [host]:port; write :9090 for loopback"
            )
        self.exposition, self.unready, self.loop = exposition, unready, loop
        host = match[1].strip("[]") or "127.0.0.1"
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, int(match[2])), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OptionsError(
                f"hublet_metrics cannot listen at {address}: {reason}; stop what holds the port,"
                " or name another"
            ) from error
        self.port = self.server_address[1]
        # The event loop waits in `close` until the server looks whether it should stop.
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over a probe that did not wait for its answer; socketserver prints a traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def is_alive(self) -> bool:
        """Ask the event loop for a sign of life."""
        answered = threading.Event()
        try:
            self.loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # it is closed
            return False
        return answered.wait(ALIVE_WITHIN)


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    timeout = 10  # seconds that a client may take

    def do_GET(self) -> None:
        """Answer a scrape or a probe."""
        match self.path.partition("?")[0]:
            case "/metrics":
                body, kind = self.server.exposition(self.headers.get("accept", ""))
                self._answer(HTTPStatus.OK, body, kind)
            case "/readyz" if reason := self.server.unready():
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, reason.encode() + b"\n")
            case "/healthz" if not self.server.is_alive():
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the event loop does not answer\n")
            case "/healthz" | "/readyz":
                self._answer(HTTPStatus.OK, b"ok\n")
            case path:
                status = HTTPStatus.OK if path == "/" else HTTPStatus.NOT_FOUND
                self._answer(status, b"/metrics, /healthz and /readyz\n")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: a scrape every few seconds is no news."""
