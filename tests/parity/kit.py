"""Holds the exported JavaScript to the core: the same questions must get the same answers.

A case is a question of `drive.mjs` with its operand, and what the core answers. Some only set the
scene: the table, or the pattern, that the next ones are about.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hublet_router

WORKER = Path(hublet_router.__path__[0]) / "export" / "worker"
DRIVE = Path(__file__).with_name("drive.mjs")


class Case(NamedTuple):
    """A question, its operand, and the core's answer."""

    question: str
    operand: Any
    answer: Any = None

    @property
    def is_scene(self) -> bool:
        return self.question in {"program", "pattern"}

    @property
    def line(self) -> str:
        return json.dumps([self.question, self.operand])


class Difference(NamedTuple):
    """A case to which the JavaScript has another answer, with its table or pattern."""

    case: Case
    said: str
    scene: Case | None  # a table or a pattern, for a decision or a search


def differences(cases: Iterable[Case], answers: Iterable[str]) -> Iterator[Difference]:
    """Yield each case that the JavaScript answers in another way than the core."""
    said, scene = iter(answers), None
    for case in cases:
        if case.is_scene:
            scene = case
        elif json.loads(it := next(said)) != case.answer:
            yield Difference(case, it, scene)
    assert next(said, None) is None


def ask(node: str, lines: Iterable[str]) -> list[str]:
    """Return what the JavaScript answers to each line that asks something."""
    ended = subprocess.run(
        [node, DRIVE, WORKER], input="\n".join(lines).encode(), capture_output=True, check=False
    )
    if ended.returncode:
        raise AssertionError(ended.stderr.decode()[-3000:])
    return ended.stdout.decode().split("\n")[:-1]
