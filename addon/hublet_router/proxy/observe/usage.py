"""How often each Hublet and rule decided, and when last."""

import time

from mitmproxy import http

from ...analysis.masking import counted
from ..routing.annotate import Decided


class Usage:
    """Counts each request once, when its answer has ended, by the decision that stood then."""

    def __init__(self) -> None:
        # Hublet and rule -> how many requests, and when the last one ended
        self.counts: dict[tuple[str | None, str | None], tuple[int, float]] = {}

    def count(self, _flow: http.HTTPFlow, decided: Decided) -> None:
        """Count a request whose answer has ended, or will not come."""
        key = decided.decision.hublet, decided.decision.credential
        count, _ = self.counts.get(key, (0, 0))
        self.counts[key] = count + 1, time.time()

    def of_hublet(self, name: str) -> str:
        """Return `12 requests, 14:40:18` for a Hublet: how many, and when the last one ended."""
        return _summary([it for (hublet, _), it in self.counts.items() if hublet == name])

    def of_rule(self, name: str) -> str:
        """Return the same for a rule."""
        return _summary([it for (_, rule), it in self.counts.items() if rule == name])


def _summary(counts: list[tuple[int, float]]) -> str:
    if not counts:
        return "no request"
    clock = time.strftime("%H:%M:%S", time.localtime(max(last for _, last in counts)))
    return f"{counted(sum(count for count, _ in counts), 'request')}, {clock}"
