"""How often each Hublet and rule decided, and when last."""

import time

from ...core.decision import Decision
from ...explain.masking import counted


class Usage:
    """How often each Hublet and rule decided, and when last."""

    def __init__(self) -> None:
        # Hublet and rule -> how many, and when the last one came
        self.decided: dict[tuple[str | None, str | None], tuple[int, float]] = {}

    def count(self, decision: Decision) -> None:
        """Count a decision of the live path."""
        key = decision.hublet, decision.credential
        count, _ = self.decided.get(key, (0, 0))
        self.decided[key] = count + 1, time.time()

    def told(self, kind: str, name: str) -> str:
        """Return `12 requests, 14:40:18`: how many, and when the last one came."""
        at = ("Hublet", "rule").index(kind)
        them = [one for key, one in self.decided.items() if key[at] == name]
        if not them:
            return "no request"
        clock = time.strftime("%H:%M:%S", time.localtime(max(last for _, last in them)))
        return f"{counted(sum(count for count, _ in them), 'request')}, {clock}"
