"""A recorded flow without its secrets.

The new flow is made of parts that were redacted one by one: what no one has thought of stays out.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from functools import lru_cache
from json import detect_encoding
from typing import Any

from mitmproxy import connection, http
from mitmproxy.flow import Error
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from mitmproxy.utils.emoji import emoji
from mitmproxy.websocket import WebSocketData, WebSocketMessage

from ..core.decision import Reason
from ..core.findings import Finding, Unread, findings
from ..core.judge import check_request, decide, judge
from ..core.request import MAX_BODY, Request, fold_field, host_name
from ..core.table import Table
from ..flows.requests import request_with_body
from .pseudonyms import Pseudonymizer
from .redact_text import MAX_CACHED, TextRedactor

type Field = tuple[bytes, bytes]

_OF_BODIES = {Unread.BODY, Unread.LONG_BODY}
_UNROUTED = "https://unrouted.invalid"
_NO_ADDRESS = ("192.0.2.1", 0)  # RFC 5737


class _Client(connection.Client):
    """A client of which little is known, and whose state is therefore written quickly."""

    def get_state(self) -> Any:
        mode = self.proxy_mode.full_spec
        return {**_CLIENT_STATE, **_known(self), "proxy_mode": mode}


class _Server(connection.Server):
    """The same for a server."""

    def get_state(self) -> Any:
        return {**_SERVER_STATE, **_known(self)}


def _known(it: connection.Connection) -> dict[str, object]:
    return {"id": it.id, "tls": it.tls, "sni": it.sni, "timestamp_start": it.timestamp_start}


_CLIENT = _Client(peername=_NO_ADDRESS, sockname=_NO_ADDRESS)
_SERVER = _Server(address=None)
_CLIENT_STATE = connection.Client.get_state(_CLIENT)
_SERVER_STATE = connection.Server.get_state(_SERVER)
_REQUEST, _RESPONSE = http.Request.make("GET", _UNROUTED), http.Response.make()
# A copy of these takes a tenth of the time of mitmproxy's own constructors, which check each type.
_REVERSE, _REGULAR = map(ProxyMode.parse, (f"reverse:{_UNROUTED}", "regular"))
_WORD = re.compile(r"[^\s():;,]+")
_VERSION = re.compile("[0-9a-f]{12}")


class FlowRedactor:
    """Redacts flows with one key, and counts the credentials of each rule.

    A stray credential in some coding, such as base64, would be lost. It is decoded where the flow
    would be decided differently without it.
    """

    def __init__(
        self, table: Table, key: bytes, *, bodies: bool = False, decodes: bool = False
    ) -> None:
        self.table = table
        self.bodies = bodies
        self.count: Counter[str] = Counter()
        self._redact = TextRedactor(table, Pseudonymizer(table, key, decodes=decodes))
        self._again = None if decodes else FlowRedactor(table, key, bodies=bodies, decodes=True)
        self._field = lru_cache(maxsize=MAX_CACHED)(self._redacted_field)
        rules = (rule.name for rule in table.rules)
        self._ours = {*table.hublets, *rules, *Reason, "←", "refused", "passed"}

    def redacted(self, flow: http.HTTPFlow) -> http.HTTPFlow | None:
        """Return the flow without its secrets; None where its decision would be another one."""
        text, seen = self._redact.text, request_with_body(flow)
        found = findings(self.table, seen)
        new = http.HTTPFlow(*self._connections(flow))
        new.id, new.is_replay = flow.id, flow.is_replay
        new.timestamp_created = flow.timestamp_created
        new.request = self._request(flow.request, seen, found)
        new.response = self._response(flow.response) if flow.response else None
        new.websocket = self._websocket(flow.websocket) if flow.websocket else None
        new.error = Error(text(flow.error.msg), flow.error.timestamp) if flow.error else None
        new.comment = flow.comment if self._is_ours(flow.comment) else ""
        new.marked = flow.marked if flow.marked in emoji else ""
        ours = {key: str(value) for key, value in flow.metadata.items() if key.startswith("hublet")}
        new.metadata = {key: value for key, value in ours.items() if self._is_ours(value)}
        before = check_request(self.table, seen) or judge(self.table, seen, found)[0]
        if decide(self.table, request_with_body(new)) != before:
            decoding = self._again.redacted(flow) if self._again else None
            if decoding is None:
                return None
            new = decoding
        self.count.update(it.rule.name for it in found if it.credential)
        return new

    def _is_ours(self, remark: str) -> bool:
        """Return whether a remark has only words that the router itself writes."""
        words = _WORD.findall(remark)
        return all(word in self._ours or _VERSION.fullmatch(word) for word in words)

    def _connections(self, flow: http.HTTPFlow) -> tuple[connection.Client, connection.Server]:
        """Return connections without any address, certificate or server of an operator."""
        mode = _REVERSE if isinstance(flow.client_conn.proxy_mode, ReverseMode) else _REGULAR
        client, server = copy(_CLIENT), copy(_SERVER)
        client.proxy_mode = mode
        for new, old in ((client, flow.client_conn), (server, flow.server_conn)):
            new.id, new.tls, new.timestamp_start = old.id, old.tls, old.timestamp_start
            new.sni = self._redact.host(old.sni) if old.sni else None
        return client, server

    def _request(self, old: http.Request, seen: Request, found: Sequence[Finding]) -> http.Request:
        new, data, body = copy(_REQUEST), copy(_REQUEST.data), old.raw_content
        new.data = data
        text, host = self._redact.text, self._redact.host
        asked = host_name(seen.hosts[0]) if seen.hosts else ""
        data.host = host(asked or old.host)  # a Hublet's own is its operator's
        data.port = old.port
        data.method = _changed(text, old.data.method)
        data.scheme = _changed(text, old.data.scheme)
        data.authority = _changed(host, old.data.authority)
        data.path = _changed(self._redact.target, old.data.path)
        self._common(old, data)
        if not body or not self.table.reads_body(seen):
            self._keep_body(old, new)
        elif any(it.unread in _OF_BODIES for it in found):  # it stays so
            new.raw_content = b"%" * min(len(body), MAX_BODY + 1)  # neither form nor JSON
        else:
            new.content = self._read(body, is_form=seen.form is not None)
        return new

    def _response(self, old: http.Response) -> http.Response:
        new, data = copy(_RESPONSE), copy(_RESPONSE.data)
        new.data = data
        data.status_code = old.status_code
        data.reason = _changed(self._redact.text, old.data.reason)
        self._common(old, data)
        self._keep_body(old, new)
        return new

    def _common(self, old: http.Message, data: http.MessageData) -> None:
        """Set what requests and responses both have, but for the body."""
        data.http_version = _changed(self._redact.text, old.data.http_version)
        data.headers = self._fields(old.headers)
        data.trailers = self._fields(old.trailers) if old.trailers else None
        data.timestamp_start = old.timestamp_start
        data.timestamp_end = old.timestamp_end

    def _fields(self, headers: http.Headers) -> http.Headers:
        return http.Headers([self._field(name, value) for name, value in headers.fields])

    def _redacted_field(self, name: bytes, value: bytes) -> Field:
        folded = fold_field(name.decode("latin-1"))
        new = _changed(lambda text: self._redact.header(folded, text), value)
        return _changed(self._redact.name, name), new

    def _websocket(self, old: WebSocketData) -> WebSocketData:
        messages = []
        for it in old.messages:
            recorded: bytes | str = it.content  # of mitmproxy 7, text is a str
            content = recorded.encode() if isinstance(recorded, str) else recorded
            kept = self._kept(content)
            messages.append(
                WebSocketMessage(
                    it.type, it.from_client, kept, it.timestamp, it.dropped, it.injected
                )
            )
        reason = self._redact.text(old.close_reason or "")
        return WebSocketData(
            messages, old.closed_by_client, old.close_code, reason, old.timestamp_end
        )

    def _keep_body(self, old: http.Message, new: http.Message) -> None:
        """Set the body of a message that no rule reads."""
        if not old.raw_content:
            new.raw_content = old.raw_content
        else:
            new.content = self._kept(old.get_content(strict=False) or b"") if self.bodies else b""

    def _read(self, body: bytes, *, is_form: bool) -> bytes:
        """Return what becomes of a body that a rule reads, in whatever encoding it is."""
        coding: str = detect_encoding(body)
        try:
            text = body.decode(coding)
        except UnicodeDecodeError:
            text = body.decode(coding := "latin-1")
        strict = not self.bodies or "\0" in text
        return self._redact.body(text, strict=strict, is_form=is_form).encode(coding)

    def _kept(self, body: bytes) -> bytes:
        """Return what is kept of any other body."""
        if not self.bodies or b"\0" in body:
            return b""  # what is no text has no words that could be known
        try:
            return self._redact.body(body.decode()).encode()
        except UnicodeDecodeError:
            return b""


def _changed(change: Callable[[str], str], text: bytes) -> bytes:
    """Change text of the wire: one character a byte."""
    return change(text.decode("latin-1")).encode("latin-1")
