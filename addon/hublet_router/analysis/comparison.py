"""What another table would change: two decisions of one request, and the kinds of changes."""

from collections import Counter

from ..core.decision import Decision
from ..core.table import Upstream
from .masking import counted

EXAMPLES = 3
"""Requests that are shown of each kind of change."""


type Kind = tuple[str, str]
"""A line for what was decided, and one for what would be."""


def differ(old: Decision, new: Decision) -> bool:
    """Return whether anything differs but the version of the table."""
    return old != new._replace(table=old.table)


def described(old: Decision, new: Decision) -> Kind:
    """Return a line for each decision: with its upstream where the Hublet stays, but that moves."""
    texts = old.summary, new.summary
    if old.hublet == new.hublet and old.upstream and new.upstream and old.upstream != new.upstream:
        return f"{texts[0]} at {_whole(old.upstream)}", f"{texts[1]} at {_whole(new.upstream)}"
    return texts


def _whole(upstream: Upstream) -> str:
    return f"{upstream} (sni: {upstream.sni}{'' if upstream.http2 else ', http2: false'})"


class Changes:
    """The changes of many requests: it grows with their kinds, not with their number."""

    def __init__(self) -> None:
        self.requests = 0
        self.kinds: Counter[Kind] = Counter()
        self.examples: dict[Kind, list[str]] = {}  # the first few of each kind

    @property
    def count(self) -> int:
        """How many requests change."""
        return self.kinds.total()

    def add(self, old: Decision, new: Decision, example: str) -> None:
        """Count a change; `example` is the request as it may be shown."""
        kind = described(old, new)
        self.kinds[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(example)

    def lines(self) -> list[str]:
        """Return the changes for people, the most frequent kind first."""
        lines = [f"{self.count:,} of {counted(self.requests, 'request')} would change"]
        for kind, count in self.kinds.most_common():
            lines += ["", counted(count, "request"), f"- {kind[0]}", f"+ {kind[1]}"]
            lines += [f"  {example}" for example in self.examples[kind]]
            if count > EXAMPLES:
                lines.append(f"  and {count - EXAMPLES:,} more")
        return lines
