"""The decision: where a request goes and why, as one record that explains itself."""

from enum import StrEnum
from typing import NamedTuple

from .table import Table, Upstream

NONE = "-"
"""The label of a decision without a Hublet or a rule."""


class Action(StrEnum):
    """What becomes of a request."""

    ROUTE = "route"
    REFUSE = "refuse"
    PASS = "pass"  # noqa: S105


class Reason(StrEnum):
    """Why it was decided so."""

    __hash__ = str.__hash__  # the enum's own takes longer

    CREDENTIAL = "credential"
    LEGACY = "legacy"
    ANONYMOUS = "anonymous"
    MOVED = "moved"
    PINNED = "pinned"
    UNKNOWN_HUBLET = "unknown-hublet"
    CONFLICT = "conflict"
    STRAY = "stray"
    FOREIGN_HOST = "foreign-host"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too-large"
    NO_TABLE = "no-table"
    INTERNAL_ERROR = "internal-error"


class Decision(NamedTuple):
    """Where a request goes and why.

    `hublet` is a name of the table and `upstream` its value: nothing is composed from the request.
    `credential` is the name of a rule, never what it read; `accounts` for an account that cannot be
    read. `table` is the table's version.
    """

    action: Action
    hublet: str | None
    upstream: Upstream | None
    reason: Reason
    credential: str | None
    table: str | None

    def as_json(self) -> dict[str, str | None]:
        """Return the decision as it is written wherever a program reads it."""
        return {
            **self._asdict(),
            "action": self.action.value,
            "upstream": self.upstream and str(self.upstream),
            "reason": self.reason.value,
        }

    @property
    def summary(self) -> str:
        """One line: `eu1 ← private-app-token`, `na1 ← legacy (api-key)`, `refused: conflict`.

        What matters most comes first: mitmweb's column is a few words wide.
        """
        rule, why = self.credential, self.reason.value
        if self.reason is Reason.CREDENTIAL:
            return f"{self.hublet} ← {rule}"
        if rule:
            why += f" ({rule})"
        if self.action is Action.ROUTE:
            return f"{self.hublet} ← {why}"
        return f"{'passed' if self.action is Action.PASS else 'refused'}: {why}"

    @property
    def labels(self) -> tuple[str, str]:
        """The Hublet and the reason, for a metric."""
        return self.hublet or NONE, self.reason.value


def route(table: Table, hublet: str, reason: Reason, credential: str | None) -> Decision:
    """Return the decision that sends a request to a Hublet of the table."""
    upstream = table.hublets[hublet]
    return Decision(Action.ROUTE, hublet, upstream, reason, credential, table.version)


def refuse(reason: Reason, credential: str | None = None, table: str | None = None) -> Decision:
    """Return the decision that sends a request nowhere."""
    return Decision(Action.REFUSE, None, None, reason, credential, table)
