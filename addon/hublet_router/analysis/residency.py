"""Data residency: whether requests went, or would go, where each of their credentials says."""

from ..core.decision import Decision, Reason
from ..core.findings import findings
from ..core.judge import decide
from ..core.request import Request
from ..core.stray import find_stray
from ..core.table import Table
from .rows import NOT_LISTED

_UNREAD = {Reason.UNREADABLE, Reason.TOO_LARGE}
_UNNAMED = {Reason.LEGACY, Reason.ANONYMOUS}


class Residency:
    """Holds Hublets that requests went to against what a table reads in them.

    What counts is what the table decides under the strict policy, whatever its own policy is.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._strict = table.with_policy(
            unknown="refuse", conflict="refuse", stray="refuse", unreadable="refuse"
        )
        self.requests = 0
        self.recorded = 0  # of them, those that a recorded decision sent somewhere
        self.unread = 0  # and those that hold what the table cannot read
        self.misplaced = 0

    def check(self, request: Request, went: str | None) -> str | None:
        """Return a sentence about a request in the wrong region, or None; count it.

        `went` is the Hublet that it went to, or None where that was not recorded.
        """
        self.requests += 1
        self.recorded += went is not None
        right = decide(self._strict, request)
        self.unread += right.reason in _UNREAD
        now = decide(self._table, request).hublet
        then = went if went in self._table.hublets else NOT_LISTED
        places = {f"went to {then}": went, f"would go to {now}": now}
        wrong = [what for what, hublet in places.items() if self._is_wrong(request, right, hublet)]
        if not wrong:
            return None
        self.misplaced += 1
        return f"{' and '.join(wrong)}; by its credentials: {right.summary}"

    def _is_wrong(self, request: Request, right: Decision, hublet: str | None) -> bool:
        is_undecided = right.reason in _UNREAD or right.reason is Reason.FOREIGN_HOST
        if hublet is None or hublet == right.hublet or is_undecided:
            return False
        if right.reason in _UNNAMED and right.hublet:
            return bool(find_stray(self._table, request, hublet, findings(self._table, request)))
        return True
