"""What another table would change: two decisions of one request, and the kinds of changes."""

from dataclasses import dataclass, field

from ..core.decision import Decision
from ..core.table import Upstream
from .masking import counted

EXAMPLES = 3
"""Requests that are shown of each kind of change."""


def differ(old: Decision, new: Decision) -> bool:
    """Return whether anything differs but the version of the table."""
    return old != new._replace(table=old.table)


def described(old: Decision, new: Decision) -> tuple[str, str]:
    """Return a line for each decision: with its upstream where the Hublet stays, but that moves."""
    texts = old.summary, new.summary
    if old.hublet == new.hublet and old.upstream and new.upstream and old.upstream != new.upstream:
        return f"{texts[0]} at {_whole(old.upstream)}", f"{texts[1]} at {_whole(new.upstream)}"
    return texts


def _whole(upstream: Upstream) -> str:
    return f"{upstream} (sni: {upstream.sni}{'' if upstream.http2 else ', http2: false'})"


@dataclass(slots=True)
class Group:
    """The changes of one kind: how many, and the first few."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


class Changes:
    """The changes of many requests: it grows with their kinds, not with their number."""

    def __init__(self) -> None:
        self.requests = 0
        self.groups: dict[tuple[str, str], Group] = {}

    @property
    def count(self) -> int:
        """How many requests change."""
        return sum(group.count for group in self.groups.values())

    def add(self, old: Decision, new: Decision, example: str) -> None:
        """Count a change; `example` is the request as it may be shown."""
        group = self.groups.setdefault(described(old, new), Group())
        group.count += 1
        if len(group.examples) < EXAMPLES:
            group.examples.append(example)

    def lines(self) -> list[str]:
        """Return the changes for people, the most frequent kind first."""
        lines = [f"{self.count:,} of {counted(self.requests, 'request')} would change"]
        for (old, new), group in sorted(self.groups.items(), key=lambda it: -it[1].count):
            lines += ["", counted(group.count, "request"), f"- {old}", f"+ {new}"]
            lines += [f"  {example}" for example in group.examples]
            if rest := group.count - len(group.examples):
                lines.append(f"  and {rest:,} more")
        return lines
