"""What of every log is left out: bytes of the wire (law 4)."""

import logging
import re
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from mitmproxy.exceptions import FlowReadException
from mitmproxy.log import LegacyLogEvents

WITHHELD = "(bytes withheld)"
MIN_HEX = 32
_MARKS = ("b'", 'b"', "Request(", "<hex:")
# These loggers print nothing of the wire; mitmweb's own prints its URL with a token to open it.
_TRUSTED = (__name__.partition(".")[0] + ".", "mitmproxy.tools.")
_QUOTED = re.compile(
    r"""\bb(?:'.*'|".*")|\b(?:[0-9a-f]{2}){16,}\b|(?<=<hex:)[^>]*|(?<=Request\()(?:.*(?=\))|.*)""",
    re.DOTALL,
)


class LogRedactor:
    """Redacts each log record of the process when it is made, and so for every handler.

    mitmproxy and its libraries quote the wire in many places: a head that cannot be parsed
    (`commands.Log` in proxy/server.py), one that is not complete (`NextLayer` in
    addons/next_layer.py), frames of HTTP/2 (proxy/layers/http/_http_h2.py), and what an addon
    could not handle (`safecall` in addonmanager.py, with a traceback).
    """

    name = "hublet-router-log-redactor"

    def load(self, _loader: object) -> None:
        """Redact from now on."""
        self._make = logging.getLogRecordFactory()
        self._is_active = True
        logging.setLogRecordFactory(self._record)

    def done(self) -> None:
        """Redact no more, also where another factory calls this one."""
        self._is_active = False
        if logging.getLogRecordFactory() == self._record:
            logging.setLogRecordFactory(self._make)

    def _record(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._make(*args, **kwargs)
        if self._is_active:
            redact_log_record(record)
        return record


def redact_log_record(record: logging.LogRecord) -> None:
    """Remove bytes of the wire from a log record, and the messages of its exceptions.

    The messages of trusted loggers quote nothing, but the exceptions that they catch may.
    """
    errors = record.exc_info
    if record.name.startswith(_TRUSTED) and not errors:
        return
    try:
        message = record.getMessage()
    except (TypeError, ValueError, LookupError):  # handlers would print the arguments
        message = f"a log record that cannot be formatted: {WITHHELD}"
    redacted = message
    if len(message) >= MIN_HEX or any(mark in message for mark in _MARKS):
        redacted = _QUOTED.sub(WITHHELD, message)
    if errors and errors[1]:
        # That a file cannot be read is no fault of the program, whose place would matter.
        is_fault = not isinstance(errors[1], FlowReadException)
        lines = [*_places(errors[1], errors[2])] if is_fault else []
        for error in _chain(errors[1]):
            for text in (str(error), repr(str(error))[1:-1]):
                redacted = redacted.replace(text, WITHHELD) if text else redacted
        redacted = "\n".join([redacted, *lines])
    record.exc_info = record.exc_text = None
    if redacted != message or record.args:
        record.msg, record.args = redacted, None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that led to it."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following and id(following) not in seen:
        yield following
        seen.add(id(following))
        following = following.__cause__ or following.__context__


def _places(error: BaseException, last: TracebackType | None) -> Iterator[str]:
    """Yield where exceptions were raised and of which type they are, without their messages."""
    for it in _chain(error):
        yield "Traceback (most recent call last):"
        for frame in traceback.extract_tb(last if it is error else it.__traceback__):
            yield f"  {frame.filename}:{frame.lineno} in {frame.name}"
        yield type(it).__name__


def is_debugging() -> bool:
    """Return whether a handler takes DEBUG.

    `LegacyLogEvents` takes every level, to search all addons for the deprecated hook `add_log`, so
    it does not count.
    """
    return any(
        handler.level <= logging.DEBUG and not isinstance(handler, LegacyLogEvents)
        for handler in logging.getLogger().handlers
    )
