"""What of mitmproxy's log is left out: bytes of the wire (law 4), and a line for each answer."""

import logging
import re

from mitmproxy.log import LegacyLogEvents

_QUOTED = re.compile(
    r"""\bb(?:'.*'|".*")|\b(?:[0-9a-f]{2}){16,}\b|(?<=Request\().*(?=\))""", re.DOTALL
)


def redact_log_record(record: logging.LogRecord) -> bool:
    """Remove bytes of the wire from a log record.

    mitmproxy quotes a head that it cannot parse or that is not complete (`commands.Log` in
    proxy/server.py, `NextLayer` in addons/next_layer.py).
    """
    record.msg, record.args = _QUOTED.sub("(bytes withheld)", record.getMessage()), None
    return True


def lower_streaming_record(record: logging.LogRecord) -> bool:
    """Lower to DEBUG the record of an answer that is streamed; drop it if no handler takes DEBUG.

    mitmproxy logs it at INFO (`start_response_stream` in proxy/layers/http/__init__.py), because it
    streams large answers only. `LegacyLogEvents` takes every level, to search all addons for the
    deprecated hook `add_log`, so it does not count.
    """
    if not str(record.msg).startswith("Streaming response from "):
        return True
    record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
    return any(
        handler.level <= logging.DEBUG and not isinstance(handler, LegacyLogEvents)
        for handler in logging.getLogger().handlers
    )
