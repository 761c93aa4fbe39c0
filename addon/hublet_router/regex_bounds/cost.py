"""A proof that a regular expression takes linear time: from the expression alone, without a clock.

Python's `re` backtracks and has no time limit, so a pattern is accepted only if a bound of its work
is known. The claim that `bound` proves: `search` takes at most a + b * (n + 1) steps on a text of n
characters, where a step is one try to read one character.

In the worst case, a backtracking engine tries every path through the pattern's graph that the text
permits. The number of paths is bounded, and two rules keep the bound linear in the text:

1. Inside an endless repeat, no two paths may part on the same character. They would part again in
   each round, and their number would grow with the length of the text, or with its power.
2. Where paths that go on without end leave a repeat, only a fixed number of them may be under way
   on the same character. Each place in the text would start one more otherwise, and the work would
   be quadratic.

(A. Weber and H. Seidl, "On the degree of ambiguity of finite automata", 1991, section 3: an
automaton that breaks the first rule is exponentially ambiguous, one that breaks the second
polynomially.) The bound is never too low. It may be too high: then a harmless pattern is refused,
with a sentence that says what to change.
"""

import math
import re
from collections import Counter

from .graph import Graph, SlowError
from .tree import ANY

STEPS_PER_CHARACTER = 600
STEPS_ONCE = 100_000
"""What a pattern may take. A step takes about 5 to 13 ns, and a text has 64 KiB at most: the worst
that is let through is half a second, and the patterns that people write are far below that."""


def slow(pattern: str) -> str | None:
    """Return why a pattern that compiles can take long and what to change, or None if it cannot.

    It is proven as it stands, and for text in any case: `[a-z]` and `[A-Z]` are the same in a path.
    """
    for flags in (0, re.IGNORECASE):
        try:
            once, each = bound(pattern, flags)
        except SlowError as error:
            return str(error)
        if once > STEPS_ONCE or each > STEPS_PER_CHARACTER:
            return "its repeats and choices multiply; lower the limits in { }, or begin it with ^"
    return None


def bound(pattern: str, flags: int = 0) -> tuple[int, int]:
    """Return (a, b): `search` takes at most a + b * (length of the text + 1) steps."""
    graph = Graph(pattern, flags)
    # The steps from a position on: once + each * (how much text any way from there can read).
    once, each = [0] * len(graph.reads), [0] * len(graph.reads)
    for block, endless in graph.blocks():
        tries = aside_each = last_once = last_each = 0
        for here in block:
            stay = 0
            leave = Counter[int]()
            for there, ways in graph.then[here].items():
                if there not in block:
                    leave[there] = ways
                elif twice := graph.reads[there] & (stay if ways == 1 else ANY):
                    raise SlowError(
                        f"inside a repeat, {_example(twice)} can be read in more than one way;"
                        " let the next character decide how to go on"
                    )
                else:
                    stay |= graph.reads[there]
            # Where the next character cannot stay in the repeat, it is left once and for all.
            aside = Counter({at: ways for at, ways in leave.items() if graph.reads[at] & stay})
            tries = max(tries, graph.then[here].total() + _at_once(graph, aside, once))
            aside_each += sum(
                ways * each[there] * _under_way(graph, here, there, graph.reads[there] & stay)
                for there, ways in aside.items()
                if each[there]
            )
            last_once = max(last_once, _at_once(graph, leave - aside, once))
            last_each = max(last_each, _at_once(graph, leave - aside, each))
        for here in block:
            once[here] = tries + last_once
            each[here] = tries * endless + aside_each + last_each
    return once[0], each[0]


def _at_once(graph: Graph, ways: Counter[int], cost: list[int]) -> int:
    """Return what those positions cost together that can read one and the same character."""
    costs = Counter[int]()
    for there, count in ways.items():
        costs[graph.reads[there]] += count * cost[there]
    return max((sum(costs[b] for b in costs if a & b) for a in costs), default=0)


def _under_way(graph: Graph, here: int, there: int, both: int) -> int:
    """Return how many ways that left a repeat at this place can read the same character later.

    A way has read `at` when it is `distance` characters old. If no endless repeat can read that
    once more, then each later way takes each earlier one past a position that can.
    """
    at, after, distance = here, [there], 0
    while (again := _again(graph, graph.reads[at], after)) == math.inf and len(after) == 1:
        at, after, distance = after[0], list(graph.then[after[0]]), distance + 1
    if again < math.inf:
        return int(again) + 1 + distance
    raise SlowError(
        f"two repeats can share a text, like many {_example(both)}; put between them what"
        " neither can read, or limit one, like {0,20}"
        if here
        else "it can start anywhere, and then repeat without end; begin it with ^, or limit the"
        " repeat, like {1,20}"
    )


def _again(graph: Graph, reads: int, after: list[int]) -> float:
    """Return how often a way from there on can read one of these characters."""
    most = [0.0] * len(graph.reads)
    for block, endless in graph.blocks():
        behind = max((most[there] for here in block for there in graph.then[here]), default=0)
        if any(graph.reads[here] & reads for here in block):
            behind += math.inf if endless else 1
        for here in block:
            most[here] = behind
    return max((most[there] for there in after), default=0)


def _example(reads: int) -> str:
    """Return one character of a set, a plain one if there is one."""
    codes = (*range(97, 123), *range(33, 127), 32, *range(256))
    return next((repr(chr(code)) for code in codes if reads >> code & 1), "a rare character")
