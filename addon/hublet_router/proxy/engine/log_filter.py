"""Bytes of the wire stay out of mitmproxy's log (law 4): they can hold a credential."""

import logging
import re

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
