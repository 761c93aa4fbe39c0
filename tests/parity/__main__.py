"""`make parity`: a million random decisions, and the parts, by the core and by the JavaScript.

One process for each core makes cases and decides them, and has a `node` of its own decide the same.
Prints what was compared, and the first differences with all that is needed to repeat them.
"""

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import chain
from typing import NamedTuple

from .cases import decisions
from .kit import Case, Difference, JavaScript, differences
from .parts import parts, patterns
from .vectors import vectors

REQUESTS = 1000  # for each table
TABLES = 10  # for each task


class Compared(NamedTuple):
    """What one process came to."""

    questions: Counter[str]
    outcomes: Counter[str]
    found: list[Difference]


def compare(node: str, seeds: Iterable[int]) -> Compared:
    """Compare the cases of some seeds: of each, a few of each part, and many decisions."""
    it = Compared(Counter(), Counter(), [])
    with closing(JavaScript(node)) as javascript:
        for seed in seeds:
            first: Iterator[Case] = vectors() if seed % 50 == 0 else iter(())
            made = (first, parts(seed, 100), patterns(seed, 10), decisions(seed, TABLES, REQUESTS))
            cases = [*chain.from_iterable(made)]
            it.found.extend(differences(cases, javascript.answers(cases)))
            it.questions.update(case.question for case in cases if not case.is_scene)
            decided = [case.answer for case in cases if case.question == "decide"]
            it.outcomes.update(f"{action} {reason}" for action, _, _, reason, _, _ in decided)
    return it


def main() -> int:
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000, help="decisions")
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    options = parser.parse_args()
    node = shutil.which("node") or sys.exit("make parity needs node: tests/needs node=nodejs")
    seeds = range(options.seed, options.seed + -(-options.count // (REQUESTS * TABLES)))
    questions, outcomes, found = Counter[str](), Counter[str](), []
    started, before = time.monotonic(), os.times()
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores) as pool:
        shares = [seeds[at::cores] for at in range(cores)]
        for it in pool.map(compare, [node] * cores, shares):
            questions += it.questions
            outcomes += it.outcomes
            found += it.found
    wall, now = time.monotonic() - started, os.times()
    cpu = now.children_user + now.children_system - before.children_user - before.children_system
    print(*(f"{count:>12,} {name}" for name, count in questions.most_common()), sep="\n")
    print("\ndecisions:", *(f"{n:>12,} {it}" for it, n in outcomes.most_common()), sep="\n")
    print(f"\n{len(found)} different, in {wall:.0f} s, with {cpu:.0f} s of CPU")
    for case, said, scene in found[:5]:
        print(f"\n{case.line}\n  core: {case.answer}\n  JavaScript: {said}")
        print(f"  of: {scene.line if scene and case.question in {'decide', 'search'} else '-'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
