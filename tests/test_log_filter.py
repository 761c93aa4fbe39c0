"""What is left out of mitmproxy's log, and what is lowered."""

import logging
from collections.abc import Iterator

import pytest
from mitmproxy.exceptions import FlowReadException

from harness import Stage, bearer, wait_for
from hublet_router.proxy.engine.log_filter import WITHHELD, LogRedactor, redact_log_record

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
        ("frame: <hex:c0ffee...> end", "frame: <hex:(bytes withheld)> end"),
        ("a 100 % b'secret'", "a 100 % (bytes withheld)"),
    ],
)
def test_law_4_no_bytes_of_the_wire_are_logged(message: str, logged: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s", (message,), None)
    redact_log_record(record)
    assert record.getMessage() == logged


def test_what_quotes_nothing_stays_as_it_is() -> None:
    for name, message in (("mitmproxy.x", "plain"), ("hublet_router.x", "own, b'x'")):
        record = logging.LogRecord(name, logging.INFO, "x", 1, message, None, None)
        redact_log_record(record)
        assert record.msg is message


def test_law_4_arguments_that_do_not_fit_are_not_logged() -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %s", ("secret",), None)
    redact_log_record(record)
    assert record.getMessage() == f"a log record that cannot be formatted: {WITHHELD}"


def raised() -> Exception:
    """An exception with a cause, whose messages quote a host."""
    try:
        try:
            raise KeyError("inner secretpw")
        except KeyError as error:
            raise ValueError("'secretpw@x.example' is no address") from error
    except ValueError as error:
        return error


@pytest.fixture
def redactor() -> Iterator[LogRedactor]:
    redactor = LogRedactor()
    redactor.load(None)
    yield redactor
    redactor.done()


def test_a_file_that_cannot_be_read_has_no_traceback() -> None:
    error = FlowReadException("secret")
    message = f"Failed to read x.mitm: {error}"
    record = logging.LogRecord(
        "x", logging.ERROR, "x", 1, message, None, (type(error), error, None)
    )
    redact_log_record(record)
    assert logging.Formatter().format(record) == f"Failed to read x.mitm: {WITHHELD}"


@pytest.mark.parametrize("name", ["mitmproxy.addonmanager", "asyncio", "hublet_router.x", None])
@pytest.mark.usefixtures("redactor")
def test_law_4_a_traceback_has_types_and_places_alone(
    caplog: pytest.LogCaptureFixture, name: str | None
) -> None:
    error = raised()
    logging.getLogger(name).error(f"Addon error: {error}", exc_info=error)
    logging.getLogger(name).error("%r", error, exc_info=error)
    assert "secretpw" not in caplog.text
    assert f"Addon error: {WITHHELD}" in caplog.text
    assert f"{__file__}:" in caplog.text
    assert " in raised\nValueError\n" in caplog.text
    assert " in raised\nKeyError" in caplog.text
    assert all(record.exc_info is None and record.exc_text is None for record in caplog.records)


@pytest.mark.usefixtures("redactor")
def test_an_exception_in_a_circle_or_without_a_message_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error, other = ValueError(), KeyError()
    error.__context__, other.__context__ = other, error
    logging.getLogger("asyncio").error("odd", exc_info=error)
    logging.getLogger("asyncio").error("none", exc_info=True)
    assert [record.getMessage().splitlines()[-1] for record in caplog.records] == [
        "KeyError",
        "none",
    ]


def test_a_redactor_that_is_removed_leaves_the_factory_of_others(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A proxy of an earlier test may not have ended yet.
    monkeypatch.setattr(logging, "_logRecordFactory", before := logging.LogRecord)
    first, second = LogRedactor(), LogRedactor()
    first.load(None)
    second.load(None)
    first.done()
    logging.error("b'secret'")
    second.done()
    logging.error("b'shown'")
    assert [record.getMessage() for record in caplog.records] == [WITHHELD, "b'shown'"]
    first.done()
    assert logging.getLogRecordFactory() in {before, first._record}


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
    stage.regions("eu1")
    noted = Noted()
    stage.proxy(beside=[noted])
    assert stage.get("/", bearer("eu1")).hublet == "eu1"
    wait_for(lambda: any("client disconnect" in entry for entry in noted.entries))
    lines = [line for line in handler.records if line[1].startswith("Streaming response")]
    assert lines == ([("DEBUG", "Streaming response from 127.0.0.1.")] if level < 20 else [])
    assert ("INFO", "client disconnect") in handler.records
    assert any("Streaming response" in entry for entry in noted.entries) == bool(lines)
    stage.call(stage.master.done())
    assert ENGINE.filters == []
