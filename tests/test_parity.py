"""The exported JavaScript answers like the core, and the kit would see if it did not.

`make parity` runs the same with a million decisions.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from parity.cases import decisions
from parity.kit import DRIVE, WORKER, Case, JavaScript, differences
from parity.mutants import MUTANTS
from parity.parts import parts, patterns
from parity.vectors import vectors
from system_programs import needed

SEED = 15


class Asked(NamedTuple):
    """Cases, and what the JavaScript answers to those that ask something."""

    cases: Sequence[Case]
    answers: Sequence[str]


@pytest.fixture(scope="module")
def asked() -> Asked:
    """Cases of every kind, about 50,000; the cheap ones first."""
    quick = [*parts(SEED, 300)]
    made = (
        quick[:1200], vectors(), patterns(SEED, 100), decisions(SEED, 6, 400), quick[1200:],
        parts(SEED + 1, 2200), patterns(SEED + 1, 150), decisions(SEED + 1, 12, 800),
    )  # fmt: skip
    cases = [*chain.from_iterable(made)]
    with closing(JavaScript(needed("node"))) as javascript:
        return Asked(cases, javascript.answers(cases))


def test_the_javascript_answers_like_the_core(asked: Asked) -> None:
    found = [*differences(asked.cases, asked.answers)]
    assert not found, found[:3]
    assert len(asked.answers) > 45_000


def test_every_outcome_is_among_the_cases(asked: Asked) -> None:
    cases = [it for it in asked.cases if it.question == "decide"]
    outcomes = Counter(it.answer[3] for it in cases)
    reasons = {
        "credential", "legacy", "anonymous", "moved", "unknown-hublet", "conflict", "stray",
        "foreign-host", "unreadable", "too-large",
    }  # fmt: skip
    assert outcomes.keys() == reasons
    assert all(count >= 10 for count in outcomes.values()), outcomes


def test_each_mutant_is_killed(asked: Asked, tmp_path: Path) -> None:
    """A third of them, as each takes half a second; `make laws` takes all."""
    code = "".join(file.read_text() for file in WORKER.glob("*.js"))
    assert [before for before, _ in MUTANTS if code.count(before) != 1] == []
    mutants = MUTANTS if settings.get_current_profile_name() == "long" else MUTANTS[::3]
    files = {
        "mutants": json.dumps(mutants),
        "cases": "\n".join(case.line for case in asked.cases),
        "answers": "\n".join(asked.answers),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    ended = subprocess.run(
        [needed("node"), DRIVE, WORKER, *(tmp_path / name for name in files)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not ended.returncode, ended.stderr
    killers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(killers) == len(mutants) >= 30
    alive = [mutant for mutant, killer in zip(mutants, killers, strict=True) if killer is None]
    assert not alive


def test_the_javascript_is_short() -> None:
    lines = sum(len((WORKER / name).read_text().splitlines()) for name in ("decide.js", "regex.js"))
    assert lines < 700
