"""`make parity`: a million random decisions, and the parts, by the core and by the JavaScript.

One process for each core makes cases and decides them, and has `node` decide the same. Prints what
was compared, and the first differences with all that is needed to repeat them.
"""

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from typing import NamedTuple

from .cases import decisions
from .kit import Case, Difference, ask, differences
from .parts import parts, patterns
from .vectors import vectors

REQUESTS = 1000  # for each table
TABLES = 20  # for each task


class Compared(NamedTuple):
    """What one task came to."""

    questions: Counter[str]
    outcomes: Counter[str]
    found: list[Difference]


def compare(node: str, seed: int) -> Compared:
    """Compare the cases of one seed: some parts, and many decisions."""
    first: Iterator[Case] = vectors() if seed % 50 == 0 else iter(())
    made = (first, parts(seed, 500), patterns(seed, 100), decisions(seed, TABLES, REQUESTS))
    cases = [*chain.from_iterable(made)]
    answers = ask(node, [case.line for case in cases])
    decided = [case.answer for case in cases if case.question == "decide"]
    return Compared(
        Counter(case.question for case in cases if not case.is_scene),
        Counter(f"{action} {reason}" for action, _, _, reason, _, _ in decided),
        [*differences(cases, answers)],
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000, help="decisions")
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    options = parser.parse_args()
    node = shutil.which("node") or sys.exit("make parity needs node: tests/needs node=nodejs")
    seeds = range(options.seed, options.seed + -(-options.count // (REQUESTS * TABLES)))
    questions, outcomes, found = Counter[str](), Counter[str](), []
    started = time.monotonic()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for it in pool.map(compare, [node] * len(seeds), seeds):
            questions += it.questions
            outcomes += it.outcomes
            found += it.found
    print(*(f"{count:>12,} {name}" for name, count in questions.most_common()), sep="\n")
    print("\ndecisions:", *(f"{n:>12,} {it}" for it, n in outcomes.most_common()), sep="\n")
    print(f"\n{len(found)} different, in {time.monotonic() - started:.0f} s")
    for case, said, scene in found[:5]:
        print(f"\n{case.line}\n  core: {case.answer}\n  JavaScript: {said}")
        print(f"  of: {scene.line if scene and case.question in {'decide', 'search'} else '-'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
