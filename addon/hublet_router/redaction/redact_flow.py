"""A recorded flow without its secrets."""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from json import detect_encoding

from mitmproxy import connection, http
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from mitmproxy.utils.emoji import emoji

from ..core.decision import Reason
from ..core.findings import findings
from ..core.judge import decide
from ..core.request import MAX_BODY, Request
from ..core.table import Table
from ..flows.requests import request_with_body
from .pseudonyms import Pseudonymizer
from .redact_text import TextRedactor

_NOBODY = ("192.0.2.1", 0)  # RFC 5737
_REVERSE, _REGULAR = map(ProxyMode.parse, ("reverse:https://unrouted.invalid", "regular"))
_WORD = re.compile(r"[^\s():;,]+")
_VERSION = re.compile("[0-9a-f]{12}")


class FlowRedactor:
    """Redacts flows with one key, and counts the credentials of each rule."""

    def __init__(self, table: Table, key: bytes, *, bodies: bool = False) -> None:
        self.table = table
        self.bodies = bodies
        self.count: Counter[str] = Counter()
        self._scrub = TextRedactor(table, Pseudonymizer(table, key))
        rules = (rule.name for rule in table.rules)
        self._known = {*table.hublets, *rules, *Reason, "←", "refused", "passed"}

    def redacted(self, flow: http.HTTPFlow) -> http.HTTPFlow | None:
        """Return the flow without its secrets; None where its decision would be another one."""
        request = request_with_body(flow)
        found = [it for it in findings(self.table, request) if it.credential]
        self._scrub.begin(it.credential for it in found if it.credential)
        new = http.HTTPFlow.from_state({**flow.get_state(), "backup": None, "intercepted": False})
        assert isinstance(new, http.HTTPFlow)
        new.client_conn, new.server_conn = self._connections(flow)
        self._request(new.request, request)
        if new.response:
            self._message(new.response)
            new.response.data.reason = _changed(self._scrub.text, new.response.data.reason)
        if new.error:
            new.error.msg = self._scrub.text(new.error.msg)
        if new.websocket:
            new.websocket.close_reason = self._scrub.text(new.websocket.close_reason or "")
            for message in new.websocket.messages:
                message.content = self._kept(message.content)
        new.comment = new.comment if self._is_ours(new.comment) else ""
        new.marked = new.marked if new.marked in emoji else ""
        ours = {key: str(value) for key, value in new.metadata.items() if key.startswith("hublet")}
        new.metadata = {key: value for key, value in ours.items() if self._is_ours(value)}
        if decide(self.table, request_with_body(new)) != decide(self.table, request):
            return None
        self.count.update(it.rule.name for it in found)
        return new

    def _is_ours(self, remark: str) -> bool:
        """Tell whether a remark has only words that the router itself writes."""
        words = _WORD.findall(remark)
        return all(word in self._known or _VERSION.fullmatch(word) for word in words)

    def _connections(self, flow: http.HTTPFlow) -> tuple[connection.Client, connection.Server]:
        """Return connections that tell no address, no certificate and no server of an operator."""
        client, server, host = flow.client_conn, flow.server_conn, self._scrub.host
        mode = _REVERSE if isinstance(client.proxy_mode, ReverseMode) else _REGULAR
        return connection.Client(
            id=client.id, peername=_NOBODY, sockname=_NOBODY, proxy_mode=mode, tls=client.tls,
            sni=host(client.sni or "") or None, timestamp_start=client.timestamp_start,
        ), connection.Server(
            id=server.id, address=None, tls=server.tls,
            sni=host(server.sni or "") or None, timestamp_start=server.timestamp_start,
        )  # fmt: skip

    def _request(self, request: http.Request, seen: Request) -> None:
        data, body = request.data, request.raw_content
        data.host = self._scrub.host(request.pretty_host)  # a Hublet's own is its operator's
        data.method = _changed(self._scrub.text, data.method)
        data.authority = _changed(self._scrub.host, data.authority)
        data.path = _changed(self._scrub.target, data.path)
        if not body or not self.table.reads_body(seen):
            self._message(request)
        elif seen.body is None:  # what no rule can read stays so
            self._message(request, b"x" * (MAX_BODY + 1))
        else:
            self._message(request, self._read(body))

    def _message(self, message: http.Message, body: bytes | None = None) -> None:
        """Redact the fields of a message, and its body unless another one is there for it."""
        for headers in filter(None, (message.headers, message.trailers)):
            headers.fields = tuple(
                (name, _changed(partial(self._scrub.header, name.decode("latin-1").lower()), value))
                for name, value in headers.fields
            )
        if message.raw_content:
            kept = self._kept(message.get_content(strict=False) or b"") if body is None else body
            message.content = kept

    def _read(self, body: bytes) -> bytes:
        """Return what becomes of a body that a rule reads, in whatever encoding it is."""
        coding: str = detect_encoding(body)
        try:
            text = body.decode(coding)
        except UnicodeDecodeError:
            text = body.decode(coding := "latin-1")
        return self._scrub.body(text, strict=not self.bodies or "\0" in text).encode(coding)

    def _kept(self, body: bytes) -> bytes:
        """Return what is kept of any other body."""
        if not self.bodies or b"\0" in body:
            return b""  # in what is no text, nobody finds a secret
        try:
            return self._scrub.body(body.decode()).encode()
        except UnicodeDecodeError:
            return b""


def _changed(change: Callable[[str], str], text: bytes) -> bytes:
    """Change text of the wire: one character a byte."""
    return change(text.decode("latin-1")).encode("latin-1")
