"""What an answer says of the decision that was made for it, beside what the table decides."""

import re
from http import HTTPStatus
from typing import NamedTuple

from ..analysis.masking import printable
from ..core.decision import Decision
from ..core.problem import PROXY_NAME, problem
from ..core.table import Table
from .exchange import Answer

_VALUE = r'(?:"[^"]*"|[^\s;,"]*)'
_MEMBER = re.compile(rf"(?<![\w-]){PROXY_NAME}((?:\s*;\s*[a-z-]+={_VALUE})*)(?=\s*(?:,|$))")
_PARAMETER = re.compile(rf"([a-z-]+)=({_VALUE})")


class Said(NamedTuple):
    """What an answer says: a Hublet, a reason, and its status; None is what it does not say."""

    hublet: str | None
    reason: str | None
    status: int

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing of a decision."""
        return self.hublet is None and self.reason is None

    @property
    def summary(self) -> str:
        """One line, like that of a decision."""
        reason = printable(self.reason or "")
        if self.hublet is not None:
            hublet = printable(self.hublet)
            return f"{hublet} ← {reason}" if reason else hublet
        if not reason:
            return f"nothing ({self.status})"
        what = "refused" if self.status >= HTTPStatus.BAD_REQUEST else "names no Hublet"
        return f"{what}: {reason} ({self.status})"


def said_by(answer: Answer, header: str | None = None) -> Said:
    """Return what an answer says in Proxy-Status (RFC 9209), whose last member of ours counts.

    A Hublet's own `header` is a better witness of where a request went.
    """
    members = _MEMBER.findall(answer.fields.get("proxy-status", ""))
    pairs = _PARAMETER.findall(members[-1]) if members else []
    values = {name: value.strip('"') for name, value in pairs}
    hublet = answer.fields.get(header.lower()) if header else values.get("next-hop")
    return Said(hublet or None, values.get("details"), answer.status)


def agrees(said: Said, decision: Decision, table: Table, header: str | None = None) -> bool:
    """Return whether an answer says what the table decides.

    A `header` says no reason: then Proxy-Status may be absent.
    """
    if said.reason != decision.reason and not (header and said.reason is None):
        return False
    if said.hublet != decision.hublet:
        return False
    return decision.upstream is not None or said.status == problem(decision, table).status
