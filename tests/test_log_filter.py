"""What is left out of mitmproxy's log, and what is lowered."""

import logging

import pytest

from harness import Stage, bearer, wait_for
from hublet_router.proxy.engine.log_filter import redact_log_record

ENGINE = logging.getLogger("mitmproxy.proxy.server")


@pytest.mark.parametrize(
    ("message", "logged"),
    [
        ("server connect 127.0.0.1:1", "server connect 127.0.0.1:1"),
        ("Bad HTTP request line: b'GET /?key=secret x'", "Bad HTTP request line: (bytes withheld)"),
        ('Invalid header line: b"it\'s secret"', "Invalid header line: (bytes withheld)"),
        ("buffer: bytearray(b'secret')", "buffer: bytearray((bytes withheld))"),
        (
            "Cannot parse ClientHello: " + "16030100" * 8,
            "Cannot parse ClientHello: (bytes withheld)",
        ),
        ("hook: Request(GET /?key=secret) done", "hook: Request((bytes withheld)) done"),
        ("a 100 % b'secret'", "a 100 % (bytes withheld)"),
    ],
)
def test_law_4_no_bytes_of_the_wire_are_logged(message: str, logged: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (message,), None)
    assert redact_log_record(record)
    assert record.getMessage() == logged


class Handler(logging.Handler):
    """Keeps the level and the text of each record."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((record.levelname, record.getMessage()))


class Noted:
    """An addon with mitmproxy's deprecated log hook."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def add_log(self, entry: object) -> None:
        self.entries.append(vars(entry)["msg"])


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO], ids=["debug", "info"])
def test_a_streamed_answer_is_logged_for_debug_alone(
    stage: Stage,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    level: int,
) -> None:
    caplog.set_level(logging.DEBUG)  # of the root logger, as mitmproxy's tools set it
    handler = Handler(level)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    stage.upstream("eu1")
    stage.table()
    noted = Noted()
    stage.proxy(beside=[noted])
    with stage.client() as client:
        assert client.get("/", bearer("eu1")).hublet == "eu1"
    wait_for(lambda: any("client disconnect" in entry for entry in noted.entries))
    lines = [line for line in handler.records if line[1].startswith("Streaming response")]
    assert lines == ([("DEBUG", "Streaming response from 127.0.0.1.")] if level < 20 else [])
    assert ("INFO", "client disconnect") in handler.records
    assert any("Streaming response" in entry for entry in noted.entries) == bool(lines)
    assert stage.master
    stage.call(stage.master.done())
    assert ENGINE.filters == []
