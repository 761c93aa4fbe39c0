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


class JavaScript:
    """The exported JavaScript in a process, which is quick once it has answered some thousands."""

    def __init__(self, node: str) -> None:
        self._process = subprocess.Popen(
            [node, DRIVE, WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    def answers(self, cases: Iterable[Case]) -> list[str]:
        """Return what it answers to each case that asks something."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        wanted = 0
        for case in cases:
            stdin.write(f"{case.line}\n")
            wanted += not case.is_scene
        stdin.write("\n")
        stdin.flush()
        said = [stdout.readline().removesuffix("\n") for _ in range(wanted)]
        assert all(said), "node has ended, and said why"
        return said
