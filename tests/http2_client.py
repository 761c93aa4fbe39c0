"""A client of HTTP/2."""

import socket
import ssl

import h2.config
import h2.connection
import h2.events

from harness import API, SECONDS, authority
from http2_upstream import Fields


class Http2Client:
    """A client of one HTTP/2 connection that does exactly what it is asked."""

    def __init__(self, port: int, *, tunnel: bool = False) -> None:
        context = ssl.create_default_context(cafile=str(authority()))
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), SECONDS)
        if tunnel:  # through an explicit proxy
            plain.sendall(f"CONNECT {API}:443 HTTP/1.1\r\n\r\n".encode())
            assert plain.recv(65536).startswith(b"HTTP/1.1 200")
        self.socket = context.wrap_socket(plain, server_hostname=API)
        assert self.socket.selected_alpn_protocol() == "h2"
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False)
        self.http = h2.connection.H2Connection(config)
        self.http.initiate_connection()
        self.answers: dict[int, tuple[str, bytearray]] = {}
        self.heads: dict[int, Fields] = {}
        self.trailers: dict[int, Fields] = {}
        self.ended: set[int] = set()
        self.cut: set[int] = set()  # those of them that were reset
        self.interim: set[int] = set()  # the streams that got an interim answer
        self.unsent = 0  # bytes of a body whose sending was given up
        self.withheld: dict[int, int] = {}  # by stream, what was read and not acknowledged

    def __enter__(self) -> "Http2Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def start(
        self,
        method: str,
        path: str,
        *fields: tuple[str, str],
        end: bool = False,
        scheme: str = "https",
        authority: str = API,
    ) -> int:
        """Send the head of a request, and return its stream."""
        stream = self.http.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", scheme), (":path", path)]
        pseudo += [(":authority", authority)]
        self.http.send_headers(stream, [*pseudo, *fields], end_stream=end)
        self.flush()
        return stream

    def data(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send a body, or a part of it, as flow control allows."""
        while len(data) > (window := self.http.local_flow_control_window(stream)):
            if window:
                self._send(stream, data[:window], end=False)
                data = data[window:]
            self.unsent = len(data)
            self.read()
        self._send(stream, data, end=end)

    def _send(self, stream: int, data: bytes, *, end: bool) -> None:
        size = self.http.max_outbound_frame_size
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for piece in pieces:
            self.http.send_data(stream, piece, end_stream=end and piece is pieces[-1])
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.http.data_to_send())

    def read(self) -> None:
        data = self.socket.recv(65536)
        assert data, "the proxy closed the connection"
        for event in self.http.receive_data(data):
            match event:
                case h2.events.ResponseReceived(stream_id=int(stream), headers=list(headers)):
                    fields: Fields = [(str(name), str(value)) for name, value in headers]
                    self.heads[stream] = fields
                    self.answers[stream] = (dict(fields)[":status"], bytearray())
                case h2.events.InformationalResponseReceived(stream_id=int(stream)):
                    self.interim.add(stream)
                case h2.events.DataReceived(stream_id=int(stream), data=bytes(part)):
                    self.answers[stream][1].extend(part)
                    if stream not in self.withheld:
                        self.http.acknowledge_received_data(len(part), stream)
                    else:  # its window stays shut, and that of the connection does not
                        self.withheld[stream] += len(part)
                        self.http.increment_flow_control_window(len(part))
                case h2.events.TrailersReceived(stream_id=int(stream), headers=list(headers)):
                    self.trailers[stream] = [(str(name), str(value)) for name, value in headers]
                case h2.events.StreamEnded(stream_id=int(stream)):
                    self.ended.add(stream)
                case h2.events.StreamReset(stream_id=int(stream)):
                    self.ended.add(stream)
                    self.cut.add(stream)
                    self.answers.setdefault(stream, ("reset", bytearray()))
                case h2.events.ConnectionTerminated():
                    raise AssertionError("the proxy ended the connection")
        self.flush()

    def withhold(self, streams: list[int]) -> None:
        """Open no window for these streams."""
        self.withheld = dict.fromkeys(streams, 0)

    def open_windows(self) -> None:
        """Open those that were withheld."""
        for stream, size in self.withheld.items():
            self.http.increment_flow_control_window(size, stream)
        self.withheld.clear()
        self.flush()

    def answer(self, stream: int) -> tuple[str, bytes]:
        """Wait for the answer on a stream: its status and body."""
        while stream not in self.ended:
            self.read()
        status, body = self.answers[stream]
        return status, bytes(body)

    def get(self, path: str, *fields: tuple[str, str]) -> tuple[str, bytes]:
        return self.answer(self.start("GET", path, *fields, end=True))
