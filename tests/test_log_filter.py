"""What stays out of mitmproxy's log."""

import logging

import pytest

from hublet_router.proxy.engine.log_filter import redact_log_record


@pytest.mark.parametrize(
    ("message", "said"),
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
def test_law_4_bytes_of_the_wire_are_redacted(message: str, said: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (message,), None)
    assert redact_log_record(record)
    assert record.getMessage() == said
