"""Bytes of the wire stay out of the log (law 4): they can hold a credential."""

import logging
import re

_QUOTED = re.compile(
    r"""\bb(?:'.*'|".*")|\b(?:[0-9a-f]{2}){16,}\b|(?<=Request\().*(?=\))""", re.DOTALL
)


def redact_log_record(record: logging.LogRecord) -> bool:
    """Take bytes of the wire out of a log record; law 4: they can hold a credential.

    mitmproxy quotes the head that it cannot parse, or whose client left in its middle.
    """
    record.msg, record.args = _QUOTED.sub("(bytes withheld)", record.getMessage()), None
    return True
